import { type ChainNumber, SIDES, type Side } from "../../client/chain.ts";
import { formatPrice, formatSigned } from "../format.ts";
import { formatCompact, formatIndian, formatPercent, withPlus } from "./option-format.ts";

/** A column of the chain, on either side of the strikes. */
export interface Column {
  readonly name: ChainNumber;
  /** Over the column. */
  readonly title: string;
  /** In a sentence. */
  readonly words: string;
  readonly format: (value: number) => string;
  /** Characters that are kept for it, so that a digit more or less moves nothing. */
  readonly width: number;
  /** In a sentence, where there is room for all digits; the same unless it is said. */
  readonly spell?: (value: number) => string;
  /** Whether it is coloured by its sign. */
  readonly isSigned: boolean;
  /** Whether it is of the last trade, and not of the whole chain's moment. */
  readonly isTraded: boolean;
}

const plain = { isSigned: false, isTraded: false };
const rupees = (value: number): string => formatIndian(value, 2);
/** Columns are narrow: three digits tell who is great and who is small. */
const compact = (value: number): string => formatCompact(value, 3);
/** Premiums, without groups: a column of them is narrow. */
const premium = (value: number): string => formatPrice(value, 2);
/** `.00121`: of what is never as much as 1 the 0 says nothing. */
const gamma = (value: number): string => formatPrice(value, 5).replace("0.", ".");

/** From the edge to the strikes; puts have them the other way round. */
export const COLUMNS: readonly Column[] = [
  {
    name: "oi",
    width: 6,
    title: "OI",
    words: "open interest",
    format: compact,
    spell: formatUnits,
    ...plain,
  },
  {
    name: "oi_change",
    width: 7,
    title: "OI chg",
    words: "change of open interest since the session before",
    format: (value) => withPlus(value, compact(value)),
    spell: (value) => withPlus(value, formatUnits(value)),
    isSigned: true,
    isTraded: false,
  },
  {
    name: "volume",
    width: 6,
    title: "Volume",
    words: "volume of the session",
    format: compact,
    spell: formatUnits,
    isSigned: false,
    isTraded: true,
  },
  {
    name: "iv",
    width: 5,
    title: "IV",
    words: "implied volatility",
    format: formatPercent,
    spell: (value) => `${formatPercent(value)} %`,
    ...plain,
  },
  {
    name: "delta",
    width: 5,
    title: "Delta",
    words: "delta",
    format: (value) => formatIndian(value, 2),
    spell: (value) => formatIndian(value, 4),
    ...plain,
  },
  {
    name: "gamma",
    width: 6,
    title: "Gamma",
    words: "gamma",
    format: gamma,
    spell: (value) => formatIndian(value, 6),
    ...plain,
  },
  {
    name: "theta",
    width: 5,
    title: "Theta",
    words: "theta",
    format: (value) => formatIndian(value, 1),
    spell: (value) => `${rupees(value)} rupees a day`,
    ...plain,
  },
  {
    name: "vega",
    width: 5,
    title: "Vega",
    words: "vega",
    format: rupees,
    spell: (value) => `${rupees(value)} rupees a volatility point`,
    ...plain,
  },
  {
    name: "bid",
    width: 6,
    title: "Bid",
    words: "best bid",
    format: premium,
    spell: rupees,
    ...plain,
  },
  {
    name: "ask",
    width: 6,
    title: "Ask",
    words: "best offer",
    format: premium,
    spell: rupees,
    ...plain,
  },
  {
    name: "change",
    width: 6,
    title: "Chg",
    words: "change of the price since the close of the session before",
    format: (value) => formatSigned(value, 2),
    isSigned: true,
    isTraded: true,
  },
  {
    name: "ltp",
    width: 6,
    title: "LTP",
    words: "last traded price",
    format: premium,
    spell: rupees,
    isSigned: false,
    isTraded: true,
  },
];

function formatUnits(value: number): string {
  return `${formatIndian(value)} units`;
}

/** What stands in a row from left to right; null is the strike. */
export const ROW: readonly (readonly [Side, Column] | null)[] = [
  ...COLUMNS.map((column) => [SIDES[0], column] as const),
  null,
  ...COLUMNS.toReversed().map((column) => [SIDES[1], column] as const),
];

/** Which columns are shown. */
export const COLUMN_SETS = ["all", "prices", "greeks", "short"] as const;
export type ColumnSet = (typeof COLUMN_SETS)[number];

const SETS: Readonly<Record<ColumnSet, readonly ChainNumber[]>> = {
  all: COLUMNS.map((each) => each.name),
  prices: ["oi", "oi_change", "volume", "iv", "bid", "ask", "change", "ltp"],
  greeks: ["oi", "iv", "delta", "gamma", "theta", "vega", "ltp"],
  short: ["oi", "iv", "ltp"],
};

/** Whether a column belongs to a set. */
export function isShown(column: ChainNumber, set: ColumnSet): boolean {
  return SETS[set].includes(column);
}
