import type { ChainNumber, Side } from "../../client/chain.ts";
import type { MetricsRow, Smile, Term } from "../../client/options.ts";
import { HOUR_MS, type MarketMs, MINUTE_MS } from "../../helpers/instant.ts";
import type { WallMs, Zone } from "../../helpers/zone.ts";
import { formatClock } from "../format.ts";
import type { ChainStore } from "./chain-store.ts";
import { formatCompact, formatIndian, formatPercent } from "./option-format.ts";
import type { Plot, PlotMark, Tone } from "./plot.ts";

const TONES: Readonly<Record<Side, Tone>> = { calls: "call", puts: "put" };
const strikeText = (strike: number): string => formatIndian(strike);

type SmilePoint = Smile["items"][number];

/** Where spot and forward stand among the strikes. */
function markMoney(chain: ChainStore): readonly PlotMark[] {
  const { spot, forward } = chain.moment;
  return [
    ...(spot === null ? [] : [{ x: spot, text: "spot" }]),
    // One line says both where they are as good as one.
    ...(forward.value === null || spot !== null ? [] : [{ x: forward.value, text: "forward" }]),
  ];
}

/** The implied volatility of each side by strike, and of those out of the money, and of the fitted slice, as lines. */
export function plotSmile(chain: ChainStore, fit: readonly SmilePoint[]): Plot {
  const fitted = new Map(fit.map((each) => [each.strike, each.fit_iv]));
  const money = chain.moment.forward.value ?? chain.moment.spot;
  const { calls, puts } = chain;
  const outside = chain.strikes.map((strike, row) => {
    const side = money !== null && strike < money ? puts : calls;
    return side.numbers.iv[row] ?? null;
  });
  return {
    xs: chain.strikes,
    series: [
      {
        name: "fitted slice",
        tone: "accent",
        kind: "line",
        values: chain.strikes.map((strike) => fitted.get(strike) ?? null),
      },
      { name: "out of the money", tone: "muted", kind: "line", values: outside },
      { name: "calls", tone: "call", kind: "dots", values: calls.numbers.iv },
      { name: "puts", tone: "put", kind: "dots", values: puts.numbers.iv },
    ],
    marks: markMoney(chain),
    xTitle: "strike",
    formatX: strikeText,
    formatY: (y) => `${formatPercent(y, 1)} %`,
  };
}

/** A quantity of both sides by strike, as bars side by side. */
export function plotByStrike(chain: ChainStore, column: ChainNumber): Plot {
  const { max_pain: maxPain } = chain.figures;
  return {
    xs: chain.strikes,
    series: (["calls", "puts"] as const).map((side) => ({
      name: side,
      tone: TONES[side],
      kind: "bars",
      values: chain[side].numbers[column],
    })),
    marks: [...markMoney(chain), ...(maxPain === null ? [] : [{ x: maxPain, text: "max pain" }])],
    xTitle: "strike",
    formatX: strikeText,
    formatY: formatCompact,
  };
}

/** What all open options together would pay, were they to end at each strike: rupees. */
export function computePains(chain: ChainStore): readonly number[] {
  const { strikes, calls, puts } = chain;
  return strikes.map((end) => {
    let sum = 0;
    for (const [row, strike] of strikes.entries()) {
      const oi = (strike < end ? calls : puts).numbers.oi[row] ?? 0;
      sum += oi * Math.abs(end - strike);
    }
    return sum;
  });
}

export function plotPain(chain: ChainStore): Plot {
  return {
    ...plotByStrike(chain, "oi"),
    series: [
      { name: "all options pay", tone: "accent", kind: "line", values: computePains(chain) },
    ],
    formatY: (y) => `₹ ${formatCompact(y)}`,
  };
}

/** Volatility at the money by days until the end. */
export function plotTerms(terms: readonly Term[]): Plot {
  const volatilities = (pick: (term: Term) => number | null): readonly (number | null)[] =>
    terms.map(pick);
  return {
    xs: terms.map((each) => each.tau_years * 365),
    series: [
      {
        name: "at the money",
        tone: "accent",
        kind: "line",
        values: volatilities((each) => each.atm_iv),
      },
      {
        name: "from the expiry before",
        tone: "muted",
        kind: "dots",
        values: volatilities((each) => each.forward_iv),
      },
    ],
    marks: [],
    xTitle: "days",
    formatX: (days) => formatIndian(days, days < 10 ? 1 : 0),
    formatY: (y) => `${formatPercent(y)} %`,
  };
}

/** Figures through the day. */
export function plotDay(
  rows: readonly MetricsRow[],
  zone: Zone,
  decimals: number,
  series: readonly {
    readonly name: string;
    readonly tone: Tone;
    readonly pick: (row: MetricsRow) => number | null;
  }[],
): Plot {
  return {
    // As of the minute's end.
    xs: rows.map((each) => each.ts + MINUTE_MS),
    series: series.map(({ name, tone, pick }) => ({
      name,
      tone,
      kind: "line",
      values: rows.map(pick),
    })),
    marks: [],
    xTitle: "at",
    formatX: (x) => formatClock(x as MarketMs, zone).slice(0, 5),
    formatY: (y) => formatIndian(y, decimals),
    listTicks: (from, to, count) => listTimes(from as MarketMs, to as MarketMs, count, zone),
  };
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120].map((minutes) => minutes * MINUTE_MS);

/** About so many round times of the exchange's clock. */
export function listTimes(
  from: MarketMs,
  to: MarketMs,
  count: number,
  zone: Zone,
): readonly number[] {
  const step = TIME_STEPS.find((each) => (to - from) / each <= count) ?? 6 * HOUR_MS;
  const times: number[] = [];
  for (let wall = Math.ceil(zone.toWall(from) / step) * step; ; wall += step) {
    const time = zone.fromWall(wall as WallMs);
    if (time > to) {
      return times;
    }
    times.push(time);
  }
}
