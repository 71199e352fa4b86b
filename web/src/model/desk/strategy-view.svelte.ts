import { ProblemError } from "../../client/problem.ts";
import type { RestClient } from "../../client/rest.ts";
import type {
  Entry,
  EntryPage,
  NewEntry,
  StoredAlert,
  StrategiesClient,
  Strategy,
  StrategyChanges,
  StrategyDocument,
} from "../../client/strategies.ts";
import type { MarkAlert, MarkCandle, StrategyMark } from "../../client/strategy-mark.ts";
import { makeStrategyTopic } from "../../client/strategy-topic.ts";
import { MINUTE_MS } from "../../helpers/instant.ts";
import { Zone } from "../../helpers/zone.ts";
import { type ChartProblem, describeProblem, RETRY_MS, type TopicSource } from "../chart.svelte.ts";
import { Errand } from "../errand.svelte.ts";
import { formatDay } from "../format.ts";
import { Loaded } from "../options/loaded.svelte.ts";
import { type DrawKey, Intent } from "./intent.svelte.ts";

export interface StrategyViewParts {
  readonly connection: TopicSource;
  readonly client: StrategiesClient;
  readonly rest: Pick<RestClient, "loadSymbol">;
  readonly drawKey: DrawKey;
}

/** One strategy: what it is worth as the market moves, its day, and its ledger. */
export class StrategyView extends Errand {
  readonly strategy = new Loaded<Strategy>();
  readonly entries = new Loaded<EntryPage>();
  readonly alerts = new Loaded<readonly StoredAlert[]>();
  mark: StrategyMark | null = $state.raw(null);
  /** The minutes of the newest day, oldest first. */
  candles: readonly MarkCandle[] = $state.raw([]);
  /** What was reached while somebody looked; null: nothing. */
  reached: MarkAlert | null = $state.raw(null);
  /** Why what it is worth is not told. */
  streamProblem: ChartProblem | null = $state.raw(null);
  zone: Zone = $state.raw(new Zone("UTC"));
  readonly id: number;
  readonly entering: Intent<NewEntry, boolean>;
  readonly #parts: StrategyViewParts;
  /** What is held, in short: where it changes the ledger has another line. */
  #held = "";
  #leave: (() => void) | null = null;
  #abort = new AbortController();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: StrategyViewParts, id: number) {
    super();
    this.#parts = parts;
    this.id = id;
    this.entering = new Intent({
      drawKey: parts.drawKey,
      send: async (entry, once) => {
        await parts.client.enter(id, entry, once);
        return true;
      },
    });
  }

  open(): void {
    void this.strategy.load((signal) => this.#parts.client.load(this.id, signal));
    void this.alerts.load((signal) => this.#parts.client.loadAlerts(this.id, signal));
    this.loadEntries();
    this.#listen();
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#retryTimer);
    this.#leave?.();
    this.strategy.reset();
    this.entries.reset();
    this.alerts.reset();
  }

  loadEntries(): void {
    void this.entries.load((signal) => this.#parts.client.loadEntries(this.id, signal));
  }

  /** Returns whether it is as it is wanted now. */
  change(changes: Omit<StrategyChanges, "revision">): Promise<boolean> {
    return this.run(async () => {
      const revision = this.strategy.value?.revision ?? 1;
      this.strategy.value = await this.#parts.client.change(this.id, { ...changes, revision });
    });
  }

  /** Put it out of the way, or back. */
  setArchived(isArchived: boolean): Promise<boolean> {
    const { client } = this.#parts;
    return this.run(async () => {
      this.strategy.value = await (isArchived ? client.archive(this.id) : client.restore(this.id));
    });
  }

  /** Take a line of the ledger back: pressed twice it is done once, for the server takes none back twice. */
  reverse(entry: Entry): Promise<boolean> {
    return this.run(async () => {
      const once = { key: this.#parts.drawKey(), timeoutMs: RETRY_MS };
      await this.#parts.client.reverse(this.id, entry.id, once);
      this.loadEntries();
    });
  }

  /** Write it out; null where that failed. */
  async export(): Promise<StrategyDocument | null> {
    let written: StrategyDocument | null = null;
    await this.run(async () => {
      written = await this.#parts.client.export(this.id);
    });
    return written;
  }

  #listen(): void {
    const topic = makeStrategyTopic(this.id, {
      onState: (mark) => {
        this.#take(mark);
      },
      onCandle: (candle) => {
        const last = this.candles.at(-1);
        this.#addCandles([candle]);
        if (last !== undefined && candle.ts - last.ts > MINUTE_MS) {
          // A minute was over before anybody listened, and stored after that was asked for.
          void this.#loadDay();
        }
      },
      onAlert: (alert) => {
        this.reached = alert;
        void this.alerts.load((signal) => this.#parts.client.loadAlerts(this.id, signal));
      },
      onRefused: (code, message) => {
        // One that is archived is marked no more.
        const kind = code === "not_found" ? "not-found" : "busy";
        this.streamProblem = describeProblem(new ProblemError(kind, message, code));
        this.#retryTimer = setTimeout(() => {
          this.#listen();
        }, RETRY_MS);
      },
    });
    this.#leave = this.#parts.connection.listen(topic);
    void this.#loadDay();
  }

  #take(mark: StrategyMark): void {
    this.mark = mark;
    this.streamProblem = null;
    const held = mark.legs.map((each) => `${each.symbol} ${each.units} ${each.charges}`).join();
    if (held !== this.#held) {
      this.#held = held;
      this.loadEntries();
      void this.#findZone(mark.legs[0]?.symbol);
    }
  }

  async #findZone(symbol: string | undefined): Promise<void> {
    if (symbol === undefined) {
      return;
    }
    try {
      const { timezone } = await this.#parts.rest.loadSymbol(symbol, this.#abort.signal);
      this.zone = new Zone(timezone);
      this.#addCandles([]);
    } catch {
      // Times are told in UTC then.
    }
  }

  async #loadDay(): Promise<void> {
    try {
      this.#addCandles(await this.#parts.client.loadCandles(this.id, this.#abort.signal));
    } catch (error) {
      if (!this.#abort.signal.aborted) {
        this.problem = describeProblem(error).message;
      }
    }
  }

  /** Take minutes in, each once, and keep those of the newest one's day. */
  #addCandles(candles: readonly MarkCandle[]): void {
    const known = new Map([...this.candles, ...candles].map((each) => [each.ts, each]));
    const sorted = [...known.values()].sort((one, other) => one.ts - other.ts);
    const last = sorted.at(-1);
    const { zone } = this;
    this.candles =
      last === undefined
        ? []
        : sorted.filter((each) => formatDay(each.ts, zone) === formatDay(last.ts, zone));
  }
}
