import type { Analysis, Strategy } from "../../src/client/builder.ts";

/** A strategy as the server tells of it. */
export function writeStrategy(changes: Partial<Strategy> = {}): Strategy {
  return {
    legs: [],
    horizon: "2026-11-17T10:10:00Z",
    tau_years: 0.0034,
    net_premium: "-2725.12",
    pnl: "0.00",
    greeks: { delta: -3.24, gamma: -0.0619, theta: 765.6, vega: -169.2, rho: 0.01 },
    is_exact: true,
    break_evens: [24_908.07, 25_191.93],
    flats: [],
    gains: [{ low: 24_908.07, high: 25_191.93 }],
    max_profit: "2725.12",
    max_profit_level: 24_950,
    max_profit_reason: null,
    max_loss: "-3774.88",
    max_loss_level: 0,
    max_loss_reason: null,
    probability_of_profit: 0.502,
    probability_reason: null,
    probability_iv: 0.142,
    margin: null,
    margin_reason: null,
    charges: null,
    charges_reason: null,
    curve: [
      { at: "2026-11-16T04:00:10Z", pnls: [-10, 5, -20] },
      { at: "2026-11-17T10:10:00Z", pnls: [-3_774.88, 2_725.12, -3_774.88] },
    ],
    grid: null,
    ...changes,
  };
}

/** What the server answers of it. */
export function writeAnalysis(changes: Partial<Analysis> = {}): Analysis {
  return {
    underlying: "NIFTY",
    exchange: "NFO",
    as_of: "2026-11-16T04:00:10Z",
    source: "live",
    level: 25_050,
    spot_symbol: "NSE:NIFTY 50",
    levels: [24_000, 25_050, 26_000],
    strategy: writeStrategy(),
    against: null,
    difference: null,
    ...changes,
  };
}
