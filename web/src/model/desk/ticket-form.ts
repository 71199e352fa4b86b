import type { OrderSide, OrderType, Product, Validity } from "../../client/order.ts";
import type { NewOrder } from "../../client/orders.ts";
import type { Instrument } from "../../client/rest.ts";
import { readScaled } from "../../helpers/money.ts";
import { formatIndian } from "../options/option-format.ts";

export const SIDE_WORDS: Readonly<Record<OrderSide, string>> = { buy: "Buy", sell: "Sell" };

export const TYPE_WORDS: Readonly<Record<OrderType, string>> = {
  market: "Market",
  limit: "Limit",
  sl: "Stop, limit",
  sl_m: "Stop, market",
};

export const PRODUCT_WORDS: Readonly<Record<Product, string>> = {
  nrml: "NRML, overnight",
  mis: "MIS, within the day",
  cnc: "CNC, delivered",
};

export const VALIDITY_WORDS: Readonly<Record<Validity, string>> = {
  day: "Day",
  ioc: "IOC: at once or not at all",
};

/** What is filled in, as it was typed. */
export interface TicketForm {
  readonly side: OrderSide;
  readonly type: OrderType;
  readonly product: Product;
  readonly validity: Validity;
  readonly lots: string;
  readonly price: string;
  readonly trigger: string;
}

/** What a ticket has to know of an instrument. */
export interface Contract {
  readonly symbol: string;
  readonly name: string;
  readonly kind: string;
  readonly lotSize: number;
  readonly tickSize: number;
}

export function makeContract(found: Instrument): Contract {
  const { symbol, tradingsymbol: name, kind, lot_size: lotSize, tick_size: tickSize } = found;
  return { symbol, name, kind, lotSize, tickSize };
}

/** What is wrong with each field, in words. */
export type Faults = Readonly<Partial<Record<"lots" | "price" | "trigger", string>>>;

/** Where an order goes. */
export interface Destination {
  readonly accountId: number;
  readonly strategyId: number | null;
}

export function hasPrice(type: OrderType): boolean {
  return type === "limit" || type === "sl";
}

export function hasTrigger(type: OrderType): boolean {
  return type === "sl" || type === "sl_m";
}

/** How a kind of instrument can be carried, the usual way first. */
export function listProducts(kind: string): readonly Product[] {
  return kind === "equity" ? ["cnc", "mis"] : ["nrml", "mis"];
}

export function makeForm(contract: Contract, side: OrderSide, quantity: number | null): TicketForm {
  const lots = quantity === null ? 1 : Math.max(1, Math.round(quantity / contract.lotSize));
  return {
    side,
    type: "market",
    product: listProducts(contract.kind)[0] ?? "nrml",
    validity: "day",
    lots: String(lots),
    price: "",
    trigger: "",
  };
}

export function findFaults(form: TicketForm, contract: Contract): Faults {
  const lots = /^[1-9]\d{0,5}$/.test(form.lots.trim())
    ? null
    : "a whole number of lots, 1 or more, is wanted";
  const price = hasPrice(form.type) ? findPriceFault(form.price, contract) : null;
  const trigger = hasTrigger(form.type) ? findPriceFault(form.trigger, contract) : null;
  return {
    ...(lots === null ? {} : { lots }),
    ...(price === null ? {} : { price }),
    ...(trigger === null ? {} : { trigger }),
  };
}

/** Units; null where no lots are given that can be. */
export function countUnits(form: TicketForm, contract: Contract): number | null {
  return findFaults(form, contract).lots === undefined
    ? Number(form.lots.trim()) * contract.lotSize
    : null;
}

/** Put a form without faults into the words of the route. */
export function makeOrder(
  form: TicketForm,
  contract: Contract,
  { accountId, strategyId }: Destination,
): NewOrder {
  const { side, type, product, validity } = form;
  return {
    account_id: accountId,
    strategy_id: strategyId,
    symbol: contract.symbol,
    side,
    type,
    product,
    validity,
    quantity: Number(form.lots.trim()) * contract.lotSize,
    price: hasPrice(type) ? form.price.trim() : null,
    trigger_price: hasTrigger(type) ? form.trigger.trim() : null,
  };
}

/** `Buy 2 lots (150) of NIFTY25NOV26000CE at 101.50 or better` */
export function describeOrder(form: TicketForm, contract: Contract): string {
  const lots = Number(form.lots.trim());
  const units = formatIndian(lots * contract.lotSize);
  const amount =
    contract.lotSize === 1
      ? units
      : `${formatIndian(lots)} ${lots === 1 ? "lot" : "lots"} (${units})`;
  const start = `${SIDE_WORDS[form.side]} ${amount} of ${contract.name}`;
  switch (form.type) {
    case "market":
      return `${start} at the market's price`;
    case "limit":
      return `${start} at ${form.price.trim()} or better`;
    case "sl":
      return `${start} at ${form.price.trim()} or better, once ${form.trigger.trim()} is traded`;
    case "sl_m":
      return `${start} at the market's price, once ${form.trigger.trim()} is traded`;
  }
}

/** Prices are compared in ten-thousandths of a rupee: the finest step that is quoted is 25 of them. */
const PLACES = 4;

function findPriceFault(text: string, { tickSize }: Contract): string | null {
  const price = readScaled(text.trim(), PLACES);
  if (price === null || price <= 0) {
    return "a price above 0 is wanted";
  }
  const tick = Math.round(tickSize * 10 ** PLACES);
  return tick > 0 && price % tick !== 0 ? `a multiple of ${tickSize} is wanted` : null;
}
