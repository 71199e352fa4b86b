import type { ChainNumber } from "../../client/chain.ts";
import type { MarketMs } from "../../helpers/instant.ts";
import type { Zone } from "../../helpers/zone.ts";
import { formatAge, formatClock, UNKNOWN } from "../format.ts";
import { COLUMNS } from "./chain-columns.ts";
import type { Cell, ChainStore } from "./chain-store.ts";
import { formatIndian } from "./option-format.ts";

/** What one number of the chain says of itself: what it is, from when, and how old that is. */
export interface CellWords {
  /** `24,500 CE` */
  readonly option: string;
  readonly text: string;
  /** Exchange time, and what happened then. */
  readonly source: string;
  readonly age: string;
}

/** Why there is no volatility, in words. */
const REASONS: Readonly<Record<string, string>> = {
  no_premium: "nothing to make it of",
  invalid: "what it is made of makes no sense",
  expired: "the option is over",
  below_intrinsic: "the premium is below what exercising would pay",
  at_intrinsic: "the premium is no more than exercising would pay",
  above_bound: "the premium is above any that an option can have",
  stale: "the premium is too old",
  crossed: "the bid is above the offer",
};

const OF_VOLATILITY: readonly ChainNumber[] = ["iv", "delta", "gamma", "theta", "vega", "rho"];

/** Put a cell into words. `now` is the market's clock. */
export function describeCell(
  chain: ChainStore,
  cell: Cell,
  now: MarketMs | null,
  zone: Zone,
): CellWords {
  const column = COLUMNS.find((each) => each.name === cell.column);
  const side = chain[cell.side];
  const strike = chain.strikes[cell.row];
  const option = `${strike === undefined ? UNKNOWN : formatIndian(strike)} ${cell.side === "calls" ? "CE" : "PE"}`;
  if (column === undefined || (side.symbols[cell.row] ?? null) === null) {
    return { option, text: "there is no such contract", source: "", age: UNKNOWN };
  }
  const value = chain.find(cell);
  const reason = OF_VOLATILITY.includes(cell.column) ? (side.reasons[cell.row] ?? null) : null;
  const why = reason === null ? "" : ` (${REASONS[reason] ?? reason})`;
  const shown = value === null ? `unknown${why}` : (column.spell ?? column.format)(value);
  const at = column.isTraded ? (side.traded[cell.row] ?? null) : chain.moment.asOf;
  return {
    option,
    text: `${column.words} ${shown}`,
    source: describeTime(at, column.isTraded, zone),
    age: at === null || now === null ? UNKNOWN : formatAge(now - at),
  };
}

function describeTime(at: MarketMs | null, isTraded: boolean, zone: Zone): string {
  if (at === null) {
    return "not traded yet";
  }
  return `${isTraded ? "traded" : "as of"} ${formatClock(at, zone)} ${zone.shortName(at)}`;
}
