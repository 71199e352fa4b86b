import type { Bar, Timeframe } from "../client/bar.ts";
import { makeBarTopic } from "../client/bar-topic.ts";
import { ProblemError, type ProblemKind } from "../client/problem.ts";
import type { RestClient } from "../client/rest.ts";
import type { MarketMs } from "../helpers/instant.ts";
import { BarSeries } from "./bar-series.ts";
import { ChartLayout, type ChartPoint } from "./chart-layout.ts";
import type { Connection } from "./connection.svelte.ts";
import { type Instrument, type InstrumentClient, loadInstrument } from "./instrument.ts";

/** Bars asked for at a time when somebody scrolls back. */
const PAGE_BARS = 1_000;
/** What the server gives at most, and enough to fill any screen again after a reconnection. */
const REFRESH_BARS_MAX = 20_000;
/** How long to wait before something that failed for now is tried again. */
export const RETRY_MS = 5_000;

export type ChartPhase = "loading" | "ready" | "empty" | "problem";

export interface ChartProblem {
  readonly kind: ProblemKind;
  readonly message: string;
}

/** A bar and the one before it, from which its change is counted. */
export interface ShownBar {
  readonly bar: Bar;
  readonly previous: Bar | undefined;
}

/** Draws what the model holds. */
export interface ChartSink {
  /** Draw everything anew; with `keepsView` what is looked at stays where it is. */
  redraw(layout: ChartLayout, options: { readonly keepsView: boolean }): void;
  /** Draw these places, the last or new ones. */
  update(points: readonly ChartPoint[]): void;
}

/** What a chart wants of the connection. */
export type TopicSource = Pick<Connection, "listen">;

/** What a chart asks of the server. */
export type ChartClient = InstrumentClient & Pick<RestClient, "loadBarsBefore">;

/** Calls back before the next picture is drawn. */
export type ScheduleFrame = (draw: () => void) => void;

/** One chart: an instrument in a timeframe, its bars, and what is to be said of it. */
export class ChartModel {
  instrument: Instrument | null = $state.raw(null);
  timeframe: Timeframe = $state.raw("1m");
  phase: ChartPhase = $state.raw("loading");
  problem: ChartProblem | null = $state.raw(null);
  /** Why older bars did not come. */
  historyProblem: string | null = $state.raw(null);
  isLoadingOlder = $state.raw(false);
  last: ShownBar | null = $state.raw(null);
  /** Exchange time of the newest thing in the chart. */
  asOf: MarketMs | null = $state.raw(null);

  readonly #connection: TopicSource;
  readonly #rest: ChartClient;
  readonly #schedule: ScheduleFrame;
  readonly #series = new BarSeries();
  /** By which of its names the instrument was opened. */
  #name = "";
  #layout: ChartLayout | null = null;
  #sink: ChartSink | null = null;
  #leave: (() => void) | null = null;
  #abort = new AbortController();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #hasAllHistory = false;
  /** The first place that is not drawn as it is now; null: nothing waits. */
  #dirtyFrom: number | null = null;
  #heardAsOf: MarketMs | null = null;

  constructor(connection: TopicSource, rest: ChartClient, schedule: ScheduleFrame) {
    this.#connection = connection;
    this.#rest = rest;
    this.#schedule = schedule;
  }

  attach(sink: ChartSink): () => void {
    this.#sink = sink;
    if (this.#layout !== null) {
      sink.redraw(this.#layout, { keepsView: false });
    }
    return () => {
      this.#sink = null;
    };
  }

  /** Show an instrument, by any of its names. */
  async open(name: string, timeframe: Timeframe): Promise<void> {
    this.#reset();
    this.timeframe = timeframe;
    const { signal } = this.#abort;
    try {
      let { instrument } = this;
      if (instrument === null || this.#name !== name) {
        this.instrument = null;
        instrument = await loadInstrument(this.#rest, name, signal);
        this.instrument = instrument;
        this.#name = name;
      }
      this.#listen(instrument, timeframe);
    } catch (error) {
      if (!signal.aborted) {
        this.#fail(error, () => void this.open(name, timeframe));
      }
    }
  }

  close(): void {
    this.#reset();
  }

  /** The bar that opens at `ts`. */
  find(ts: MarketMs): ShownBar | null {
    return this.#series.find(ts);
  }

  /** The newest bars, oldest first. */
  listNewest(count: number): readonly Bar[] {
    return this.#series.bars.slice(-count);
  }

  /** Load the bars before the first, if there are any. */
  async loadOlder(): Promise<void> {
    const first = this.#series.first;
    if (this.isLoadingOlder || this.#hasAllHistory || first === undefined) {
      return;
    }
    await this.#loadBefore(first.ts, PAGE_BARS, (older) => {
      this.#hasAllHistory = older.length === 0;
      this.#series.prepend(older);
    });
  }

