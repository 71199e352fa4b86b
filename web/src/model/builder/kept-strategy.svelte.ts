import type { BuilderOrdersClient, KeptProfit, KeptStrategy } from "../../client/builder-orders.ts";
import type { StrategyMark, StrategyTotal } from "../../client/strategy-mark.ts";
import { makeStrategyTopic } from "../../client/strategy-topic.ts";
import type { MachineClock } from "../../helpers/instant.ts";
import { type Paise, parseRupees } from "../../helpers/money.ts";
import { RETRY_MS, type TopicSource } from "../chart.svelte.ts";
import { Loaded } from "../options/loaded.svelte.ts";
import type { HeldLeg } from "./orders.ts";
import { Refresher } from "./refresher.svelte.ts";

/** Leg by leg it is asked for no more than once a second. */
const MOVE_GAP_MS = 1_000;

export interface KeptStrategyParts {
  readonly connection: TopicSource;
  readonly client: Pick<BuilderOrdersClient, "loadStrategy" | "loadProfit">;
  readonly clock: MachineClock;
}

/** What a strategy makes; null is not known. */
export interface KeptTotal extends Pick<StrategyTotal, "realised" | "charges"> {
  /** Realised and unrealised, less charges. */
  readonly m2m: Paise | null;
  readonly unrealised: Paise | null;
}

/**
 * A strategy that is stored: what it makes as the market moves, and what it holds.
 *
 * What it makes is streamed. What its legs are, and what they cost, is asked for, and asked for again
 * when the stream tells of other entries than that. Of one that is not streamed, because it is
 * archived, all is asked for.
 */
export class KeptStrategyView {
  readonly strategy = new Loaded<KeptStrategy>();
  /** Leg by leg, as it was when that was asked for. */
  readonly profit: Refresher<{ readonly id: number }, KeptProfit>;
  readonly #parts: KeptStrategyParts;
  #mark: StrategyMark | null = $state.raw(null);
  #leave: (() => void) | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: KeptStrategyParts) {
    this.#parts = parts;
    this.profit = new Refresher({
      ask: async ({ id }) => {
        const profit = await parts.client.loadProfit(id);
        this.#compare(profit);
        return profit;
      },
      clock: parts.clock,
      changeGapMs: 0,
      moveGapMs: MOVE_GAP_MS,
    });
  }

  /** Show another one; null is none. */
  show(id: number | null): void {
    this.#forget();
    this.profit.ask(id === null ? null : { id });
    if (id !== null) {
      void this.strategy.load(() => this.#parts.client.loadStrategy(id));
      this.#listen(id);
    }
  }

  /** Null while nothing is known. */
  get total(): KeptTotal | null {
    return this.#mark ?? readTotal(this.profit.answer);
  }

  /** What is open; null while that is not known, or nothing ever came in. */
  get held(): readonly HeldLeg[] | null {
    const { answer } = this.profit;
    return answer === null || answer.legs.length === 0 ? null : listHeld(answer);
  }

  /** The market has moved: what is not streamed may be worth something else. */
  refresh(): void {
    if (this.#mark === null) {
      this.profit.refresh();
    }
  }

  close(): void {
    this.#forget();
    this.profit.close();
  }

  #forget(): void {
    clearTimeout(this.#retryTimer);
    this.#leave?.();
    this.#leave = null;
    this.#mark = null;
    this.strategy.reset();
  }

  #listen(id: number): void {
    const topic = makeStrategyTopic(id, {
      onState: (mark) => {
        this.#mark = mark;
        this.#compare(this.profit.answer);
      },
      onCandle: () => undefined,
      onAlert: () => undefined,
      onRefused: () => {
        this.#mark = null;
        this.#retryTimer = setTimeout(() => {
          this.#listen(id);
        }, RETRY_MS);
      },
    });
    this.#leave = this.#parts.connection.listen(topic);
  }

  /** A fill is streamed before it is stored: ask until both say the same. */
  #compare(profit: KeptProfit | null): void {
    if (this.#mark !== null && profit !== null && !isOfOneLedger(this.#mark, profit)) {
      this.profit.refresh();
    }
  }
}

/** Whether two tell of the same entries: what moves with the market aside they agree. */
function isOfOneLedger(mark: StrategyMark, profit: KeptProfit): boolean {
  const streamed = mark.legs.map((leg) => [leg.symbol, leg.units, leg.realised, leg.charges]);
  const told = profit.legs.map((leg) => [
    leg.symbol,
    leg.quantity,
    parseRupees(leg.realised),
    parseRupees(leg.charges),
  ]);
  return JSON.stringify(streamed.sort()) === JSON.stringify(told.sort());
}

function readTotal(profit: KeptProfit | null): KeptTotal | null {
  const money = (text: string | null): Paise | null => (text === null ? null : parseRupees(text));
  return profit === null
    ? null
    : {
        m2m: money(profit.net),
        realised: parseRupees(profit.realised),
        unrealised: money(profit.unrealised),
        charges: parseRupees(profit.charges),
      };
}

/** The legs of which something is open. */
function listHeld({ legs }: KeptProfit): readonly HeldLeg[] {
  return legs.flatMap((leg) =>
    leg.quantity === 0
      ? []
      : [
          {
            symbol: leg.symbol,
            kind: leg.kind,
            expiry: leg.expiry,
            strike: leg.strike,
            lotSize: leg.lot_size,
            quantity: leg.quantity,
            average: leg.average_price ?? "",
          },
        ],
  );
}
