import { type ChartProblem, describeProblem } from "../chart.svelte.ts";

/** Something that is asked of the server again and again; what was there stays until the next has come. */
export class Loaded<T> {
  value: T | null = $state.raw(null);
  problem: ChartProblem | null = $state.raw(null);
  #abort = new AbortController();
  #isBusy = false;
  #waiting: ((signal: AbortSignal) => Promise<T>) | null = null;

  get phase(): "loading" | "ready" | "problem" {
    return this.problem !== null ? "problem" : this.value === null ? "loading" : "ready";
  }

  /** Ask for it now, or as soon as what is asked for already has come: never for two at a time. */
  async load(ask: (signal: AbortSignal) => Promise<T>): Promise<void> {
    if (this.#isBusy) {
      this.#waiting = ask;
      return;
    }
    const { signal } = this.#abort;
    this.#isBusy = true;
    try {
      this.value = await ask(signal);
      this.problem = null;
    } catch (error) {
      if (!signal.aborted) {
        this.problem = describeProblem(error);
      }
    }
    if (!signal.aborted) {
      this.#isBusy = false;
      const next = this.#waiting;
      this.#waiting = null;
      if (next !== null) {
        await this.load(next);
      }
    }
  }

  /** Forget what was there: something else is wanted. */
  reset(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#isBusy = false;
    this.#waiting = null;
    this.value = null;
    this.problem = null;
  }
}
