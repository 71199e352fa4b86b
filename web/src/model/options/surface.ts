import type { Surface } from "../../client/options.ts";
import { formatSigned, UNKNOWN } from "../format.ts";
import { formatExpiry, formatPercent } from "./option-format.ts";

/** Shades of a cell, from the lowest volatility to the highest. */
const HEATS = 10;
/** How far from the forward, in logarithms: further out hardly anything is quoted. */
const REACH = 0.1;

export interface SurfaceCell {
  readonly text: string;
  /** From 0 to 9; null where nothing is known. */
  readonly heat: number | null;
}

export interface SurfaceRow {
  readonly expiry: string;
  readonly title: string;
  readonly cells: readonly SurfaceCell[];
  /** What is to be said of the fit. */
  readonly fit: string;
}

/** A volatility surface as a table: an expiry a row, how far from the forward a column. */
export interface SurfaceTable {
  readonly columns: readonly string[];
  readonly rows: readonly SurfaceRow[];
}

const isKnown = (iv: number | null | undefined): boolean => iv !== null && iv !== undefined;

/** Lay out a surface around the money, as far as anything is known. */
export function layOutSurface(surface: Surface): SurfaceTable {
  const places = surface.log_moneyness.flatMap((each, index) =>
    Math.abs(each) <= REACH + 1e-9 && surface.items.some((one) => isKnown(one.ivs[index]))
      ? [index]
      : [],
  );
  const known = surface.items.flatMap((each) =>
    places.flatMap((place) => {
      const iv = each.ivs[place] ?? null;
      return iv === null ? [] : [iv];
    }),
  );
  const low = Math.min(...known);
  const high = Math.max(...known);
  const shade = (iv: number): number =>
    high > low ? Math.min(HEATS - 1, Math.floor(((iv - low) / (high - low)) * HEATS)) : 0;
  return {
    columns: places.map((place) => {
      const percent = 100 * (surface.log_moneyness[place] ?? 0);
      return formatSigned(percent, 0);
    }),
    rows: surface.items.map((each) => ({
      expiry: each.expiry,
      title: formatExpiry(each.expiry),
      cells: places.map((place) => {
        const iv = each.ivs[place] ?? null;
        return iv === null
          ? { text: UNKNOWN, heat: null }
          : { text: formatPercent(iv, 1), heat: shade(iv) };
      }),
      fit: describeFit(each),
    })),
  };
}

const REASONS: Readonly<Record<string, string>> = {
  no_forward: "no forward",
  expired: "over",
  too_few_strikes: "too few strikes",
  one_sided: "strikes on one side only",
};

/** How well a slice fits, and whether it allows arbitrage. */
export function describeFit(slice: {
  readonly reason: string | null;
  readonly error: number | null;
  readonly is_free: boolean;
}): string {
  if (slice.reason !== null) {
    return `no fit: ${REASONS[slice.reason] ?? slice.reason}`;
  }
  const error = slice.error === null ? "" : `off by ${formatPercent(slice.error)} points, `;
  return `${error}${slice.is_free ? "no arbitrage" : "allows arbitrage"}`;
}
