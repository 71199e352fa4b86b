import type {
  Analysis,
  AnalysisInput,
  BuilderClient,
  LegInput,
  Template,
} from "../../client/builder.ts";
import { ProblemError } from "../../client/problem.ts";
import { formatInstant, type MachineClock, type MarketMs } from "../../helpers/instant.ts";
import { Errand } from "../errand.svelte.ts";
import { formatProblem } from "../problem-words.ts";
import { addLot, type Contract, findFault, type Leg, takeBuilt, toInputs } from "./legs.ts";
import { Refresher } from "./refresher.svelte.ts";
import { makeAxes, pickReach } from "./scenarios.ts";
import { makeTemplateInput, type TemplateForm } from "./template-form.ts";

/** Which of the two strategies on the page is built. */
export type Slot = "strategy" | "against";

/** What somebody types or drags is asked for at once, and no more than five times a second. */
const CHANGE_GAP_MS = 200;
/** As the market moves, no more than once. */
const MOVE_GAP_MS = 1_000;

type Client = Pick<BuilderClient, "loadTemplates" | "build" | "analyse">;

/** Legs that are put together, what they make and risk, and what they are compared with. */
export class Builder extends Errand {
  templates: readonly Template[] = $state.raw([]);
  slot: Slot = $state.raw("strategy");
  date: MarketMs | null = $state.raw(null);
  reachPct: number = $state.raw(5);
  /** Whether somebody changed the strategy's legs since they were taken from what is held. */
  isChanged = $state.raw(false);
  /** Of the template that was built last; null where there is none. */
  title: string | null = $state.raw(null);
  readonly analysis: Refresher<AnalysisInput, Analysis>;
  #legs: Readonly<Record<Slot, readonly Leg[]>> = $state.raw({ strategy: [], against: [] });
  #underlying: string | null = null;
  /** The horizon that the scenarios' reach was chosen for. */
  #fitted: string | null = null;
  #isReachChosen = false;
  readonly #client: Client;
  readonly #abort = new AbortController();

  constructor(client: Client, clock: MachineClock) {
    super();
    this.#client = client;
    this.analysis = new Refresher({
      ask: async (wish) => {
        const answer = await client.analyse(wish);
        this.#fitReach(answer);
        return answer;
      },
      clock,
      changeGapMs: CHANGE_GAP_MS,
      moveGapMs: MOVE_GAP_MS,
    });
  }

  /** Of the strategy that is built. */
  get legs(): readonly Leg[] {
    return this.#legs[this.slot];
  }

  get strategy(): readonly Leg[] {
    return this.#legs.strategy;
  }

  get hasComparison(): boolean {
    return this.#legs.against.length > 0;
  }

  /** What is wrong with the legs, in words. While something is, what is shown is of those before. */
  get faults(): readonly string[] {
    return [...this.#legs.strategy, ...this.#legs.against].flatMap((leg) => findFault(leg) ?? []);
  }

  loadTemplates(): Promise<boolean> {
    return this.run(async () => {
      this.templates = await this.#client.loadTemplates(this.#abort.signal);
    });
  }

  /** Put a template's legs in the place of those that are there. */
  build(form: TemplateForm, underlying: string, expiry: string): Promise<boolean> {
    const { slot } = this;
    return this.run(async () => {
      const wish = makeTemplateInput(form, underlying, expiry);
      const built = await this.#client.build(form.name, wish);
      this.#set(slot, takeBuilt(built.legs));
      this.title = built.title;
    }, explainBuild);
  }

  add(contract: Contract, isSold: boolean): void {
    this.#set(this.slot, addLot(this.legs, contract, isSold));
  }

  change(place: number, changes: Partial<Pick<Leg, "isSold" | "lots" | "price">>): void {
    const leg = this.legs[place];
    if (leg !== undefined) {
      this.#set(this.slot, this.legs.with(place, { ...leg, ...changes }));
    }
  }

  remove(place: number): void {
    this.#set(this.slot, this.legs.toSpliced(place, 1));
  }

  /** Put what is held where the strategy is; it follows that until somebody changes a leg. */
  take(legs: readonly Leg[]): void {
    this.#legs = { ...this.#legs, strategy: legs };
    this.isChanged = false;
    this.#ask();
  }

  clear(): void {
    this.#set(this.slot, []);
    this.title = null;
  }

  /** Build on an underlying: legs are on one at a time. Those of a kept strategy say which. */
  follow(underlying: string, { isKept = false }: { isKept?: boolean } = {}): void {
    const isOther = this.#underlying !== null && this.#underlying !== underlying;
    this.#underlying = underlying;
    if (isOther && !isKept) {
      this.#reset();
    }
    if (this.templates.length === 0) {
      void this.loadTemplates();
    }
  }

  #reset(): void {
    this.#legs = { strategy: [], against: [] };
    this.slot = "strategy";
    this.date = null;
    this.isChanged = false;
    this.title = null;
    this.#ask();
  }

  /** Keep the strategy as it is to compare others with, and go on with what is there. */
  compare(): void {
    this.#legs = { ...this.#legs, against: this.#legs.strategy };
    this.slot = "against";
    this.#ask();
  }

  endComparison(): void {
    this.slot = "strategy";
    this.#set("against", []);
  }

  setDate(date: MarketMs | null): void {
    this.date = date;
    this.#ask();
  }

  setReach(reachPct: number): void {
    this.#isReachChosen = true;
    this.reachPct = reachPct;
    this.#ask();
  }

  /** What is wanted was ordered: from now on it follows what is held. */
  settle(): void {
    this.isChanged = false;
  }

  close(): void {
    this.#abort.abort();
    this.analysis.close();
  }

  #set(slot: Slot, legs: readonly Leg[]): void {
    this.isChanged ||= slot === "strategy";
    this.#legs = { ...this.#legs, [slot]: legs };
    this.#ask();
  }

  /** Have the scenarios reach as far as the horizon lets the market go, until somebody chooses. */
  #fitReach({ strategy }: Analysis): void {
    if (this.#isReachChosen || strategy.horizon === this.#fitted) {
      return;
    }
    this.#fitted = strategy.horizon;
    const reachPct = pickReach(strategy);
    if (reachPct !== this.reachPct) {
      this.reachPct = reachPct;
      this.#ask();
    }
  }

  /** Ask what the legs make. While one of them is wrong, what is there stays. */
  #ask(): void {
    const { strategy, against } = this.#legs;
    const legs = toInputs(strategy);
    if (strategy.length === 0) {
      this.analysis.ask(null);
    } else if (legs !== null) {
      this.analysis.ask(this.#makeWish(legs, toInputs(against)));
    }
  }

  #makeWish(legs: readonly LegInput[], against: readonly LegInput[] | null): AnalysisInput {
    return {
      legs: [...legs],
      against: against === null ? null : [...against],
      curve: { points: 201, dates: this.date === null ? [] : [formatInstant(this.date)] },
      grid: makeAxes(this.reachPct),
    };
  }
}

/** A strike that has no price, or is not there, is nothing that was there before. */
function explainBuild(error: unknown): string {
  return error instanceof ProblemError && error.kind === "not-found"
    ? `It cannot be built out of this chain. The server says: ${error.message}.`
    : formatProblem(error);
}
