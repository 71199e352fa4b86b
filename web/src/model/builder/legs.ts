import type { BuiltLeg, LegInput } from "../../client/builder.ts";
import { formatExpiry, formatIndian } from "../options/option-format.ts";

export type ContractKind = BuiltLeg["kind"];

/** What a leg is of. */
export interface Contract {
  readonly symbol: string;
  readonly kind: ContractKind;
  /** `2026-11-24` */
  readonly expiry: string | null;
  readonly strike: number | null;
  readonly lotSize: number;
}

/** A leg as somebody writes it: what is not a number yet is kept as it was typed. */
export interface Leg extends Contract {
  readonly isSold: boolean;
  readonly lots: string;
  /** Rupees a unit; empty is what it costs. */
  readonly price: string;
}

/** Of one strategy, as many as the server takes. */
export const MAX_LEGS = 20;
const MAX_LOTS = 10_000;
/** What the server takes of units. */
const MAX_UNITS = 10_000_000;

/** How many lots were written; null for what is no whole number of them, or too many. */
export function readLots(leg: Pick<Leg, "lots" | "lotSize">): number | null {
  const text = leg.lots.trim();
  const lots = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return lots >= 1 && lots <= MAX_LOTS && lots * leg.lotSize <= MAX_UNITS ? lots : null;
}

/** What a unit is entered at: null is what it costs, undefined what is no price. */
export function readPrice(leg: Pick<Leg, "price">): number | null | undefined {
  const text = leg.price.trim();
  if (text === "") {
    return null;
  }
  return /^\d{1,7}(\.\d{1,4})?$/.test(text) ? Number(text) : undefined;
}

/** Units; less than 0 is sold. Null where the lots are none. */
export function readQuantity(leg: Leg): number | null {
  const lots = readLots(leg);
  return lots === null ? null : (leg.isSold ? -1 : 1) * lots * leg.lotSize;
}

/** What is wrong with a leg, in words; null where nothing is. */
export function findFault(leg: Leg): string | null {
  if (readLots(leg) === null) {
    return `${nameContract(leg)}: whole lots from 1 to ${formatIndian(findMostLots(leg))} are wanted`;
  }
  if (readPrice(leg) === undefined) {
    return `${nameContract(leg)}: a price in rupees is wanted, or nothing`;
  }
  return null;
}

function findMostLots({ lotSize }: Pick<Leg, "lotSize">): number {
  return Math.min(MAX_LOTS, Math.floor(MAX_UNITS / lotSize));
}

/** The legs as the server analyses them; null while one of them is wrong, or there is none. */
export function toInputs(legs: readonly Leg[]): readonly LegInput[] | null {
  const inputs = legs.flatMap((leg) => {
    const quantity = readQuantity(leg);
    const price = readPrice(leg);
    return quantity === null || price === undefined
      ? []
      : [{ symbol: leg.symbol, quantity, entry_price: price }];
  });
  return inputs.length === legs.length && legs.length > 0 ? inputs : null;
}

/** `24 Nov 25,100 CE` */
export function nameContract({ symbol, kind, expiry, strike }: Contract): string {
  const day = expiry === null ? "" : formatExpiry(expiry).slice(0, -5);
  if (kind === "call" || kind === "put") {
    const side = kind === "call" ? "CE" : "PE";
    return `${day} ${strike === null ? "" : formatIndian(strike, strike % 1 === 0 ? 0 : 2)} ${side}`;
  }
  return kind === "future" && day !== "" ? `${day} future` : symbol.replace(/^.*:/, "");
}

/** The legs with one more lot of a contract bought or sold; the opposite of what is there takes from it. */
export function addLot(legs: readonly Leg[], contract: Contract, isSold: boolean): readonly Leg[] {
  const place = legs.findIndex((each) => each.symbol === contract.symbol);
  const there = legs[place];
  if (there === undefined) {
    return legs.length < MAX_LEGS ? [...legs, { ...contract, isSold, lots: "1", price: "" }] : legs;
  }
  // What is no number of lots is as good as none.
  const held = (there.isSold ? -1 : 1) * (readLots(there) ?? 0);
  const left = held + (isSold ? -1 : 1);
  return left === 0
    ? legs.toSpliced(place, 1)
    : legs.with(place, { ...there, isSold: left < 0, lots: String(Math.abs(left)) });
}

/** The legs of a template that was built. */
export function takeBuilt(built: readonly BuiltLeg[]): readonly Leg[] {
  return built.map((each) => ({
    symbol: each.symbol,
    kind: each.kind,
    expiry: each.expiry,
    strike: each.strike,
    lotSize: each.lot_size,
    isSold: each.quantity < 0,
    lots: String(Math.abs(each.lots)),
    price: "",
  }));
}
