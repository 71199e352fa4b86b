import type { MarketMs } from "../helpers/instant.ts";
import type { Chain } from "./chain.ts";

/** One future of an underlying. */
export interface LadderRow {
  readonly symbol: string;
  readonly expiry: string | null;
  readonly price: number | null;
  readonly change: number | null;
  readonly volume: number | null;
  readonly oi: number | null;
  readonly oiChange: number | null;
  /** Of all that is open in futures. */
  readonly oiShare: number | null;
  /** Rupees over the spot. */
  readonly basis: number | null;
  /** A year, fraction. */
  readonly carry: number | null;
  /** Over the future before, rupees. */
  readonly spread: number | null;
  /** Whose positions were made or closed, by price and open interest. */
  readonly buildUp: string | null;
  /** Of the price. */
  readonly traded: MarketMs | null;
}

/** An underlying at a glance. */
export interface Monitor {
  readonly underlying: string;
  readonly exchange: string;
  readonly asOf: MarketMs;
  readonly spot: number | null;
  readonly spotSymbol: string | null;
  /** Of the futures' open interest, what is no longer in the nearest expiry; fraction. */
  readonly rollover: number | null;
  /** Nearest first. */
  readonly futures: readonly LadderRow[];
  /** Nearest first, each so many strikes around the money. */
  readonly chains: readonly Chain[];
}
