import type { Strategy } from "../../client/strategies.ts";
import type { MarkAlert, MarkCandle, Part } from "../../client/strategy-mark.ts";
import { type Paise, parseRupees } from "../../helpers/money.ts";
import type { Zone } from "../../helpers/zone.ts";
import { MINUTE_MS, type MarketMs } from "../../helpers/instant.ts";
import { formatClock } from "../format.ts";
import { formatIndian } from "../options/option-format.ts";
import type { Plot } from "../options/plot.ts";
import { listTimes } from "../options/plots.ts";
import { formatGain } from "./money-words.ts";

/** How far it is to a level that raises an alert. */
export interface Distance {
  readonly level: Paise;
  /** What is still to be made, or to be lost; 0 and less: it is reached. */
  readonly left: Paise;
}

export function findDistance(
  strategy: Strategy,
  kind: "target" | "stop",
  m2m: Paise | null,
): Distance | null {
  const text = strategy[kind];
  if (text === null) {
    return null;
  }
  const level = parseRupees(text);
  const now = m2m ?? 0;
  return { level, left: (kind === "target" ? level - now : now - level) as Paise };
}

/** `Stop −2,500.00 of Condor is reached: −2,510.00` */
export function describeAlert({ kind, level, m2m }: MarkAlert, name: string): string {
  const word = kind === "target" ? "Target" : "Stop";
  return `${word} ${formatGain(level)} of ${name} is reached: ${formatGain(m2m)}`;
}

export const PART_WORDS: Readonly<Record<Part, readonly [name: string, words: string]>> = {
  delta: ["Delta", "What the underlying's move made"],
  gamma: ["Gamma", "What delta's change on the way made"],
  theta: ["Theta", "What the time that passed made"],
  vega: ["Vega", "What the volatility's change made"],
  trades: ["Trades", "What was made between prices that were traded at and marks"],
  residual: ["Residual", "What none of these explains"],
};

/** What a day's change came from. */
export interface Attribution {
  readonly parts: Readonly<Record<Part, Paise>>;
  readonly paid: Paise;
  /** Their sum, less what was paid: what was made in these minutes. */
  readonly change: Paise;
}

/** Add up minutes, oldest first; null without any. */
export function attribute(candles: readonly MarkCandle[]): Attribution | null {
  if (candles.length === 0) {
    return null;
  }
  const sum = (pick: (candle: MarkCandle) => Paise): Paise =>
    candles.reduce((total, each) => total + pick(each), 0) as Paise;
  return {
    parts: {
      delta: sum((each) => each.parts.delta),
      gamma: sum((each) => each.parts.gamma),
      theta: sum((each) => each.parts.theta),
      vega: sum((each) => each.parts.vega),
      trades: sum((each) => each.parts.trades),
      residual: sum((each) => each.parts.residual),
    },
    paid: sum((each) => each.paid),
    change: sum((each) => (each.close - each.open) as Paise),
  };
}

/** What a strategy made through a day, by the ends of its minutes. */
export function plotCourse(candles: readonly MarkCandle[], zone: Zone): Plot {
  return {
    xs: candles.map((each) => each.ts + MINUTE_MS),
    series: [
      {
        name: "M2M, less charges",
        tone: "accent",
        kind: "line",
        values: candles.map((each) => each.close / 100),
      },
    ],
    marks: [],
    xTitle: "at",
    formatX: (x) => formatClock(x as MarketMs, zone).slice(0, 5),
    formatY: (y) => formatIndian(y),
    listTicks: (from, to, count) => listTimes(from as MarketMs, to as MarketMs, count, zone),
  };
}
