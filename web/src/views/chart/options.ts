import {
  type CandlestickSeriesPartialOptions,
  type ChartOptions,
  ColorType,
  CrosshairMode,
  type DeepPartial,
  type HistogramSeriesPartialOptions,
  LineStyle,
} from "lightweight-charts";

import type { Palette } from "./palette.ts";

export const WATERMARK_PX = 44;

const prefersReducedMotion = (): boolean =>
  window.matchMedia("(prefers-reduced-motion: reduce)").matches;

export function buildChartOptions(
  palette: Palette,
  rightOffset: number,
): DeepPartial<ChartOptions> {
  const line = {
    color: palette.crosshair,
    labelBackgroundColor: palette.crosshairLabel,
    style: LineStyle.Dashed,
    width: 1,
  } as const;
  return {
    autoSize: true,
    layout: {
      background: { type: ColorType.Solid, color: palette.background },
      textColor: palette.text,
      fontFamily: palette.font,
      fontSize: 12,
      // The logo brings a style element, which the page's policy refuses; the footer names TradingView.
      attributionLogo: false,
    },
    grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
    crosshair: { mode: CrosshairMode.Normal, vertLine: line, horzLine: line },
    // As wide as six digits and two decimals want: a longer price must not move the chart.
    rightPriceScale: { borderColor: palette.border, minimumWidth: 84 },
    timeScale: {
      borderColor: palette.border,
      rightOffset,
      timeVisible: true,
      secondsVisible: false,
      minBarSpacing: 0.4,
    },
    kineticScroll: { mouse: false, touch: !prefersReducedMotion() },
    localization: { locale: "en-GB", dateFormat: "yyyy-MM-dd" },
  };
}

export function buildSeriesOptions(palette: Palette): {
  readonly candles: CandlestickSeriesPartialOptions;
  readonly volume: HistogramSeriesPartialOptions;
} {
  return {
    candles: {
      upColor: palette.up,
      borderUpColor: palette.up,
      wickUpColor: palette.up,
      downColor: palette.down,
      borderDownColor: palette.down,
      wickDownColor: palette.down,
    },
    volume: {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      priceLineVisible: false,
      lastValueVisible: false,
    },
  };
}
