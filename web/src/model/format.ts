import { DAY_MS, type MarketMs, MINUTE_MS } from "../helpers/instant.ts";
import type { Zone } from "../helpers/zone.ts";

export const UNKNOWN = "—";
/** A real minus: as wide as a plus, so that a sign does not move what follows. */
const MINUS = "−";

const QUANTITY = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function formatPrice(price: number, decimals: number): string {
  return price.toFixed(decimals).replace("-", MINUS);
}

export function formatQuantity(quantity: number | null): string {
  return quantity === null ? UNKNOWN : QUANTITY.format(quantity);
}

/** `+12.30`, `−0.05`, `0.00` */
export function formatSigned(value: number, decimals: number): string {
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) {
    return text;
  }
  return `${value < 0 ? MINUS : "+"}${text}`;
}

/** `12.5 s`, `3 min`, `2 h`, `5 d`: the two digits that matter. */
export function formatAge(ms: number): string {
  const age = Math.max(0, ms);
  if (age < MINUTE_MS) {
    return `${(age / 1_000).toFixed(1)} s`;
  }
  if (age < 60 * MINUTE_MS) {
    return `${Math.floor(age / MINUTE_MS)} min`;
  }
  if (age < 2 * DAY_MS) {
    return `${Math.floor(age / (60 * MINUTE_MS))} h`;
  }
  return `${Math.floor(age / DAY_MS)} d`;
}

/** `2026-11-16` on the exchange's wall. */
export function formatDay(instant: MarketMs, zone: Zone): string {
  return wallText(instant, zone).slice(0, 10);
}

/** `14:05:30` on the exchange's wall. */
export function formatClock(instant: MarketMs, zone: Zone): string {
  return wallText(instant, zone).slice(11, 19);
}

/** `2026-11-16T14:05:30`, what an input of date and time holds. */
export function formatWall(instant: MarketMs, zone: Zone): string {
  return wallText(instant, zone).slice(0, 19);
}

function wallText(instant: MarketMs, zone: Zone): string {
  return new Date(zone.toWall(instant)).toISOString();
}

/** `2026-11-16 08:35:30 UTC`, of an instant as the server writes it. */
export function formatStamp(text: string | null): string {
  return text === null ? UNKNOWN : `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}
