import type { Chain, ChainDelta } from "../../client/chain.ts";
import { makeChainTopic } from "../../client/chain-topic.ts";
import type { ChainWish, OptionsClient } from "../../client/options.ts";
import type { ProblemKind } from "../../client/problem.ts";
import { ProblemError } from "../../client/problem.ts";
import type { MarketMs } from "../../helpers/instant.ts";
import {
  describeProblem,
  RETRY_MS,
  type ScheduleFrame,
  type TopicSource,
} from "../chart.svelte.ts";
import { type CellId, ChainStore } from "./chain-store.ts";

/** Draws a chain. */
export interface ChainSink {
  /** Draw all of it anew; with `keepsView` what is looked at stays where it is. */
  redraw(chain: ChainStore, options: { readonly keepsView: boolean }): void;
  /** Write these cells again. Returns those it had no time for, which come again with the next picture. */
  patch(cells: ReadonlySet<CellId>): ReadonlySet<CellId>;
}

export interface ChainProblem {
  readonly kind: ProblemKind;
  readonly message: string;
}

/** The chain that is looked at: as it moves, or as it was at a recorded minute. */
export class ChainView {
  phase: "loading" | "ready" | "problem" = $state.raw("loading");
  problem: ChainProblem | null = $state.raw(null);
  /** Counts what became of the chain; who reads the chain follows this. */
  version = $state.raw(0);
  chain: ChainStore | null = null;
  readonly #connection: TopicSource;
  readonly #client: Pick<OptionsClient, "loadChain">;
  readonly #schedule: ScheduleFrame;
  readonly #onMinute: (ts: MarketMs) => void;
  #sink: ChainSink | null = null;
  #leave: (() => void) | null = null;
  #abort = new AbortController();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #dirty = new Set<CellId>();
  #isScheduled = false;

  constructor(options: {
    readonly connection: TopicSource;
    readonly client: Pick<OptionsClient, "loadChain">;
    readonly schedule: ScheduleFrame;
    /** Is told of each minute that is recorded, by its opening. */
    readonly onMinute: (ts: MarketMs) => void;
  }) {
    this.#connection = options.connection;
    this.#client = options.client;
    this.#schedule = options.schedule;
    this.#onMinute = options.onMinute;
  }

  attach(sink: ChainSink): () => void {
    this.#sink = sink;
    if (this.chain !== null) {
      sink.redraw(this.chain, { keepsView: false });
    }
    return () => {
      this.#sink = null;
    };
  }

  /** Show a chain. What is there stays until the wanted one has come, so that nothing flickers. */
  show(wish: ChainWish): void {
    this.close();
    this.problem = null;
    if (
      this.chain?.underlying !== wish.underlying.replace(/^.*:/, "") ||
      this.chain.expiry !== wish.expiry
    ) {
      this.phase = "loading";
    }
    if (wish.asOf === null) {
      this.#listen(wish);
    } else {
      void this.#load(wish);
    }
  }

  close(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    clearTimeout(this.#retryTimer);
    this.#leave?.();
    this.#leave = null;
  }

  #listen(wish: ChainWish): void {
    this.#leave = this.#connection.listen(
      makeChainTopic(wish.underlying, wish.expiry, {
        onChain: (chain) => {
          this.#replace(chain);
        },
        onDelta: (delta) => {
          this.#apply(delta);
        },
        onMinute: (ts) => {
          this.#onMinute(ts);
        },
        onRefused: (code, message) => {
          const kind = code.startsWith("unknown") ? "not-found" : "busy";
          this.#fail(new ProblemError(kind, message), wish);
        },
      }),
    );
  }

  async #load(wish: ChainWish): Promise<void> {
    const { signal } = this.#abort;
    try {
      this.#replace(await this.#client.loadChain(wish, signal));
    } catch (error) {
      if (!signal.aborted) {
        this.#fail(error, wish);
      }
    }
  }

  #replace(chain: Chain): void {
    const keepsView = this.chain?.hasRowsOf(chain) ?? false;
    this.chain = new ChainStore(chain);
    this.#dirty.clear();
    this.#sink?.redraw(this.chain, { keepsView });
    this.problem = null;
    this.phase = "ready";
    this.version += 1;
  }

  #apply(delta: ChainDelta): void {
    for (const cell of this.chain?.apply(delta) ?? []) {
      this.#dirty.add(cell);
    }
    this.#scheduleDrawing();
  }

  #scheduleDrawing(): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#schedule(() => {
        this.#isScheduled = false;
        this.#draw();
      });
    }
  }

  #draw(): void {
    this.version += 1;
    this.#dirty = new Set(this.#sink?.patch(this.#dirty) ?? []);
    if (this.#dirty.size > 0) {
      this.#scheduleDrawing();
    }
  }

  #fail(error: unknown, wish: ChainWish): void {
    this.problem = describeProblem(error);
    this.phase = "problem";
    if (this.problem.kind === "away" || this.problem.kind === "busy") {
      this.#retryTimer = setTimeout(() => {
        this.show(wish);
      }, RETRY_MS);
    }
  }
}
