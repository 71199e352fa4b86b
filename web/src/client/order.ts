import {
  type Fields,
  findNumber,
  findText,
  readFields,
  readNumber,
  readOneOf,
  readText,
} from "./decode.ts";

export const ORDER_SIDES = ["buy", "sell"] as const;
export type OrderSide = (typeof ORDER_SIDES)[number];

export const ORDER_TYPES = ["market", "limit", "sl", "sl_m"] as const;
export type OrderType = (typeof ORDER_TYPES)[number];

export const PRODUCTS = ["nrml", "mis", "cnc"] as const;
export type Product = (typeof PRODUCTS)[number];

export const VALIDITIES = ["day", "ioc"] as const;
export type Validity = (typeof VALIDITIES)[number];

export const ORDER_STATES = [
  "pending",
  "trigger_pending",
  "open",
  "complete",
  "cancelled",
  "rejected",
  "unknown",
] as const;
export type OrderState = (typeof ORDER_STATES)[number];

export const ORDER_MODES = ["live", "replay", "simulated"] as const;
export type OrderMode = (typeof ORDER_MODES)[number];

/** An order as it stands. Prices are rupees as the server writes them. */
export interface Order {
  readonly id: number;
  readonly accountId: number;
  readonly strategyId: number | null;
  readonly symbol: string;
  readonly side: OrderSide;
  readonly type: OrderType;
  readonly product: Product;
  readonly validity: Validity;
  /** Units. */
  readonly quantity: number;
  readonly filledQuantity: number;
  readonly lots: number;
  readonly price: string | null;
  readonly trigger: string | null;
  readonly averagePrice: string | null;
  /** Of what was filled so far. */
  readonly charges: string;
  readonly state: OrderState;
  readonly reason: string | null;
  /** Whether its owner wants its end, or other terms, and the broker has not done it yet. */
  readonly wish: "cancel" | "modify" | null;
  /** Of the market at which it was placed. */
  readonly mode: OrderMode;
  /** Of the machine's clock, in RFC 3339. */
  readonly placedAt: string;
  /** Grows with each change. */
  readonly revision: number;
}

/** Read an order, of REST or of a stream. Throws a DecodeError. */
export function decodeOrder(fields: Fields): Order {
  return {
    id: readNumber(fields, "id"),
    accountId: readNumber(fields, "account_id"),
    strategyId: findNumber(fields, "strategy_id"),
    symbol: readText(fields, "symbol"),
    side: readOneOf(fields, "side", ORDER_SIDES),
    type: readOneOf(fields, "type", ORDER_TYPES),
    product: readOneOf(fields, "product", PRODUCTS),
    validity: readOneOf(fields, "validity", VALIDITIES),
    quantity: readNumber(fields, "quantity"),
    filledQuantity: readNumber(fields, "filled_quantity"),
    lots: readNumber(fields, "lots"),
    price: findText(fields, "price"),
    trigger: findText(fields, "trigger_price"),
    averagePrice: findText(fields, "average_price"),
    charges: readText(fields, "charges"),
    state: readOneOf(fields, "state", ORDER_STATES),
    reason: findText(fields, "reason"),
    wish: decodeWish(fields["wish"]),
    mode: readOneOf(fields, "mode", ORDER_MODES),
    placedAt: readText(fields, "placed_at"),
    revision: readNumber(fields, "revision"),
  };
}

function decodeWish(wish: unknown): Order["wish"] {
  if (wish === null || wish === undefined) {
    return null;
  }
  return readOneOf(readFields(wish), "kind", ["cancel", "modify"]);
}
