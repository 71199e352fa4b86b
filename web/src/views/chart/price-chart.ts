import {
  CandlestickSeries,
  createChart,
  createTextWatermark,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type ITextWatermarkPluginApi,
  type Logical,
  type MouseEventParams,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";

import type { ChartSink } from "../../model/chart.svelte.ts";
import type { ChartLayout, ChartPoint } from "../../model/chart-layout.ts";
import { buildChartOptions, buildSeriesOptions, WATERMARK_PX } from "./options.ts";
import type { Palette } from "./palette.ts";
import { SessionMarks } from "./session-marks.ts";

/** Bars from the left end at which older ones are asked for. */
const OLDER_AHEAD = 40;
/** Places to the right of the newest bar. */
const RIGHT_OFFSET = 6;
const STEP_ZOOM = 1.25;

export interface PriceChartEvents {
  /** The crosshair is on a place, or on none. */
  onHover(point: ChartPoint | null): void;
  /** Somebody looks at the oldest bars. */
  onOldest(): void;
}

/** How an instrument is drawn. */
export interface PriceFormat {
  readonly decimals: number;
  readonly hasVolume: boolean;
  readonly isIntraday: boolean;
}

/** The one place that talks to the charting library. */
export class PriceChart implements ChartSink {
  readonly #events: PriceChartEvents;
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick">;
  readonly #volume: ISeriesApi<"Histogram">;
  readonly #marks: SessionMarks;
  readonly #watermark: ITextWatermarkPluginApi<Time>;
  #palette: Palette;
  #layout: ChartLayout | null = null;
  /** The place that the keyboard is on. */
  #cursor: number | null = null;

  constructor(element: HTMLElement, palette: Palette, events: PriceChartEvents) {
    this.#events = events;
    this.#palette = palette;
    this.#chart = createChart(element, buildChartOptions(palette, RIGHT_OFFSET));
    const { candles, volume } = buildSeriesOptions(palette);
    this.#volume = this.#chart.addSeries(HistogramSeries, volume);
    this.#candles = this.#chart.addSeries(CandlestickSeries, candles);
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#marks = new SessionMarks(palette);
    const pane = this.#chart.panes()[0];
    if (pane === undefined) {
      throw new Error("a chart without a pane");
    }
    pane.attachPrimitive(this.#marks);
    this.#watermark = createTextWatermark(pane, { lines: [] });
    this.#chart.subscribeCrosshairMove((param) => {
      this.#onCrosshair(param);
    });
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range !== null && range.from < OLDER_AHEAD && this.#layout !== null) {
        this.#events.onOldest();
      }
    });
  }

  destroy(): void {
    this.#chart.remove();
  }

  setFormat({ decimals, hasVolume, isIntraday }: PriceFormat): void {
    this.#candles.applyOptions({
      priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals },
    });
    this.#volume.applyOptions({ visible: hasVolume });
    this.#candles
      .priceScale()
      .applyOptions({ scaleMargins: { top: 0.06, bottom: hasVolume ? 0.24 : 0.06 } });
    this.#chart.timeScale().applyOptions({ timeVisible: isIntraday });
  }

  setPalette(palette: Palette): void {
    this.#palette = palette;
    this.#chart.applyOptions(buildChartOptions(palette, RIGHT_OFFSET));
    const { candles, volume } = buildSeriesOptions(palette);
    this.#candles.applyOptions(candles);
    this.#volume.applyOptions(volume);
    this.#marks.setPalette(palette);
    if (this.#layout !== null) {
      this.#volume.setData(this.#layout.points.map((point) => this.#toVolume(point)));
    }
  }

  /** Write across the chart what must not be overlooked; an empty text is nothing. */
  setWatermark(text: string): void {
    const { watermark: color, font: fontFamily } = this.#palette;
    const line = { text, color, fontFamily, fontSize: WATERMARK_PX, fontStyle: "bold" };
    this.#watermark.applyOptions({ lines: [line] });
  }

  redraw(layout: ChartLayout, { keepsView }: { readonly keepsView: boolean }): void {
    const scale = this.#chart.timeScale();
    const view = keepsView ? this.#findView(layout) : null;
    const isFirst = this.#layout === null || !keepsView;
    this.#layout = layout;
    this.#candles.setData(layout.points.map(toCandle));
    this.#volume.setData(layout.points.map((point) => this.#toVolume(point)));
    this.#marks.setMarks(layout);
    this.clearCursor();
    if (view !== null) {
      scale.setVisibleLogicalRange(view);
    } else if (isFirst) {
      this.#candles.priceScale().applyOptions({ autoScale: true });
      scale.resetTimeScale();
    }
  }

  update(points: readonly ChartPoint[]): void {
    for (const point of points) {
      this.#candles.update(toCandle(point));
      this.#volume.update(this.#toVolume(point));
    }
    if (this.#layout !== null && points.length > 1) {
      this.#marks.setMarks(this.#layout);
    }
    if (this.#cursor !== null) {
      this.#showCursor(this.#cursor); // The library leaves the crosshair where it was on the screen.
    }
  }

  // -- by keyboard ---------------------------------------------------------------------------

  /** Put the crosshair so many places further, from the newest bar on. Returns what is there. */
  moveCursor(steps: number): ChartPoint | null {
    const points = this.#layout?.points ?? [];
    const from = this.#cursor ?? points.length;
    const index = Math.max(0, Math.min(points.length - 1, from + steps));
    const point = points[index];
    if (point === undefined) {
      return null;
    }
    this.#cursor = index;
    this.#reveal(index);
    this.#showCursor(index);
    return point;
  }

  clearCursor(): void {
    if (this.#cursor !== null) {
      this.#cursor = null;
      this.#chart.clearCrosshairPosition();
      this.#events.onHover(null);
    }
  }

  /** Go a screen back (-1) or forward (1). */
  turnPage(direction: 1 | -1): void {
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    const count = this.#layout?.points.length ?? 0;
    if (range !== null && count > 0) {
      this.clearCursor();
      const width = range.to - range.from;
      const latest = Math.max(0, count + RIGHT_OFFSET - width);
      const from = Math.max(0, Math.min(latest, range.from + 0.9 * width * direction));
      scale.setVisibleLogicalRange({ from, to: from + width });
    }
  }

  zoom(direction: 1 | -1): void {
    const scale = this.#chart.timeScale();
    const { barSpacing } = scale.options();
    scale.applyOptions({ barSpacing: barSpacing * STEP_ZOOM ** direction });
  }

  showNewest(): void {
    this.clearCursor();
    this.#chart.timeScale().scrollToRealTime();
  }

  // ------------------------------------------------------------------------------------------

  /** Where the places looked at are in a new layout; null where the newest bar is followed anyway. */
  #findView(layout: ChartLayout): { from: Logical; to: Logical } | null {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    const old = this.#layout?.points;
    if (range === null || old === undefined || range.to >= old.length - 1) {
      return null;
    }
    // Both ends of the old points may have moved: a place is found again by its time.
    const anchorIndex = Math.max(0, Math.round(range.to));
    const anchor = old[anchorIndex];
    const found = anchor === undefined ? -1 : findPlace(layout.points, anchor.ts);
    if (found < 0) {
      return null;
    }
    const shift = found - anchorIndex;
    return { from: (range.from + shift) as Logical, to: (range.to + shift) as Logical };
  }

  #onCrosshair(param: MouseEventParams): void {
    const points = this.#layout?.points;
    if (this.#cursor !== null && param.sourceEvent === undefined) {
      return; // The keyboard holds it, and no pointer moved.
    }
    this.#cursor = null;
    const { logical, point } = param;
    const isOver = logical !== undefined && point !== undefined;
    this.#events.onHover(isOver ? (points?.[Math.round(logical)] ?? null) : null);
  }

  #showCursor(index: number): void {
    const point = this.#layout?.points[index];
    if (point !== undefined) {
      const price = point.bar?.close ?? this.#findPriceBefore(index);
      this.#chart.setCrosshairPosition(price, toLibraryTime(point), this.#candles);
      // The library tells of what a pointer does, and not of this.
      this.#events.onHover(point);
    }
  }

  #reveal(index: number): void {
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range !== null && (index < range.from || index > range.to)) {
      const shift = index < range.from ? index - range.from - 2 : index - range.to + 2;
      scale.setVisibleLogicalRange({ from: range.from + shift, to: range.to + shift });
    }
  }

  #findPriceBefore(index: number): number {
    const points = this.#layout?.points ?? [];
    return points.slice(0, index).findLast((point) => point.bar !== null)?.bar?.close ?? 0;
  }

  #toVolume(point: ChartPoint): {
    time: UTCTimestamp;
    value?: number;
    color?: string;
  } {
    const time = toLibraryTime(point);
    const { bar } = point;
    const volume = bar?.volume ?? null;
    if (bar === null || volume === null) {
      return { time };
    }
    const color = bar.close < bar.open ? this.#palette.volumeDown : this.#palette.volumeUp;
    return { time, value: volume, color };
  }
}

/** The library's times are of UTC; ours already are as the exchange's clock has them. */
function toLibraryTime(point: ChartPoint): UTCTimestamp {
  return point.time as number as UTCTimestamp;
}

function toCandle(point: ChartPoint): {
  time: UTCTimestamp;
  open?: number;
  high?: number;
  low?: number;
  close?: number;
} {
  const time = toLibraryTime(point);
  if (point.bar === null) {
    return { time };
  }
  const { open, high, low, close } = point.bar;
  return { time, open, high, low, close };
}

function findPlace(points: readonly ChartPoint[], ts: number): number {
  let low = 0;
  let high = points.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = points[middle]?.ts ?? 0;
    if (found === ts) {
      return middle;
    }
    if (found < ts) {
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return -1;
}
