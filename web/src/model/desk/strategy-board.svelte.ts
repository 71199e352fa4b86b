import type {
  NewStrategy,
  StrategiesClient,
  Strategy,
  StrategyDocument,
  StrategyFilter,
} from "../../client/strategies.ts";
import type { BoardRow, MarkAlert } from "../../client/strategy-mark.ts";
import { makeBoardTopic } from "../../client/strategy-topic.ts";
import { ProblemError } from "../../client/problem.ts";
import { type ChartProblem, describeProblem, RETRY_MS, type TopicSource } from "../chart.svelte.ts";
import { Errand } from "../errand.svelte.ts";
import { type DrawKey, Intent } from "./intent.svelte.ts";

/** So many of the newest alerts are kept in sight. */
const ALERTS = 20;

export interface BoardParts {
  readonly connection: TopicSource;
  readonly client: StrategiesClient;
  readonly drawKey: DrawKey;
}

/** Somebody's strategies, and what each of them is worth as the market moves. */
export class StrategyBoard extends Errand {
  strategies: readonly Strategy[] = $state.raw([]);
  total: number | null = $state.raw(null);
  filter: StrategyFilter = $state.raw({ text: "", tag: null, state: "active" });
  /** What is told of those that are in use, by their numbers. */
  rows: ReadonlyMap<number, BoardRow> = $state.raw(new Map());
  /** Targets and stops that were reached while somebody looked, the newest first. */
  alerts: readonly MarkAlert[] = $state.raw([]);
  phase: "loading" | "ready" | "problem" = $state.raw("loading");
  streamProblem: ChartProblem | null = $state.raw(null);
  readonly making: Intent<NewStrategy, Strategy>;
  readonly importing: Intent<StrategyDocument, Strategy>;
  readonly #parts: BoardParts;
  #leave: (() => void) | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: BoardParts) {
    super();
    this.#parts = parts;
    const { client, drawKey } = parts;
    this.making = new Intent({ drawKey, send: (wanted, once) => client.create(wanted, once) });
    this.importing = new Intent({ drawKey, send: (wanted, once) => client.import(wanted, once) });
  }

  /** Every tag of the strategies that are listed, once. */
  get tags(): readonly string[] {
    return [...new Set(this.strategies.flatMap((each) => each.tags))].sort();
  }

  open(userId: number): void {
    this.close();
    const topic = makeBoardTopic(userId, {
      onState: (rows) => {
        this.rows = new Map(rows.map((each) => [each.id, each]));
        this.streamProblem = null;
        this.phase = "ready";
      },
      onAlert: (alert) => {
        this.alerts = [alert, ...this.alerts].slice(0, ALERTS);
      },
      onRefused: (code, message) => {
        this.streamProblem = describeProblem(new ProblemError("busy", message, code));
        this.phase = "problem";
        this.#retryTimer = setTimeout(() => {
          this.open(userId);
        }, RETRY_MS);
      },
    });
    this.#leave = this.#parts.connection.listen(topic);
  }

  close(): void {
    clearTimeout(this.#retryTimer);
    this.#leave?.();
    this.#leave = null;
  }

  find(filter: StrategyFilter): Promise<boolean> {
    this.filter = filter;
    return this.run(async () => {
      const page = await this.#parts.client.loadPage(filter, 0);
      this.strategies = page.items;
      this.total = page.total;
    });
  }

  loadMore(): Promise<boolean> {
    return this.run(async () => {
      const page = await this.#parts.client.loadPage(this.filter, this.strategies.length);
      this.strategies = [...this.strategies, ...page.items];
      this.total = page.total;
    });
  }

  /** Put a strategy out of the way, or back. */
  setArchived(strategy: Strategy, isArchived: boolean): Promise<boolean> {
    const { client } = this.#parts;
    return this.run(async () => {
      await (isArchived ? client.archive(strategy.id) : client.restore(strategy.id));
      this.strategies = this.strategies.filter((each) => each.id !== strategy.id);
      this.total = (this.total ?? 1) - 1;
    });
  }
}
