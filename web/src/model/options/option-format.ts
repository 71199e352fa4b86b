import { UNKNOWN } from "../format.ts";

const MINUS = "−";

/** As wide as a digit, and as a comma or a point. */
const FIGURE_SPACE = "\u2007";
const PUNCTUATION_SPACE = "\u2008";

const LAKH = 100_000;
const CRORE = 10_000_000;

/** `12,34,567.50`: thousands once, then hundreds, as it is written in India. */
export function formatIndian(value: number, decimals = 0): string {
  const [whole = "", fraction] = Math.abs(value).toFixed(decimals).split(".");
  const head = whole.slice(0, -3).replace(/\B(?=(\d\d)+$)/g, ",");
  const grouped = head === "" ? whole : `${head},${whole.slice(-3)}`;
  const text = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return value < 0 && /[1-9]/.test(text) ? `${MINUS}${text}` : text;
}

/** `45.62 L`, `1.234 Cr`: so many digits of a quantity, four unless said; smaller ones as they are. */
export function formatCompact(quantity: number, digits = 4): string {
  const size = Math.abs(quantity);
  if (size < LAKH) {
    return formatIndian(quantity);
  }
  const [scaled, unit] = size < CRORE ? [quantity / LAKH, "L"] : [quantity / CRORE, "Cr"];
  const whole = Math.abs(scaled) < 10 ? 1 : Math.abs(scaled) < 100 ? 2 : 3;
  const decimals = Math.max(0, digits - whole);
  return `${formatIndian(scaled, decimals)} ${unit}`;
}

/** The same with its sign, which 0 has none of. */
export function withPlus(value: number, text: string): string {
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** `13.45`: per cent, of a fraction. */
export function formatPercent(fraction: number, decimals = 2): string {
  return formatIndian(fraction * 100, decimals);
}

/** A number in the room of the longest one, `0,000.00`: its digits stand where the ones before stood. */
export function pad(written: string, longest: string): string {
  const room = longest.slice(0, Math.max(0, longest.length - written.length));
  return room.replace(/[^.,]/g, FIGURE_SPACE).replace(/[.,]/g, PUNCTUATION_SPACE) + written;
}

/** The same of so many characters; the space before a unit is a digit wide, too. */
export function align(written: string, width: number): string {
  return pad(written, "0".repeat(width)).replace(" ", FIGURE_SPACE);
}

/** A number that may be unknown. */
export function formatKnown(value: number | null, format: (value: number) => string): string {
  return value === null ? UNKNOWN : format(value);
}

/** A number that may be unknown, in the room of the longest one. */
export function formatPadded(
  value: number | null,
  format: (value: number) => string,
  longest: string,
): string {
  return pad(formatKnown(value, format), longest);
}

/** `24 Nov 2026` of `2026-11-24`. */
export function formatExpiry(day: string): string {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  });
}
