import type { Timeframe } from "../client/bar.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../helpers/instant.ts";

export const TIMEFRAME_MS: Readonly<Record<Timeframe, number>> = {
  "1m": MINUTE_MS,
  "3m": 3 * MINUTE_MS,
  "5m": 5 * MINUTE_MS,
  "15m": 15 * MINUTE_MS,
  "30m": 30 * MINUTE_MS,
  "1h": HOUR_MS,
  "1d": DAY_MS,
};
