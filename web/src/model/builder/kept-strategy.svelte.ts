import type { BuilderOrdersClient, KeptProfit, KeptStrategy } from "../../client/builder-orders.ts";
import type { MachineClock } from "../../helpers/instant.ts";
import { Loaded } from "../options/loaded.svelte.ts";
import type { HeldLeg } from "./orders.ts";
import { Refresher } from "./refresher.svelte.ts";

/** What it made is asked for as the market moves, no more than once a second. */
const MOVE_GAP_MS = 1_000;

type Client = Pick<BuilderOrdersClient, "loadStrategy" | "loadProfit">;

/** A strategy that is stored: what it holds, and what it made. */
export class KeptStrategyView {
  readonly strategy = new Loaded<KeptStrategy>();
  readonly profit: Refresher<{ readonly id: number }, KeptProfit>;
  readonly #client: Client;

  constructor(client: Client, clock: MachineClock) {
    this.#client = client;
    this.profit = new Refresher({
      ask: ({ id }) => client.loadProfit(id),
      clock,
      changeGapMs: 0,
      moveGapMs: MOVE_GAP_MS,
    });
  }

  /** Show another one; null is none. */
  show(id: number | null): void {
    this.strategy.reset();
    this.profit.ask(id === null ? null : { id });
    if (id !== null) {
      void this.strategy.load(() => this.#client.loadStrategy(id));
    }
  }

  /** What is open; null while that is not known, or nothing ever came in. */
  get held(): readonly HeldLeg[] | null {
    const { answer } = this.profit;
    return answer === null || answer.legs.length === 0 ? null : listHeld(answer);
  }

  close(): void {
    this.strategy.reset();
    this.profit.close();
  }
}

/** The legs of which something is open. */
export function listHeld({ legs }: KeptProfit): readonly HeldLeg[] {
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
