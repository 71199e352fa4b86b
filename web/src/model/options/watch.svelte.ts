import { ProblemError } from "../../client/problem.ts";
import type { Topic } from "../../client/topic.ts";
import type { MarketMs } from "../../helpers/instant.ts";
import { type ChartProblem, describeProblem, RETRY_MS, type TopicSource } from "../chart.svelte.ts";

/** Tells that a topic was refused. */
export type OnRefused = (code: string, message: string) => void;

export interface WatchOptions<Wish> {
  readonly connection: TopicSource;
  /** Make the topic by which what is wished for moves. */
  readonly makeTopic: (wish: Wish, onRefused: OnRefused) => Topic;
  /** Load how it was at an instant, and take it in. */
  readonly load: (wish: Wish, signal: AbortSignal) => Promise<void>;
}

/** Sees to it that what is looked at comes: by its topic as it moves, or once as it was. */
export class Watch<Wish extends { readonly asOf: MarketMs | null }> {
  phase: "loading" | "ready" | "problem" = $state.raw("loading");
  problem: ChartProblem | null = $state.raw(null);
  readonly #options: WatchOptions<Wish>;
  #leave: (() => void) | null = null;
  #abort = new AbortController();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: WatchOptions<Wish>) {
    this.#options = options;
  }

  start(wish: Wish): void {
    this.stop();
    this.problem = null;
    this.phase = "loading";
    if (wish.asOf === null) {
      const { connection, makeTopic } = this.#options;
      this.#leave = connection.listen(
        makeTopic(wish, (code, message) => {
          const kind = code.startsWith("unknown") ? "not-found" : "busy";
          this.#fail(new ProblemError(kind, message), wish);
        }),
      );
    } else {
      void this.#load(wish);
    }
  }

  stop(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    clearTimeout(this.#retryTimer);
    this.#leave?.();
    this.#leave = null;
  }

  /** What was wished for is there. */
  markReady(): void {
    this.problem = null;
    this.phase = "ready";
  }

  async #load(wish: Wish): Promise<void> {
    const { signal } = this.#abort;
    try {
      await this.#options.load(wish, signal);
    } catch (error) {
      if (!signal.aborted) {
        this.#fail(error, wish);
      }
    }
  }

  #fail(error: unknown, wish: Wish): void {
    this.problem = describeProblem(error);
    this.phase = "problem";
    if (this.problem.kind === "away" || this.problem.kind === "busy") {
      this.#retryTimer = setTimeout(() => {
        this.start(wish);
      }, RETRY_MS);
    }
  }
}
