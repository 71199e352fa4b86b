import type { Bar, BarSource, Timeframe } from "../client/bar.ts";
import type { MarketMs } from "../helpers/instant.ts";
import type { Zone } from "../helpers/zone.ts";
import type { ChartPoint } from "./chart-layout.ts";
import type { ShownBar } from "./chart.svelte.ts";
import { formatClock, formatDay, formatPrice, formatQuantity, UNKNOWN } from "./format.ts";
import type { Instrument } from "./instrument.ts";

const SOURCES: Readonly<Record<BarSource, string>> = {
  stream: "heard live",
  ticks: "from ticks",
  broker: "from the broker",
  file: "from a file",
};

/** `2026-11-16 14:05`; of a daily bar the trading day. */
export function formatBarTime(
  ts: MarketMs | null,
  timeframe: Timeframe,
  zone: Zone | null,
): string {
  if (ts === null || zone === null) {
    return UNKNOWN;
  }
  return timeframe === "1d"
    ? new Date(ts).toISOString().slice(0, 10)
    : `${formatDay(ts, zone)} ${formatClock(ts, zone).slice(0, 5)}`;
}

/** A bar's status and where it is from, in words. */
export function describeBar(bar: Bar | null, hovered: ChartPoint | null): string {
  if (bar === null) {
    return hovered === null ? "" : "no bar: no trade heard";
  }
  const heard = bar.status === "partial" ? "partial: not all of it was heard" : bar.status;
  const status = bar.isForming ? "forming" : heard;
  return `${status}, ${SOURCES[bar.source]}`;
}

/** What the chart shows, in a sentence: for those who do not see it. */
export function summarize(
  instrument: Instrument | null,
  timeframe: Timeframe,
  last: ShownBar | null,
): string {
  if (instrument === null) {
    return "No instrument is chosen.";
  }
  const name = `${instrument.description}, ${instrument.exchange}, bars of ${timeframe}.`;
  if (last === null) {
    return `${name} There are no bars.`;
  }
  const { bar } = last;
  const point = { ts: bar.ts, bar };
  return `${name} The newest: ${describePoint(point, timeframe, instrument)}. Arrow keys go from bar to bar; T shows a table.`;
}

/** One place of the chart, in words. */
export function describePoint(
  { ts, bar }: Pick<ChartPoint, "ts" | "bar">,
  timeframe: Timeframe,
  instrument: Instrument | null,
): string {
  if (instrument === null) {
    return "";
  }
  const time = formatBarTime(ts, timeframe, instrument.zone);
  if (bar === null) {
    return `${time}, no bar`;
  }
  const price = (value: number): string => formatPrice(value, instrument.decimals);
  return (
    `${time}, open ${price(bar.open)}, high ${price(bar.high)}, low ${price(bar.low)}, ` +
    `close ${price(bar.close)}, volume ${bar.volume === null ? "unknown" : formatQuantity(bar.volume)}`
  );
}
