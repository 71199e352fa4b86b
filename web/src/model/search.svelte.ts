import { ProblemError } from "../client/problem.ts";
import type { RestClient } from "../client/rest.ts";
import type { FoundSymbol } from "../client/udf.ts";

const SHOWN = 30;
/** Shorter than a pause between words, longer than one between letters. */
const DEBOUNCE_MS = 120;

/** What somebody types to find an instrument, and what was found. */
export class SymbolSearch {
  query = $state.raw("");
  isOpen = $state.raw(false);
  found: readonly FoundSymbol[] = $state.raw([]);
  /** The line that Enter takes. */
  activeIndex = $state.raw(0);
  problem: string | null = $state.raw(null);
  /** Whether `found` is the answer to `query`. */
  isCurrent = $state.raw(false);
  readonly #rest: RestClient;
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  get active(): FoundSymbol | undefined {
    return this.found[this.activeIndex];
  }

  open(): void {
    this.isOpen = true;
    this.setQuery("");
  }

  close(): void {
    this.isOpen = false;
    this.#cancel();
  }

  setQuery(query: string): void {
    this.query = query;
    this.isOpen = true;
    this.isCurrent = false;
    this.#cancel();
    this.#timer = setTimeout(() => void this.#load(query), query === "" ? 0 : DEBOUNCE_MS);
  }

  /** Go up or down, round the ends. */
  move(step: 1 | -1): void {
    const count = this.found.length;
    if (count > 0) {
      this.activeIndex = (this.activeIndex + step + count) % count;
    }
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  async #load(query: string): Promise<void> {
    const { signal } = this.#abort;
    try {
      this.found = await this.#rest.search(query.trim(), SHOWN, signal);
      this.problem = null;
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      this.found = [];
      this.problem = error instanceof ProblemError ? error.message : String(error);
    }
    this.activeIndex = 0;
    this.isCurrent = true;
  }
}
