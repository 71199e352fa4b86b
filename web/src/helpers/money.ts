import type { Nominal } from "./nominal.ts";

/** Money in whole paise: sums of it are exact. */
export type Paise = Nominal<number, "Paise">;

/**
 * Read a decimal of at most so many places as a whole number of the last of them; null for anything else.
 * It is exact: no fraction is made of it on the way.
 */
export function readScaled(text: string, places: number): number | null {
  const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const scaled = Number(whole + fraction.padEnd(places, "0"));
  if (whole === "" || fraction.length > places || !Number.isSafeInteger(scaled)) {
    return null;
  }
  return sign === "-" && scaled > 0 ? -scaled : scaled;
}

/** Read rupees as the server writes them, `-1234.50`. Throws a RangeError for anything else. */
export function parseRupees(text: string): Paise {
  const paise = readScaled(text, 2);
  if (paise === null) {
    throw new RangeError(`rupees were wanted, found ${JSON.stringify(text)}`);
  }
  return paise as Paise;
}

/** Write money as the server wants it. */
export function formatRupees(paise: Paise): string {
  const size = Math.abs(paise);
  const sign = paise < 0 ? "-" : "";
  return `${sign}${Math.floor(size / 100)}.${String(size % 100).padStart(2, "0")}`;
}
