import type { Once } from "../../client/transport.ts";
import { ProblemError } from "../../client/problem.ts";
import { formatProblem } from "../problem-words.ts";

/** Longer than the server takes to say that it cannot now. */
const TIMEOUT_MS = 10_000;

/** Draws what nobody else draws. */
export type DrawKey = () => string;

/**
 * How far something that is to be done once has come.
 *
 * - `open`: nothing is asked for yet, or what was asked for was refused.
 * - `sending`: it is on its way.
 * - `unclear`: no answer, or one that does not say. It may have been done.
 * - `done`: it was done, once.
 */
export type IntentPhase = "open" | "sending" | "unclear" | "done";

export interface IntentOptions<Body, Result> {
  readonly drawKey: DrawKey;
  readonly send: (body: Body, once: Once) => Promise<Result>;
}

/**
 * Something that somebody wants done once: an order, an entry in a ledger.
 *
 * It has one key, which goes with each attempt. As long as it is not known what became of it, what is
 * wanted cannot be changed, and whoever tries again sends the same body with the same key: the server
 * does it once. Only a refusal, which says that nothing was done, gives the next attempt another key.
 */
export class Intent<Body extends object, Result> {
  phase: IntentPhase = $state.raw("open");
  problem: string | null = $state.raw(null);
  result: Result | null = $state.raw(null);
  readonly #options: IntentOptions<Body, Result>;
  #wanted: { readonly body: Body; readonly key: string } | null = null;

  constructor(options: IntentOptions<Body, Result>) {
    this.#options = options;
  }

  /** Have it done. While it is on its way, unclear or done, this does nothing. */
  async submit(body: Body): Promise<void> {
    if (this.phase === "open") {
      this.#wanted = { body, key: this.#options.drawKey() };
      await this.#send();
    }
  }

  /** Ask once more for the very same, where it is not clear what became of it. */
  async retry(): Promise<void> {
    if (this.phase === "unclear") {
      await this.#send();
    }
  }

  /** Want something new. What is on its way stays what is wanted. */
  renew(): void {
    if (this.phase !== "sending") {
      this.#wanted = null;
      this.problem = null;
      this.result = null;
      this.phase = "open";
    }
  }

  async #send(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === null) {
      return;
    }
    this.phase = "sending";
    this.problem = null;
    try {
      const once = { key: wanted.key, timeoutMs: TIMEOUT_MS };
      this.result = await this.#options.send(wanted.body, once);
      this.phase = "done";
    } catch (error) {
      this.problem = formatProblem(error);
      this.phase = isRefusal(error) ? "open" : "unclear";
    }
  }
}

/** Whether it is sure that nothing was done. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof ProblemError)) {
    return false;
  }
  switch (error.kind) {
    case "forbidden":
    case "not-found":
    case "sign-in":
      return true;
    case "refused":
      // The first attempt is still under way.
      return error.code !== "idempotency_key_busy";
    case "away":
    case "busy":
    case "fault":
      return false;
  }
}
