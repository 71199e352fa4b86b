import type { MarketMs } from "../helpers/instant.ts";
import type { Nominal } from "../helpers/nominal.ts";

export type Price = Nominal<number, "Price">;

/** The canonical name of an instrument: `NSE:NIFTY 50`. */
export type InstrumentSymbol = Nominal<string, "InstrumentSymbol">;

export const TIMEFRAMES = ["1m", "3m", "5m", "15m", "30m", "1h", "1d"] as const;
export type Timeframe = (typeof TIMEFRAMES)[number];

export function isTimeframe(text: string): text is Timeframe {
  return (TIMEFRAMES as readonly string[]).includes(text);
}

export type BarStatus = "complete" | "partial" | "revised";

/** Where a bar is from. What a socket tells of does not say, and is `stream`. */
export type BarSource = "stream" | "ticks" | "broker" | "file";

/** One bar; null is unknown, never 0. */
export interface Bar {
  /** Its open; of a daily bar 00:00 UTC of its trading day. */
  readonly ts: MarketMs;
  readonly open: Price;
  readonly high: Price;
  readonly low: Price;
  readonly close: Price;
  /** Units traded. */
  readonly volume: number | null;
  /** Open interest at its end, in units. */
  readonly oi: number | null;
  readonly status: BarStatus;
  readonly isForming: boolean;
  readonly source: BarSource;
}
