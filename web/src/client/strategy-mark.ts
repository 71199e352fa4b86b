import { type MarketMs, parseInstant } from "../helpers/instant.ts";
import { type Paise, parseRupees } from "../helpers/money.ts";
import {
  type Fields,
  findNumber,
  findText,
  readFields,
  readList,
  readNumber,
  readOneOf,
  readText,
} from "./decode.ts";

/** What a strategy is worth, in one line. Money is before charges where it does not say otherwise. */
export interface StrategyTotal {
  readonly asOf: MarketMs | null;
  /** Realised and unrealised, less charges. */
  readonly m2m: Paise;
  readonly realised: Paise;
  readonly unrealised: Paise;
  readonly charges: Paise;
  /** The most so far in the day, and the deepest fall from it. */
  readonly peak: Paise;
  readonly drawdown: Paise;
  /** At the end of the last minute; null before there is one. */
  readonly greeks: Readonly<Record<Greek, number | null>>;
  /** Something held had no price in this session, and counts with the last one before. */
  readonly isStale: boolean;
}

export const GREEKS = ["delta", "gamma", "theta", "vega"] as const;
export type Greek = (typeof GREEKS)[number];

/** A line of the board. */
export interface BoardRow extends StrategyTotal {
  readonly id: number;
  readonly name: string;
  /** What it made at the end of each minute, oldest first. */
  readonly closes: readonly Paise[];
}

/** What is held of one instrument, and what it makes. */
export interface StrategyLeg {
  readonly symbol: string;
  /** Less than 0 is sold. */
  readonly units: number;
  readonly mark: string;
  readonly isStale: boolean;
  readonly realised: Paise;
  readonly charges: Paise;
  readonly m2m: Paise;
}

/** What a minute's change came from; less what was paid it adds up to it. */
export const PARTS = ["delta", "gamma", "theta", "vega", "trades", "residual"] as const;
export type Part = (typeof PARTS)[number];

/** A minute of what a strategy made. */
export interface MarkCandle {
  readonly ts: MarketMs;
  readonly open: Paise;
  readonly high: Paise;
  readonly low: Paise;
  readonly close: Paise;
  readonly parts: Readonly<Record<Part, Paise>>;
  /** Charges of the minute. */
  readonly paid: Paise;
}

export interface StrategyMark extends StrategyTotal {
  readonly id: number;
  readonly legs: readonly StrategyLeg[];
}

/** A target or a stop that was reached. */
export interface MarkAlert {
  readonly strategyId: number;
  readonly kind: "target" | "stop";
  readonly level: Paise;
  readonly m2m: Paise;
  readonly asOf: MarketMs;
}

/** Read the board: a line for each strategy, by its number. Throws a DecodeError or a RangeError. */
export function decodeBoard(state: Fields): readonly BoardRow[] {
  return Object.entries(state).map(([id, row]) => {
    const fields = readFields(row);
    return {
      id: Number(id),
      name: readText(fields, "name"),
      ...decodeTotal(fields),
      closes: readList(fields["sparkline"]).map((each) => parseRupees(String(each))),
    };
  });
}

/** Read one strategy with its legs. */
export function decodeMark(state: Fields): StrategyMark {
  return {
    id: readNumber(state, "strategy_id"),
    ...decodeTotal(state),
    legs: readList(state["legs"]).map((each) => decodeLeg(readFields(each))),
  };
}

export function decodeCandle(fields: Fields): MarkCandle {
  const money = (name: string): Paise => parseRupees(readText(fields, name));
  return {
    ts: parseInstant(readText(fields, "ts")),
    open: money("open"),
    high: money("high"),
    low: money("low"),
    close: money("close"),
    parts: {
      delta: money("delta"),
      gamma: money("gamma"),
      theta: money("theta"),
      vega: money("vega"),
      trades: money("trades"),
      residual: money("residual"),
    },
    paid: money("paid"),
  };
}

export function decodeAlert(fields: Fields): MarkAlert {
  return {
    strategyId: readNumber(fields, "strategy_id"),
    kind: readOneOf(fields, "kind", ["target", "stop"]),
    level: parseRupees(readText(fields, "level")),
    m2m: parseRupees(readText(fields, "m2m")),
    asOf: parseInstant(readText(fields, "as_of")),
  };
}

function decodeTotal(fields: Fields): StrategyTotal {
  const money = (name: string): Paise => parseRupees(readText(fields, name));
  const [m2m, realised, charges] = [money("m2m"), money("realised"), money("charges")];
  const asOf = findText(fields, "as_of");
  return {
    asOf: asOf === null ? null : parseInstant(asOf),
    m2m,
    realised,
    unrealised: (m2m - realised + charges) as Paise,
    charges,
    peak: money("peak"),
    drawdown: money("drawdown"),
    greeks: {
      delta: findNumber(fields, "net_delta"),
      gamma: findNumber(fields, "net_gamma"),
      theta: findNumber(fields, "net_theta"),
      vega: findNumber(fields, "net_vega"),
    },
    isStale: readList(fields["flags"]).includes("stale_mark"),
  };
}

function decodeLeg(fields: Fields): StrategyLeg {
  return {
    symbol: readText(fields, "symbol"),
    units: readNumber(fields, "units"),
    mark: readText(fields, "mark"),
    isStale: fields["is_stale"] === true,
    realised: parseRupees(readText(fields, "realised")),
    charges: parseRupees(readText(fields, "charges")),
    m2m: parseRupees(readText(fields, "m2m")),
  };
}
