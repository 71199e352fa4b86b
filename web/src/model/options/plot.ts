/** What a plot's colours mean. */
export type Tone = "call" | "put" | "accent" | "muted";

/** One thing that is drawn over the plot's places; null is unknown, and drawn as nothing. */
export interface PlotSeries {
  readonly name: string;
  readonly tone: Tone;
  /** An area is a line with what lies between it and 0 in the colours of more and of less. */
  readonly kind: "line" | "dots" | "bars" | "area";
  readonly values: readonly (number | null)[];
}

/** A place that is marked by an upright line and a word. */
export interface PlotMark {
  readonly x: number;
  readonly text: string;
}

/** What is to be drawn, in its own units. */
export interface Plot {
  /** Ascending. */
  readonly xs: readonly number[];
  readonly series: readonly PlotSeries[];
  readonly marks: readonly PlotMark[];
  readonly xTitle: string;
  readonly formatX: (x: number) => string;
  readonly formatY: (y: number) => string;
  /** Where the x axis is labelled; by default at round numbers. */
  readonly listTicks?: (from: number, to: number, count: number) => readonly number[];
}

interface Tick {
  readonly at: number;
  readonly text: string;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface PlotShape {
  readonly series: PlotSeries;
  readonly path: string;
  readonly fill: string | null;
}

/** The same in pixels. */
export interface PlotLayout {
  readonly box: Box;
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  readonly marks: readonly Tick[];
  /** Where 0 is, of a plot with an area. */
  readonly zero: number | null;
  /** Paths, by series; of an area the outline of what is filled, too. */
  readonly shapes: readonly PlotShape[];
  /** Where each place lies. */
  readonly places: readonly number[];
}

const LEFT = 64;
const RIGHT = 34;
const TOP = 32;
const BOTTOM = 26;
const X_TICK_PX = 90;
const Y_TICK_PX = 44;
const DOT = 3;

/** Lay a plot out in so many pixels; null where there is nothing to draw. */
export function layOutPlot(plot: Plot, width: number, height: number): PlotLayout | null {
  const first = plot.xs[0];
  const last = plot.xs.at(-1);
  const range = findRange(plot.series);
  if (first === undefined || last === undefined || range === null || width <= LEFT + RIGHT) {
    return null;
  }
  const box = { left: LEFT, top: TOP, right: width - RIGHT, bottom: height - BOTTOM };
  const hasBars = plot.series.some((each) => each.kind === "bars");
  // Bars need room at either end.
  const slot = (box.right - box.left) / Math.max(1, plot.xs.length);
  const inset = hasBars ? slot / 2 : 0;
  const [low, high] = range;
  const toX = scale(first, last, box.left + inset, box.right - inset);
  const toY = scale(low, high, box.bottom, box.top);
  const places = plot.xs.map(toX);
  const isInside = (each: Tick): boolean => each.at >= box.left && each.at <= box.right;
  const listTicks = plot.listTicks ?? listRound;
  return {
    box,
    places,
    zero: plot.series.some((each) => each.kind === "area") ? toY(0) : null,
    xTicks: listTicks(first, last, (box.right - box.left) / X_TICK_PX)
      .map((x) => ({ at: toX(x), text: plot.formatX(x) }))
      .filter(isInside),
    yTicks: listRound(low, high, (box.bottom - box.top) / Y_TICK_PX).map((y) => ({
      at: toY(y),
      text: plot.formatY(y),
    })),
    marks: plot.marks.map(({ x, text }) => ({ at: toX(x), text })).filter(isInside),
    shapes: drawSeries(plot.series, places, toY, slot),
  };
}

function drawSeries(
  series: readonly PlotSeries[],
  places: readonly number[],
  toY: (y: number) => number,
  slot: number,
): PlotLayout["shapes"] {
  const bars = series.filter((each) => each.kind === "bars");
  const width = (slot * 0.8) / Math.max(1, bars.length);
  return series.map((each) => {
    const points = each.values.map((value, index) => {
      const x = places[index];
      return value === null || x === undefined ? null : ([x, toY(value)] as const);
    });
    switch (each.kind) {
      case "line":
        return { series: each, path: drawLine(points), fill: null };
      case "area":
        return { series: each, path: drawLine(points), fill: drawArea(points, toY(0)) };
      case "dots":
        return { series: each, path: points.map((point) => drawDot(point)).join(""), fill: null };
      case "bars": {
        const shift = (bars.indexOf(each) - bars.length / 2) * width;
        const path = points.map((point) => drawBar(point, shift, width, toY(0))).join("");
        return { series: each, path, fill: null };
      }
    }
  });
}

type Point = readonly [x: number, y: number] | null;

/** What is unknown breaks the line. */
function drawLine(points: readonly Point[]): string {
  let isDrawing = false;
  let path = "";
  for (const point of points) {
    if (point !== null) {
      path += `${isDrawing ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    }
    isDrawing = point !== null;
  }
  return path;
}

/** Between the line and 0, from the first place to the last. */
function drawArea(points: readonly Point[], zero: number): string {
  const known = points.filter((point) => point !== null);
  const [first, last] = [known[0], known.at(-1)];
  return first === undefined || last === undefined
    ? ""
    : `${drawLine(known)}V${zero.toFixed(1)}H${first[0].toFixed(1)}Z`;
}

function drawDot(point: Point): string {
  if (point === null) {
    return "";
  }
  const arc = (dx: number): string => `a${DOT} ${DOT} 0 1 0 ${dx} 0`;
  return `M${(point[0] - DOT).toFixed(1)} ${point[1].toFixed(1)}${arc(2 * DOT)}${arc(-2 * DOT)}Z`;
}

function drawBar(point: Point, shift: number, width: number, zero: number): string {
  if (point === null) {
    return "";
  }
  const [x, y] = point;
  return `M${(x + shift).toFixed(1)} ${zero.toFixed(1)}h${width.toFixed(1)}V${y.toFixed(1)}h${(-width).toFixed(1)}Z`;
}

/** From the lowest to the highest value, a little apart; with 0 where there are bars or areas. */
function findRange(series: readonly PlotSeries[]): readonly [number, number] | null {
  const known = series.flatMap((each) => each.values.filter((value) => value !== null));
  if (known.length === 0) {
    return null;
  }
  const hasBars = series.some((each) => each.kind === "bars");
  const hasZero = hasBars || series.some((each) => each.kind === "area");
  const low = Math.min(...known, hasZero ? 0 : Infinity);
  const high = Math.max(...known, hasZero ? 0 : -Infinity);
  const room = high > low ? (high - low) * 0.05 : Math.abs(high) * 0.05 || 1;
  return [hasBars && low === 0 ? 0 : low - room, hasBars && high === 0 ? 0 : high + room];
}

function scale(from: number, to: number, start: number, end: number): (value: number) => number {
  return from === to
    ? () => (start + end) / 2
    : (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** About so many round numbers of a range. */
export function listRound(from: number, to: number, count: number): readonly number[] {
  const rough = (to - from) / Math.max(1, count);
  if (!(rough > 0)) {
    return [from];
  }
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((each) => each * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let index = Math.ceil(from / step); index * step <= to + step * 1e-9; index += 1) {
    ticks.push(index * step);
  }
  return ticks;
}

/** The place nearest to so many pixels from the left. */
export function findNearest(places: readonly number[], at: number): number {
  let best = 0;
  for (const [index, place] of places.entries()) {
    if (Math.abs(place - at) < Math.abs((places[best] ?? Infinity) - at)) {
      best = index;
    }
  }
  return best;
}

/** What stands at one place, in words. */
export function describePlace(plot: Plot, index: number): string {
  const x = plot.xs[index];
  if (x === undefined) {
    return "";
  }
  const parts = plot.series.map((each) => {
    const value = each.values[index] ?? null;
    return `${each.name} ${value === null ? "unknown" : plot.formatY(value)}`;
  });
  return `${plot.xTitle} ${plot.formatX(x)}: ${parts.join(", ")}`;
}
