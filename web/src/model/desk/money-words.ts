import { type Paise, parseRupees } from "../../helpers/money.ts";
import { UNKNOWN } from "../format.ts";
import { formatIndian, withPlus } from "../options/option-format.ts";

/** `12,34,567.50` of whole paise. */
export function formatMoney(paise: Paise): string {
  return formatIndian(paise / 100, 2);
}

/** The same with a sign on either side of 0: what was made or lost. */
export function formatGain(paise: Paise): string {
  return withPlus(paise, formatMoney(paise));
}

/** What the server wrote, `-1234.50`, as it is shown; null is unknown. */
export function showMoney(text: string | null): string {
  return text === null ? UNKNOWN : formatMoney(parseRupees(text));
}

export function showGain(text: string | null): string {
  return text === null ? UNKNOWN : formatGain(parseRupees(text));
}

/** Which way a gain points, for its colour; its sign says it, too. */
export type Direction = "up" | "down" | "flat";

export function findDirection(paise: number | null): Direction {
  return paise === null || paise === 0 ? "flat" : paise > 0 ? "up" : "down";
}
