import type { Bar, Price } from "../src/client/bar.ts";
import type { Fields } from "../src/client/decode.ts";
import { formatInstant, MINUTE_MS, parseInstant } from "../src/helpers/instant.ts";
import type { MarketMs } from "../src/helpers/instant.ts";

export function makeBar(ts: string | MarketMs, changes: Partial<Bar> = {}): Bar {
  return {
    ts: typeof ts === "string" ? parseInstant(ts) : ts,
    open: 100 as Price,
    high: 102 as Price,
    low: 99 as Price,
    close: 101 as Price,
    volume: 65,
    oi: 1_000,
    status: "complete",
    isForming: false,
    source: "ticks",
    ...changes,
  };
}

/** So many minute bars from an instant on. */
export function makeMinutes(from: string, count: number): Bar[] {
  const start = parseInstant(from);
  return Array.from({ length: count }, (_, index) =>
    makeBar((start + index * MINUTE_MS) as MarketMs),
  );
}

/** A bar as a stream writes it. */
export function writeBar(bar: Bar): Fields {
  const { ts, isForming, open, high, low, close, volume, oi, status } = bar;
  const stamp = formatInstant(ts);
  return { ts: stamp, open, high, low, close, volume, oi, status, is_forming: isForming };
}
