import { type Contract, type Leg, nameContract, readPrice, readQuantity } from "./legs.ts";

/** What a stored strategy holds of a contract. */
export interface HeldLeg extends Contract {
  /** Units; less than 0 is sold. */
  readonly quantity: number;
  /** What an open unit cost, rupees. */
  readonly average: string;
}

/** An order that brings what is held to what is wanted. */
export interface WantedOrder {
  readonly symbol: string;
  readonly name: string;
  readonly side: "buy" | "sell";
  /** Units. */
  readonly quantity: number;
  readonly lots: number;
  /** Rupees a unit; null is at the market. */
  readonly price: string | null;
}

/** The orders that make of what is held what is wanted; null while a leg is wrong. */
export function listOrders(
  legs: readonly Leg[],
  held: readonly HeldLeg[],
): readonly WantedOrder[] | null {
  const orders: WantedOrder[] = [];
  for (const leg of legs) {
    const quantity = readQuantity(leg);
    const price = readPrice(leg);
    if (quantity === null || price === undefined) {
      return null;
    }
    const there = held.find((each) => each.symbol === leg.symbol);
    // The price of what is held is what it cost: no limit for what is traded now.
    const limit = there === undefined && price !== null ? leg.price.trim() : null;
    orders.push(...makeOrder(leg, quantity - (there?.quantity ?? 0), limit));
  }
  const gone = held.filter((each) => legs.every((leg) => leg.symbol !== each.symbol));
  return [...orders, ...gone.flatMap((each) => makeOrder(each, -each.quantity, null))];
}

function makeOrder(
  contract: Contract,
  quantity: number,
  price: string | null,
): readonly WantedOrder[] {
  if (quantity === 0) {
    return [];
  }
  const size = Math.abs(quantity);
  return [
    {
      symbol: contract.symbol,
      name: nameContract(contract),
      side: quantity > 0 ? "buy" : "sell",
      quantity: size,
      lots: size / contract.lotSize,
      price,
    },
  ];
}

/** The legs that are held, at what they cost. */
export function takeHeld(held: readonly HeldLeg[]): readonly Leg[] {
  return held.map(({ symbol, kind, expiry, strike, lotSize, quantity, average }) => ({
    symbol,
    kind,
    expiry,
    strike,
    lotSize,
    isSold: quantity < 0,
    lots: String(Math.abs(quantity) / lotSize),
    price: trimPrice(average),
  }));
}

/** `31.90` of `31.9000`: no more decimals than say something, and two at least. */
function trimPrice(price: string): string {
  return price.replace(/(\.\d\d\d*?)0+$/, "$1");
}

/** `Sell 2 lots 17 Nov 25,100 CE at the market` */
export function describeOrder({ side, lots, name, price }: WantedOrder): string {
  const words = side === "buy" ? "Buy" : "Sell";
  const at = price === null ? "at the market" : `at ${price} or better`;
  return `${words} ${lots} ${lots === 1 ? "lot" : "lots"} ${name} ${at}`;
}
