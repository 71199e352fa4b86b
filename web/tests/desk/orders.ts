import type { Fields } from "../../src/client/decode.ts";

/** An order as the server writes it. */
export function writeOrder(changes: Fields = {}): Fields {
  return {
    id: 7,
    account_id: 3,
    strategy_id: null,
    basket_id: null,
    symbol: "NFO:NIFTY25NOV26000CE",
    side: "buy",
    type: "limit",
    product: "nrml",
    validity: "day",
    quantity: 150,
    lots: 2,
    price: "101.50",
    trigger_price: null,
    protection_bps: null,
    state: "open",
    reason: null,
    filled_quantity: 0,
    average_price: null,
    charges: "0.00",
    wish: null,
    tag: "SW7",
    mode: "simulated",
    trading_day: "2026-11-16",
    accepted_at: null,
    placed_by: "demo",
    placed_at: "2026-11-21T23:00:00Z",
    updated_at: "2026-11-21T23:00:00Z",
    revision: 1,
    ...changes,
  };
}

export function writeAccount(id: number, broker: string, changes: Fields = {}): Fields {
  return { id, name: `Account ${id}`, broker, halted_at: null, limits: {}, ...changes };
}
