import type { MarketMs } from "../helpers/instant.ts";

/** What is known of each option as a number, by the server's names. */
export const CHAIN_NUMBERS = [
  "ltp",
  "change",
  "premium",
  "bid",
  "ask",
  "volume",
  "oi",
  "oi_change",
  "iv",
  "delta",
  "gamma",
  "theta",
  "vega",
  "rho",
] as const;
export type ChainNumber = (typeof CHAIN_NUMBERS)[number];

export const SIDES = ["calls", "puts"] as const;
export type Side = (typeof SIDES)[number];

/** What a chain says as a whole, by the server's names. */
export const CHAIN_FIGURES = [
  "pcr_oi",
  "pcr_volume",
  "max_pain",
  "call_oi",
  "put_oi",
  "call_oi_change",
  "put_oi_change",
  "atm_strike",
  "atm_iv",
  "straddle",
  "strangle",
  "expected_move",
  "risk_reversal",
  "butterfly",
  "gex",
] as const;
export type ChainFigure = (typeof CHAIN_FIGURES)[number];
export type Figures = Readonly<Record<ChainFigure, number | null>>;

/** What the underlying costs at the expiry, and what that was made of. */
export interface Forward {
  readonly value: number | null;
  readonly source: string | null;
}

/** What changes with the market in a chain's head. */
export interface ChainMoment {
  readonly asOf: MarketMs;
  readonly spot: number | null;
  readonly future: number | null;
  readonly forward: Forward;
  /** To the cut-off, ACT/365. */
  readonly tauYears: number | null;
}

/** The calls, or the puts: in each list a place for each strike; null is unknown, never 0. */
export interface ChainSide {
  readonly symbols: readonly (string | null)[];
  readonly numbers: Readonly<Record<ChainNumber, readonly (number | null)[]>>;
  /** Why there is no `iv`. */
  readonly reasons: readonly (string | null)[];
  /** Of the last trade. */
  readonly traded: readonly (MarketMs | null)[];
}

/** The options of one expiry at one moment. */
export interface Chain extends Readonly<Record<Side, ChainSide>> {
  readonly underlying: string;
  readonly exchange: string;
  /** `2026-11-24` */
  readonly expiry: string;
  readonly cutoff: MarketMs;
  /** Latest quotes, or the record that a minute left. */
  readonly source: "live" | "minute";
  readonly lotSize: number;
  readonly spotSymbol: string | null;
  readonly futureSymbol: string | null;
  readonly moment: ChainMoment;
  readonly figures: Figures;
  readonly strikes: readonly number[];
}

/** New values for some places of a list. */
export interface Patch<T> {
  readonly rows: readonly number[];
  readonly values: readonly (T | null)[];
}

export interface SideDelta {
  readonly numbers: Readonly<Partial<Record<ChainNumber, Patch<number>>>>;
  readonly reasons: Patch<string> | null;
  readonly traded: Patch<MarketMs> | null;
}

/** What changed in a chain since the message before. */
export interface ChainDelta extends Readonly<Record<Side, SideDelta>> {
  readonly moment: Partial<Omit<ChainMoment, "forward">>;
  readonly forward: Partial<Forward>;
  readonly figures: Partial<Figures>;
}
