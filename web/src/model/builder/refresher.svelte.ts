import type { MachineClock } from "../../helpers/instant.ts";
import { type ChartProblem, describeProblem, RETRY_MS } from "../chart.svelte.ts";

export interface RefresherOptions<Question, Answer> {
  readonly ask: (question: Question) => Promise<Answer>;
  readonly clock: MachineClock;
  /** From one asking to the next, where what is asked is another. */
  readonly changeGapMs: number;
  /** From one asking to the next, where only the market has moved. */
  readonly moveGapMs: number;
}

/**
 * Keeps the answer to a question up to date: asks when the question changes and as the market moves,
 * at a bounded rate. Never is the answer to an earlier question taken for that to the last one.
 */
export class Refresher<Question extends object, Answer> {
  /** The newest answer, which may be to the question before the last. */
  answer: Answer | null = $state.raw(null);
  problem: ChartProblem | null = $state.raw(null);
  /** Whether the answer is to the last question. */
  isCurrent = $state.raw(false);
  /** Whether there is a question. */
  isAsked = $state.raw(false);
  readonly #options: RefresherOptions<Question, Answer>;
  #question: Question | null = null;
  /** The question that is under way. */
  #asked: Question | null = null;
  #hasMoved = false;
  #startedAt = -Infinity;
  /** Until then nothing is asked again that could not be answered. */
  #restsUntil = -Infinity;
  #dueAt = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RefresherOptions<Question, Answer>) {
    this.#options = options;
  }

  get phase(): "loading" | "ready" | "problem" | "empty" {
    if (this.problem !== null) {
      return "problem";
    }
    return this.answer !== null ? "ready" : this.isAsked ? "loading" : "empty";
  }

  /** Ask something else; null for nothing. */
  ask(question: Question | null): void {
    if (JSON.stringify(question) === JSON.stringify(this.#question)) {
      return;
    }
    this.#question = question;
    this.isAsked = question !== null;
    this.#asked = null;
    this.#hasMoved = false;
    this.#restsUntil = -Infinity;
    this.isCurrent = false;
    this.problem = null;
    if (question === null) {
      this.answer = null;
      this.#cancel();
    } else {
      this.#plan(this.#options.changeGapMs);
    }
  }

  /** The market has moved: the answer may be another. */
  refresh(): void {
    if (this.#question === null) {
      return;
    }
    if (this.#asked === null) {
      this.#plan(this.#options.moveGapMs);
    } else {
      this.#hasMoved = true;
    }
  }

  close(): void {
    this.ask(null);
  }

  #plan(gapMs: number): void {
    const now = this.#options.clock();
    const dueAt = Math.max(now, this.#startedAt + gapMs, this.#restsUntil);
    if (dueAt < this.#dueAt) {
      this.#cancel();
      this.#dueAt = dueAt;
      this.#timer = setTimeout(() => {
        this.#dueAt = Infinity;
        void this.#start();
      }, dueAt - now);
    }
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Infinity;
  }

  async #start(): Promise<void> {
    const question = this.#question;
    if (question === null) {
      return;
    }
    this.#asked = question;
    this.#hasMoved = false;
    this.#startedAt = this.#options.clock();
    try {
      const answer = await this.#options.ask(question);
      if (this.#asked === question) {
        this.answer = answer;
        this.isCurrent = true;
        this.problem = null;
        this.#settle();
      }
    } catch (error) {
      if (this.#asked === question) {
        this.#fail(error);
      }
    }
  }

  /** What was told of an earlier question says nothing of one that cannot be answered. */
  #fail(error: unknown): void {
    const problem = describeProblem(error);
    this.problem = problem;
    this.answer = this.isCurrent ? this.answer : null;
    if (problem.kind === "away" || problem.kind === "busy") {
      this.#restsUntil = this.#options.clock() + RETRY_MS;
      this.#hasMoved = true;
    }
    this.#settle();
  }

  #settle(): void {
    this.#asked = null;
    if (this.#hasMoved) {
      this.#plan(this.#options.moveGapMs);
    }
  }
}
