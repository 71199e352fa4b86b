import type { AuditClient, AuditFilter, AuditRow } from "../client/audit.ts";
import { formatProblem } from "./problem-words.ts";

/** What was done, the newest first, as far back as somebody has gone. */
export class AuditLog {
  rows: readonly AuditRow[] = $state.raw([]);
  total: number | null = $state.raw(null);
  problem: string | null = $state.raw(null);
  isBusy = $state.raw(false);
  /** Before which row the next page begins; null at the end. */
  nextBeforeId: number | null = $state.raw(null);
  readonly #client: AuditClient;
  #filter: AuditFilter = {};
  #abort = new AbortController();

  constructor(client: AuditClient) {
    this.#client = client;
  }

  /** Show the newest rows of those wanted. */
  show(filter: AuditFilter): Promise<void> {
    this.#filter = filter;
    return this.#load(null);
  }

  /** Add the next page, which begins where this one ends whatever was written meanwhile. */
  async loadOlder(): Promise<void> {
    if (this.nextBeforeId !== null) {
      await this.#load(this.nextBeforeId);
    }
  }

  async #load(beforeId: number | null): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.isBusy = true;
    this.problem = null;
    try {
      const page = await this.#client.loadPage(this.#filter, beforeId, signal);
      this.rows = beforeId === null ? page.items : [...this.rows, ...page.items];
      this.total = page.total;
      this.nextBeforeId = page.next_before_id;
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      this.problem = formatProblem(error);
    }
    this.isBusy = false;
  }
}

/** An object's state as text: every field on its line. */
export function formatState(state: unknown): string {
  return state === null || state === undefined ? "nothing" : JSON.stringify(state, null, 2);
}