  #reset(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    clearTimeout(this.#retryTimer);
    this.#leave?.();
    this.#leave = null;
    this.#series.reset([]);
    this.#layout = null;
    this.#dirtyFrom = null;
    this.#hasAllHistory = false;
    this.isLoadingOlder = false;
    this.historyProblem = null;
    this.problem = null;
    this.last = null;
    this.asOf = null;
    this.phase = "loading";
  }

  #listen(instrument: Instrument, timeframe: Timeframe): void {
    const topic = makeBarTopic(instrument.symbol, timeframe, {
      onSnapshot: (bars, asOf) => {
        this.#heardAsOf = asOf;
        this.#applySnapshot(bars);
      },
      onBar: (bar, asOf) => {
        this.#heardAsOf = asOf;
        this.#applyBar(bar);
      },
      onRefused: (code, message) => {
        const kind = code === "unknown_symbol" ? "not-found" : "busy";
        this.#fail(new ProblemError(kind, message), () => void this.open(this.#name, timeframe));
      },
    });
    this.#leave = this.#connection.listen(topic);
  }

  #applySnapshot(bars: readonly Bar[]): void {
    const { first, last } = this.#series;
    const newest = bars.at(-1);
    const oldest = bars[0];
    const goesOn =
      last !== undefined && newest !== undefined && oldest !== undefined && newest.ts >= last.ts;
    const kept = goesOn ? this.#series.bars.slice(0, this.#series.findIndex(oldest.ts)) : [];
    this.#series.reset([...kept, ...bars]);
    this.#hasAllHistory = false;
    this.#redraw(goesOn);
    if (goesOn && kept.length > 0 && first !== undefined) {
      // A snapshot says nothing of what lies before it, and it may have been corrected meanwhile.
      void this.#loadBefore(oldest.ts, Math.min(kept.length, REFRESH_BARS_MAX), (older) => {
        const start = this.#series.findIndex(oldest.ts);
        this.#series.reset([...older, ...this.#series.bars.slice(start)]);
      });
    }
  }

  #applyBar(bar: Bar): void {
    const layout = this.#layout;
    if (layout === null) {
      return;
    }
    const start = layout.points.length;
    switch (this.#series.apply(bar)) {
      case "appended":
        layout.append(bar);
        this.#markDirty(start);
        break;
      case "replaced-last":
        layout.replaceLast(bar);
        this.#markDirty(start - 1);
        break;
      case "amended":
        this.#redraw(true);
        break;
    }
  }

  async #loadBefore(
    before: MarketMs,
    count: number,
    apply: (older: readonly Bar[]) => void,
  ): Promise<void> {
    const { instrument, timeframe } = this;
    const { signal } = this.#abort;
    if (instrument === null) {
      return;
    }
    this.isLoadingOlder = true;
    try {
      apply(await this.#rest.loadBarsBefore(instrument.symbol, timeframe, before, count, signal));
      this.historyProblem = null;
      this.#redraw(true);
    } catch (error) {
      if (!signal.aborted) {
        this.historyProblem = describeProblem(error).message;
      }
    } finally {
      if (!signal.aborted) {
        this.isLoadingOlder = false;
      }
    }
  }

  #redraw(keepsView: boolean): void {
    const { instrument, timeframe } = this;
    if (instrument === null) {
      return;
    }
    const { zone, hours } = instrument;
    this.#layout = new ChartLayout({ timeframe, zone, hours }, this.#series.bars);
    this.#dirtyFrom = null;
    this.#sink?.redraw(this.#layout, { keepsView });
    this.#publish();
  }

  #markDirty(from: number): void {
    const isScheduled = this.#dirtyFrom !== null;
    this.#dirtyFrom = Math.min(from, this.#dirtyFrom ?? from);
    if (!isScheduled) {
      this.#schedule(() => {
        this.#drawDirty();
      });
    }
  }

  #drawDirty(): void {
    if (this.#dirtyFrom !== null && this.#layout !== null) {
      this.#sink?.update(this.#layout.points.slice(this.#dirtyFrom));
      this.#dirtyFrom = null;
      this.#publish();
    }
  }

  #publish(): void {
    const last = this.#series.last;
    this.last = last === undefined ? null : this.#series.find(last.ts);
    this.asOf = this.#heardAsOf;
    this.phase = last === undefined ? "empty" : "ready";
  }

  #fail(error: unknown, again: () => void): void {
    this.problem = describeProblem(error);
    this.phase = "problem";
    if (this.problem.kind === "away" || this.problem.kind === "busy") {
      this.#retryTimer = setTimeout(again, RETRY_MS);
    }
  }
}

export function describeProblem(error: unknown): ChartProblem {
  return error instanceof ProblemError
    ? { kind: error.kind, message: error.message }
    : { kind: "fault", message: error instanceof Error ? error.message : String(error) };
}
