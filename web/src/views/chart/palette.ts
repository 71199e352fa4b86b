/** The theme's colours, for what is drawn on a canvas: read from the same properties as the rest. */
export interface Palette {
  readonly background: string;
  readonly text: string;
  readonly grid: string;
  readonly border: string;
  readonly up: string;
  readonly down: string;
  readonly volumeUp: string;
  readonly volumeDown: string;
  readonly sessionBreak: string;
  readonly gap: string;
  readonly crosshair: string;
  readonly crosshairLabel: string;
  readonly watermark: string;
  readonly font: string;
}

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    background: read("--panel"),
    text: read("--text-muted"),
    grid: read("--chart-grid"),
    border: read("--border"),
    up: read("--up"),
    down: read("--down"),
    volumeUp: read("--volume-up"),
    volumeDown: read("--volume-down"),
    sessionBreak: read("--session-break"),
    gap: read("--gap"),
    crosshair: read("--crosshair"),
    crosshairLabel: read("--crosshair-label"),
    watermark: read("--watermark"),
    font: style.fontFamily,
  };
}
