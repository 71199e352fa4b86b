import type { Analysis, Strategy } from "../../client/builder.ts";
import { UNKNOWN } from "../format.ts";
import { formatIndian, formatKnown, formatPercent, withPlus } from "../options/option-format.ts";

/** One figure of a strategy, and of the one it is compared with. */
export interface StrategyFigure {
  readonly name: string;
  /** What it is, in a sentence. */
  readonly words: string;
  readonly strategy: string;
  /** Null where nothing is compared. */
  readonly against: string | null;
  /** The comparison's less the strategy's. */
  readonly difference: string | null;
}

const rupees = (value: number): string => formatIndian(value, 2);
const gain = (value: number): string => withPlus(value, rupees(value));
const percent = (value: number): string => `${formatPercent(value, 1)} %`;
const signedPoints = (value: number): string => withPlus(value, percent(value));

/** Money as the server writes it, a decimal string of rupees. */
function formatMoney(text: string | null, format: (value: number) => string): string {
  return text === null ? UNKNOWN : format(Number(text));
}

interface Row {
  readonly name: string;
  readonly words: string;
  readonly show: (strategy: Strategy) => string;
  readonly subtract?: (difference: NonNullable<Analysis["difference"]>) => string;
}

const ROWS: readonly Row[] = [
  {
    name: "Max profit",
    words: "the most it makes when its first leg ends, rupees",
    show: (each) => showExtreme(each.max_profit, each.max_profit_reason),
    subtract: (each) => formatMoney(each.max_profit, gain),
  },
  {
    name: "Max loss",
    words: "the least it makes when its first leg ends, rupees",
    show: (each) => showExtreme(each.max_loss, each.max_loss_reason),
    subtract: (each) => formatMoney(each.max_loss, gain),
  },
  {
    name: "Break-evens",
    words: "where it makes nothing when its first leg ends",
    show: ({ break_evens: levels }) =>
      levels.length === 0 ? "none" : levels.map((each) => formatIndian(each, 1)).join(" · "),
  },
  {
    name: "Chance of profit",
    words: "that it makes more than nothing, by the volatility at the money; no view",
    show: (each) =>
      each.probability_reason === "no_volatility"
        ? "no volatility"
        : formatKnown(each.probability_of_profit, percent),
    subtract: (each) => formatKnown(each.probability_of_profit, signedPoints),
  },
  {
    name: "Premium",
    words: "what its options cost together, rupees",
    show: ({ net_premium: net }) => showPremium(Number(net)),
    subtract: (each) => formatMoney(each.net_premium, gain),
  },
  {
    name: "P&L now",
    words: "by the marks, before charges, rupees",
    show: (each) => formatMoney(each.pnl, gain),
    subtract: (each) => formatMoney(each.pnl, gain),
  },
  {
    name: "Margin",
    words: "what has to be there besides, an estimate by the market rules of its day, rupees",
    show: ({ margin, margin_reason: reason }) =>
      margin === null ? nameReason(reason) : formatMoney(margin.total, rupees),
  },
  {
    name: "Charges",
    words: "brokerage, taxes and fees to open it, each leg one order, rupees",
    show: ({ charges, charges_reason: reason }) =>
      charges === null ? nameReason(reason) : formatMoney(charges.total, rupees),
  },
  makeGreek("delta", "units of the underlying", (value) => withPlus(value, formatIndian(value, 1))),
  makeGreek("gamma", "delta per rupee of the underlying", (value) =>
    withPlus(value, formatIndian(value, 3)),
  ),
  makeGreek("theta", "rupees a calendar day", signedRupees),
  makeGreek("vega", "rupees per point of volatility", signedRupees),
  makeGreek("rho", "rupees per percentage point of interest", signedRupees),
];

function signedRupees(value: number): string {
  return withPlus(value, formatIndian(value));
}

function makeGreek(
  name: keyof Strategy["greeks"],
  words: string,
  format: (value: number) => string,
): Row {
  return {
    name: `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    words,
    show: ({ greeks }) => format(greeks[name]),
    subtract: ({ greeks }) => format(greeks[name]),
  };
}

function showExtreme(money: string | null, reason: "unbounded" | null): string {
  return reason === null ? formatMoney(money, gain) : "no bound";
}

function nameReason(reason: "no_rule" | "not_tradable" | null): string {
  switch (reason) {
    case "no_rule":
      return "no rule";
    case "not_tradable":
      return "not tradable";
    case null:
      return UNKNOWN;
  }
}

function showPremium(net: number): string {
  if (net === 0) {
    return "none";
  }
  return `${rupees(Math.abs(net))} ${net < 0 ? "received" : "paid"}`;
}

/** What stands beside the payoff. */
export function listFigures({
  strategy,
  against,
  difference,
}: Pick<Analysis, "strategy" | "against" | "difference">): readonly StrategyFigure[] {
  return ROWS.map(({ name, words, show, subtract }) => ({
    name,
    words,
    strategy: show(strategy),
    against: against === null ? null : show(against),
    difference: difference === null ? null : (subtract?.(difference) ?? ""),
  }));
}

/** What is to be warned of before anything else. */
export function listWarnings(strategy: Strategy): readonly string[] {
  return [
    ...(strategy.max_loss_reason === null
      ? []
      : ["The loss has no bound: it grows for as long as the underlying moves that way."]),
    ...(strategy.is_exact
      ? []
      : ["Its legs end at different times: what is said is of when the first one ends."]),
    ...strategy.legs.flatMap((leg) =>
      leg.mark === null
        ? [`${leg.symbol} has no price just now (${leg.reason ?? "unknown"}).`]
        : [],
    ),
  ];
}
