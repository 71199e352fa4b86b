import type {
  IPanePrimitive,
  IPanePrimitivePaneView,
  IPrimitivePaneRenderer,
  ITimeScaleApi,
  Logical,
  PaneAttachedParameter,
  Time,
} from "lightweight-charts";

import { type ChartPoint, type Gap, isPartlyHeard } from "../../model/chart-layout.ts";
import type { Palette } from "./palette.ts";

type DrawingTarget = Parameters<IPrimitivePaneRenderer["draw"]>[0];

const HATCH_PX = 6;
const DASH_PX = 4;

/** What is marked, by places on the time axis. */
export interface Marks {
  readonly points: readonly ChartPoint[];
  readonly gaps: readonly Gap[];
  readonly breaks: readonly number[];
}

/**
 * Draws, behind the candles, a line where a session begins, and hatching where bars are missing or
 * not all of their ticks were heard.
 */
export class SessionMarks implements IPanePrimitive {
  #marks: Marks = { points: [], gaps: [], breaks: [] };
  #palette: Palette;
  #scale: ITimeScaleApi<Time> | null = null;
  #requestUpdate: (() => void) | null = null;
  readonly #view: IPanePrimitivePaneView = {
    zOrder: () => "bottom",
    renderer: () => ({
      draw: (target) => {
        this.#draw(target);
      },
    }),
  };

  constructor(palette: Palette) {
    this.#palette = palette;
  }

  attached({ chart, requestUpdate }: PaneAttachedParameter): void {
    this.#scale = chart.timeScale();
    this.#requestUpdate = requestUpdate;
  }

  detached(): void {
    this.#scale = null;
    this.#requestUpdate = null;
  }

  paneViews(): readonly IPanePrimitivePaneView[] {
    return [this.#view];
  }

  setMarks(marks: Marks): void {
    this.#marks = marks;
    this.#requestUpdate?.();
  }

  setPalette(palette: Palette): void {
    this.#palette = palette;
    this.#requestUpdate?.();
  }

  #draw(target: DrawingTarget): void {
    const scale = this.#scale;
    const visible = scale?.getVisibleLogicalRange() ?? null;
    if (scale === null || visible === null) {
      return;
    }
    const half = scale.options().barSpacing / 2;
    const toX = (index: number): number => scale.logicalToCoordinate(index as Logical) ?? 0;
    target.useBitmapCoordinateSpace(({ context, bitmapSize, horizontalPixelRatio: ratio }) => {
      context.save();
      context.strokeStyle = this.#palette.gap;
      context.lineWidth = Math.max(1, Math.floor(ratio));
      for (const { from, to } of this.#marks.gaps) {
        if (to >= visible.from - 1 && from <= visible.to + 1) {
          const left = (toX(from) - half) * ratio;
          const right = (toX(to) + half) * ratio;
          hatch(context, left, right, bitmapSize.height, HATCH_PX * ratio);
        }
      }
      const { points } = this.#marks;
      const end = Math.min(points.length - 1, Math.ceil(visible.to) + 1);
      for (let index = Math.max(0, Math.floor(visible.from) - 1); index <= end; index += 1) {
        const point = points[index];
        if (point !== undefined && isPartlyHeard(point)) {
          const x = toX(index);
          const [left, right] = [(x - half) * ratio, (x + half) * ratio];
          hatch(context, left, right, bitmapSize.height, HATCH_PX * ratio);
        }
      }
      context.strokeStyle = this.#palette.sessionBreak;
      context.setLineDash([DASH_PX * ratio, DASH_PX * ratio]);
      context.beginPath();
      for (const index of this.#marks.breaks) {
        if (index >= visible.from - 1 && index <= visible.to + 1) {
          // On half a pixel a line one pixel wide is sharp.
          const x = Math.round((toX(index) - half) * ratio) + 0.5;
          context.moveTo(x, 0);
          context.lineTo(x, bitmapSize.height);
        }
      }
      context.stroke();
      context.restore();
    });
  }
}

function hatch(
  context: CanvasRenderingContext2D,
  left: number,
  right: number,
  height: number,
  step: number,
): void {
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  context.beginPath();
  // Lines that lean the same way everywhere: their start does not depend on where the gap begins.
  for (let x = Math.floor((left - height) / step) * step; x < right; x += step) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}
