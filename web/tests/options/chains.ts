import { CHAIN_FIGURES, CHAIN_NUMBERS } from "../../src/client/chain.ts";
import type { Fields } from "../../src/client/decode.ts";

/** A chain of three strikes as the server writes it. */
export function writeChain(changes: Fields = {}): Fields {
  const figures = Object.fromEntries(CHAIN_FIGURES.map((name) => [name, null]));
  return {
    underlying: "NIFTY",
    exchange: "NFO",
    expiry: "2026-11-24",
    cutoff: "2026-11-24T10:00:00Z",
    as_of: "2026-11-16T04:00:05Z",
    source: "live",
    convention: "forward",
    lot_size: 75,
    spot: 24_512.4,
    spot_symbol: "NSE:NIFTY 50",
    future: 24_540,
    future_symbol: "NFO:NIFTY26NOVFUT",
    forward: { value: 24_540, source: "future", dispersion: null, pairs: 0 },
    tau_years: 0.0226,
    rate: 0.06,
    figures: { ...figures, pcr_oi: 0.9, atm_strike: 24_550, atm_iv: 0.1345 },
    strikes: [24_500, 24_550, 24_600],
    calls: writeSide("CE"),
    puts: writeSide("PE"),
    ...changes,
  };
}

function writeSide(kind: "CE" | "PE"): Fields {
  const numbers = CHAIN_NUMBERS.map((name) => [name, [1, 2, 3]]);
  return {
    ...(Object.fromEntries(numbers) as Fields),
    symbol: [24_500, 24_550, 24_600].map((strike) => `NFO:NIFTY26N24${strike}${kind}`),
    iv: [0.14, null, 0.13],
    reason: [null, "below_intrinsic", null],
    ts: ["2026-11-16T04:00:01Z", null, "2026-11-16T03:59:00Z"],
  };
}
