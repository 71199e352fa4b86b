import type { Chain, ChainDelta } from "../../client/chain.ts";
import { makeChainTopic } from "../../client/chain-topic.ts";
import type { ChainWish, OptionsClient } from "../../client/options.ts";
import type { MarketMs } from "../../helpers/instant.ts";
import type { ChartProblem, ScheduleFrame, TopicSource } from "../chart.svelte.ts";
import { type CellId, ChainStore } from "./chain-store.ts";
import { Watch } from "./watch.svelte.ts";

/** Draws a chain. */
export interface ChainSink {
  /** Draw all of it anew; with `keepsView` what is looked at stays where it is. */
  redraw(chain: ChainStore, options: { readonly keepsView: boolean }): void;
  /** Write these cells again. Returns those it had no time for, which come again with the next picture. */
  patch(cells: ReadonlySet<CellId>): ReadonlySet<CellId>;
}

export interface ChainViewOptions {
  readonly connection: TopicSource;
  readonly client: Pick<OptionsClient, "loadChain">;
  readonly schedule: ScheduleFrame;
  /** Is told of each minute that is recorded, by its opening. */
  readonly onMinute: (ts: MarketMs) => void;
}

/** The chain that is looked at: as it moves, or as it was at a recorded minute. */
export class ChainView {
  /** Counts what became of the chain; who reads the chain follows this. */
  version = $state.raw(0);
  chain: ChainStore | null = null;
  readonly #options: ChainViewOptions;
  readonly #watch: Watch<ChainWish>;
  #sink: ChainSink | null = null;
  #dirty = new Set<CellId>();
  #isScheduled = false;

  constructor(options: ChainViewOptions) {
    this.#options = options;
    this.#watch = new Watch({
      connection: options.connection,
      makeTopic: (wish, onRefused) =>
        makeChainTopic(wish.underlying, wish.expiry, {
          onChain: (chain) => {
            this.#replace(chain);
          },
          onDelta: (delta) => {
            this.#apply(delta);
          },
          onMinute: options.onMinute,
          onRefused,
        }),
      load: async (wish, signal) => {
        this.#replace(await options.client.loadChain(wish, signal));
      },
    });
  }

  get phase(): Watch<ChainWish>["phase"] {
    return this.#watch.phase;
  }

  get problem(): ChartProblem | null {
    return this.#watch.problem;
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
    this.#watch.start(wish);
  }

  close(): void {
    this.#watch.stop();
  }

  #replace(chain: Chain): void {
    const keepsView = this.chain?.hasRowsOf(chain) ?? false;
    this.chain = new ChainStore(chain);
    this.#dirty.clear();
    this.#sink?.redraw(this.chain, { keepsView });
    this.#watch.markReady();
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
      this.#options.schedule(() => {
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
}
