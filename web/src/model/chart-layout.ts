import type { Bar, Timeframe } from "../client/bar.ts";
import type { MarketMs } from "../helpers/instant.ts";
import type { Nominal } from "../helpers/nominal.ts";
import type { Zone } from "../helpers/zone.ts";
import type { Session, SessionHours } from "./sessions.ts";
import { TIMEFRAME_MS } from "./timeframes.ts";

/** Where something is on the time axis: seconds of the exchange's wall clock, of a daily bar of UTC. */
export type ChartTime = Nominal<number, "ChartTime">;

/** One place on the time axis: a bar, or the lack of one inside a session. */
export interface ChartPoint {
  readonly time: ChartTime;
  readonly ts: MarketMs;
  readonly bar: Bar | null;
}

/** Whether the feed was deaf for a part of it, and nobody has filled it yet. */
export function isPartlyHeard({ bar }: ChartPoint): boolean {
  return bar !== null && bar.status === "partial" && !bar.isForming;
}

/** Consecutive places without a bar: indices into the points, both inclusive. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** What the layout follows. */
export interface LayoutRules {
  readonly timeframe: Timeframe;
  readonly zone: Zone;
  readonly hours: SessionHours;
}

/** Bars on the time axis: with the places of those that are missing, and where sessions begin. */
export class ChartLayout {
  readonly points: ChartPoint[] = [];
  readonly gaps: Gap[] = [];
  /** Where a session begins, but for the first one: indices into the points. */
  readonly breaks: number[] = [];
  readonly #rules: LayoutRules;
  readonly #stepMs: number;
  #last: { readonly bar: Bar; readonly session: Session | null } | null = null;

  constructor(rules: LayoutRules, bars: readonly Bar[]) {
    this.#rules = rules;
    this.#stepMs = TIMEFRAME_MS[rules.timeframe];
    for (const bar of bars) {
      this.append(bar);
    }
  }

  /** Add a bar behind the last, after the places of those that are missing between the two. */
  append(bar: Bar): void {
    const session = this.#isIntraday ? this.#rules.hours.find(bar.ts) : null;
    if (this.#last !== null && this.#isIntraday) {
      this.#bridge(this.#last, bar, session);
    }
    this.#addPoint(bar.ts, bar);
    this.#last = { bar, session };
  }

  /** Put a newer state of the last bar in its place. */
  replaceLast(bar: Bar): void {
    if (this.points.at(-1)?.ts === bar.ts) {
      this.points[this.points.length - 1] = { time: this.toTime(bar.ts), ts: bar.ts, bar };
    }
  }

  toTime(ts: MarketMs): ChartTime {
    const shown = this.#isIntraday ? this.#rules.zone.toWall(ts) : ts;
    return (shown / 1_000) as ChartTime;
  }

  get #isIntraday(): boolean {
    return this.#rules.timeframe !== "1d";
  }

  #bridge(last: { bar: Bar; session: Session | null }, bar: Bar, session: Session | null): void {
    const next = (last.bar.ts + this.#stepMs) as MarketMs;
    if (session !== null && session.opens === last.session?.opens) {
      this.#addGap(next, bar.ts);
      return;
    }
    if (last.session !== null) {
      this.#addGap(next, last.session.closes);
    }
    const isNewDay = this.#day(bar.ts) !== this.#day(last.bar.ts);
    if (session !== null || isNewDay) {
      this.breaks.push(this.points.length);
    }
    if (session !== null) {
      this.#addGap(session.opens, bar.ts);
    }
  }

  #day(ts: MarketMs): number {
    return Math.floor(this.toTime(ts) / 86_400);
  }

  #addGap(from: MarketMs, until: MarketMs): void {
    const start = this.points.length;
    for (let ts = from; ts < until; ts = (ts + this.#stepMs) as MarketMs) {
      this.#addPoint(ts, null);
    }
    if (this.points.length > start) {
      this.gaps.push({ from: start, to: this.points.length - 1 });
    }
  }

  #addPoint(ts: MarketMs, bar: Bar | null): void {
    const time = this.toTime(ts);
    const last = this.points.at(-1);
    // Where clocks are set back an hour comes twice, and the axis has room for one.
    if (last === undefined || time > last.time) {
      this.points.push({ time, ts, bar });
    }
  }
}
