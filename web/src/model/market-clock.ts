import type { MarketStatus } from "../client/market.ts";
import type { MachineMs, MarketMs } from "../helpers/instant.ts";

/** A status, and when the page heard it. */
export interface HeardStatus {
  readonly status: MarketStatus;
  readonly at: MachineMs;
}

/** No clock is believed for longer than this without hearing of it again. */
const TRUSTED_MS = 2_000;

/** What the market's clock shows now, going by the last status and the speed it named. */
export function computeMarketNow({ status, at }: HeardStatus, now: MachineMs): MarketMs {
  if (status.state === "ended") {
    return status.asOf ?? status.now; // The server's clock is the machine's again.
  }
  const isRunning = status.state === "playing" || status.state === "stalled";
  const isPlayback = status.mode === "replay" || status.mode === "simulated";
  // As fast as possible has no pace to reckon with.
  const speed = isPlayback ? (status.speed ?? 0) : 1;
  const passedMs = Math.min(TRUSTED_MS, now - at);
  return (status.now + (isRunning || !isPlayback ? passedMs * speed : 0)) as MarketMs;
}
