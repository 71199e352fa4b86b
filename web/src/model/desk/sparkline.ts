/** A day's course in a few pixels. */
export interface Sparkline {
  readonly path: string;
  /** Where nothing is made or lost; null where the day never came near. */
  readonly zero: number | null;
}

/** Draw values evenly across a box, the lowest at its bottom; null with fewer than two of them. */
export function drawSparkline(
  values: readonly number[],
  width: number,
  height: number,
): Sparkline | null {
  if (values.length < 2) {
    return null;
  }
  const low = Math.min(...values);
  const high = Math.max(...values);
  const toY = (value: number): number =>
    high === low ? height / 2 : 1 + ((high - value) / (high - low)) * (height - 2);
  const step = width / (values.length - 1);
  const points = values.map((value, at) => `${(at * step).toFixed(1)} ${toY(value).toFixed(1)}`);
  return {
    path: `M${points.join("L")}`,
    zero: low <= 0 && high >= 0 && high > low ? toY(0) : null,
  };
}
