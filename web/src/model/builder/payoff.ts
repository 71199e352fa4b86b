import type { Analysis, Strategy } from "../../client/builder.ts";
import { DAY_MS, type MarketMs, MINUTE_MS, parseInstant } from "../../helpers/instant.ts";
import type { Zone } from "../../helpers/zone.ts";
import { formatClock } from "../format.ts";
import { formatCompact, formatIndian, withPlus } from "../options/option-format.ts";
import type { Plot, PlotMark, PlotSeries } from "../options/plot.ts";

/** From one place of the slider over dates to the next. */
const STEP_MS = 30 * MINUTE_MS;

/** Where a slider over the dates of a curve can stand: half hours of the market, both ends among them. */
export interface DateSlider {
  /** The half hour that is under way: stands for now. */
  readonly first: number;
  /** The half hour in which the first leg ends: stands for then. */
  readonly last: number;
}

/** The slider from now until the first leg ends; null where none does. */
export function makeSlider({ as_of: asOf, strategy: { horizon } }: Analysis): DateSlider | null {
  return horizon === null
    ? null
    : {
        first: Math.floor(parseInstant(asOf) / STEP_MS),
        last: Math.ceil(parseInstant(horizon) / STEP_MS),
      };
}

/** The instant at a place of the slider; null at either end, which are drawn in any case. */
export function findDate(slider: DateSlider, place: number): MarketMs | null {
  // The market may have moved on by the time that it is asked for: the next half hour may be past.
  return place > slider.first + 1 && place < slider.last ? ((place * STEP_MS) as MarketMs) : null;
}

/** Where a date stands on the slider: one that has passed at now. */
export function findPlace(slider: DateSlider, date: MarketMs | null): number {
  const place = date === null ? slider.first : date / STEP_MS;
  return Math.min(slider.last, Math.max(slider.first, place));
}

/** `Tue 24 Nov, 15:30`, on the exchange's wall. */
export function formatMoment(instant: MarketMs, zone: Zone): string {
  const day = new Date(zone.toWall(instant)).toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
    timeZone: "UTC",
  });
  return `${day}, ${formatClock(instant, zone).slice(0, 5)} ${zone.shortName(instant)}`;
}

/** `in 3.2 days`, `in 5.0 h` */
export function formatAhead(from: MarketMs, to: MarketMs): string {
  const days = Math.max(0, to - from) / DAY_MS;
  return days < 1 ? `in ${(days * 24).toFixed(1)} h` : `in ${days.toFixed(1)} days`;
}

/** Profit and loss over the levels: at the end, now, at a date, and the comparison's at the end. */
export function plotPayoff(analysis: Analysis, date: MarketMs | null): Plot {
  const { strategy, against, levels, level } = analysis;
  const [now, ...later] = strategy.curve;
  const atDate = date === null ? undefined : later.find((each) => parseInstant(each.at) === date);
  const end = strategy.horizon === null ? undefined : later.at(-1);
  const line = (name: string, tone: PlotSeries["tone"], pnls: readonly number[]): PlotSeries => ({
    name,
    tone,
    kind: "line",
    values: pnls,
  });
  return {
    xs: levels,
    series: [
      ...(end === undefined
        ? []
        : [{ ...line("at expiry", "accent", end.pnls), kind: "area" as const }]),
      ...(now === undefined ? [] : [line("now", "muted", now.pnls)]),
      ...(atDate === undefined || atDate === end ? [] : [line("at the date", "put", atDate.pnls)]),
      ...(against === null
        ? []
        : [line("comparison, at its expiry", "call", against.curve.at(-1)?.pnls ?? [])]),
    ],
    marks: [
      { x: level, text: analysis.spot_symbol === null ? "forward" : "spot" },
      ...markBreakEvens(strategy),
    ],
    xTitle: analysis.underlying,
    formatX: (x) => formatIndian(x),
    formatY: (y) => withPlus(y, formatCompact(y)),
  };
}

function markBreakEvens({ break_evens: breakEvens }: Strategy): readonly PlotMark[] {
  return breakEvens.map((x) => ({ x, text: formatIndian(x) }));
}
