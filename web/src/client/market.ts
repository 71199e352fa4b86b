import { type MarketMs, parseInstant } from "../helpers/instant.ts";
import { type Fields, findNumber, findText, readOneOf, readText } from "./decode.ts";

export const MARKET_MODES = ["live", "paper", "replay", "simulated", "none"] as const;
export type MarketMode = (typeof MARKET_MODES)[number];

export const MARKET_STATES = ["playing", "paused", "ended", "closed", "stalled", "none"] as const;
export type MarketState = (typeof MARKET_STATES)[number];

/** What is played, by the server's words. */
export interface MarketStatus {
  readonly mode: MarketMode;
  readonly state: MarketState;
  readonly description: string | null;
  /** The market's clock: a replay's own time. */
  readonly now: MarketMs;
  /** Exchange time of the newest tick. */
  readonly asOf: MarketMs | null;
  /** Seconds of the machine's time since a tick was heard. */
  readonly heardS: number | null;
  /** Market seconds a second; null: as fast as possible, or nothing is replayed. */
  readonly speed: number | null;
  /** What can be sought. */
  readonly span: { readonly begins: MarketMs; readonly ends: MarketMs } | null;
}

function findInstant(fields: Fields, name: string): MarketMs | null {
  const text = findText(fields, name);
  return text === null ? null : parseInstant(text);
}

export function decodeMarketStatus(fields: Fields): MarketStatus {
  const begins = findInstant(fields, "begins");
  const ends = findInstant(fields, "ends");
  return {
    mode: readOneOf(fields, "mode", MARKET_MODES),
    state: readOneOf(fields, "state", MARKET_STATES),
    description: findText(fields, "description"),
    now: parseInstant(readText(fields, "now")),
    asOf: findInstant(fields, "as_of"),
    heardS: findNumber(fields, "heard_s"),
    speed: findNumber(fields, "speed"),
    span: begins === null || ends === null ? null : { begins, ends },
  };
}
