import type { Nominal } from "./nominal.ts";

/** Money in whole paise: sums of it are exact. */
export type Paise = Nominal<number, "Paise">;

const RUPEES = /^(-?)(\d+)(?:\.(\d{1,2}))?$/;

/** Read rupees as the server writes them, `-1234.50`. Throws a RangeError for anything else. */
export function parseRupees(text: string): Paise {
  const [, sign = "", whole = "", fraction = ""] = RUPEES.exec(text) ?? [];
  const paise = Number(whole + fraction.padEnd(2, "0"));
  if (whole === "" || !Number.isSafeInteger(paise)) {
    throw new RangeError(`rupees were wanted, found ${JSON.stringify(text)}`);
  }
  return (sign === "-" && paise > 0 ? -paise : paise) as Paise;
}

/** Write money as the server wants it. */
export function formatRupees(paise: Paise): string {
  const size = Math.abs(paise);
  const sign = paise < 0 ? "-" : "";
  return `${sign}${Math.floor(size / 100)}.${String(size % 100).padStart(2, "0")}`;
}
