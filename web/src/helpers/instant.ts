import type { Nominal } from "./nominal.ts";

/** An instant of the market: milliseconds since 1970 UTC. */
export type MarketMs = Nominal<number, "MarketMs">;

/** An instant of this machine, from a clock that never goes back; only differences mean something. */
export type MachineMs = Nominal<number, "MachineMs">;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Read an RFC 3339 time. Throws a RangeError for anything else. */
export function parseInstant(text: string): MarketMs {
  const instant = Date.parse(text);
  if (Number.isNaN(instant)) {
    throw new RangeError(`a time in RFC 3339 was wanted, found ${JSON.stringify(text)}`);
  }
  return instant as MarketMs;
}

/** Write an instant as the server wants it. */
export function formatInstant(instant: MarketMs): string {
  return new Date(instant).toISOString();
}

/** The machine's clock. */
export type MachineClock = () => MachineMs;

export function readMachineClock(): MachineMs {
  return performance.now() as MachineMs;
}
