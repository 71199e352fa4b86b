import type {
  Account,
  Basket,
  BuilderOrdersClient,
  EntryWish,
  Order,
  OrderWish,
} from "../../client/builder-orders.ts";
import type { Once } from "../../client/transport.ts";
import type { MachineClock } from "../../helpers/instant.ts";
import { type DrawKey, Intent } from "../desk/intent.svelte.ts";
import { Errand } from "../errand.svelte.ts";
import type { WantedOrder } from "./orders.ts";
import { Refresher } from "./refresher.svelte.ts";

/** What is to be done once: orders, from a strategy that may have to be made first. */
interface PlacingWish {
  /** Null is no account: what is wanted is written into the ledger by hand. */
  readonly accountId: number | null;
  /** Null is a new one of this name. */
  readonly strategyId: number | null;
  readonly name: string;
  readonly orders: readonly WantedOrder[];
}

/** What was done. */
export interface Placed {
  readonly strategyId: number;
  /** Null where nothing was ordered. */
  readonly basket: Basket | null;
}

export interface PlacingParts {
  readonly client: Pick<
    BuilderOrdersClient,
    "loadAccounts" | "openAccount" | "keepStrategy" | "placeBasket" | "enterByHand" | "loadBasket"
  >;
  readonly drawKey: DrawKey;
  readonly clock: MachineClock;
}

/** What a new strategy and its account may be called, as the server takes it. */
const MAX_NAME = 100;
const FIRST_ACCOUNT = "Paper";
/** Of opening an account. */
const TIMEOUT_MS = 10_000;
/** What became of orders is asked for as the market moves, no more than twice a second. */
const MOVE_GAP_MS = 500;

/**
 * Has a strategy's orders placed on paper, or its legs entered by hand, once.
 *
 * One intent makes the strategy and places its orders, each under a key of its own that goes with every
 * attempt: trying again makes no second strategy and no second order. A strategy whose orders were
 * refused is kept, and the next attempt's orders are placed from it.
 */
export class Placing extends Errand {
  accounts: readonly Account[] = $state.raw([]);
  account: Account | null = $state.raw(null);
  /** What is to be placed; null while nothing is. */
  orders: readonly WantedOrder[] | null = $state.raw(null);
  name = $state.raw("");
  /** Whether it is only written down, and nothing is ordered. */
  isByHand = $state.raw(false);
  readonly intent: Intent<PlacingWish, Placed>;
  readonly #placed: Refresher<{ readonly basketId: string }, readonly Order[]>;
  readonly #parts: PlacingParts;
  #strategyId: number | null = null;
  /** Of the account that is opened; drawn once for it. */
  readonly #accountKey: string;

  constructor(parts: PlacingParts) {
    super();
    this.#parts = parts;
    this.#accountKey = parts.drawKey();
    this.intent = new Intent({
      drawKey: parts.drawKey,
      send: (wish, once) => this.#send(wish, once),
    });
    this.#placed = new Refresher({
      ask: ({ basketId }) => parts.client.loadBasket(basketId),
      clock: parts.clock,
      changeGapMs: 0,
      moveGapMs: MOVE_GAP_MS,
    });
  }

  /** What became of the orders that were placed, as far as is known. */
  get progress(): readonly Order[] {
    return this.#placed.answer ?? this.intent.result?.basket?.orders ?? [];
  }

  /** The market has moved: something may have become of the orders. */
  refresh(): void {
    this.#placed.refresh();
  }

  /** Whether it is open what became of the orders: nothing else can be wanted until that is known. */
  get isUnsettled(): boolean {
    return this.intent.phase === "sending" || this.intent.phase === "unclear";
  }

  /** Whether all that is wanted has been said. */
  get isFilledIn(): boolean {
    const hasWay = this.isByHand || this.account !== null;
    return hasWay && this.name.trim() !== "" && (this.orders?.length ?? 0) > 0;
  }

  /** Show what would be placed. `strategyId` null makes a strategy of that name. */
  async review(
    orders: readonly WantedOrder[],
    strategyId: number | null,
    name: string,
  ): Promise<void> {
    if (this.isUnsettled) {
      return;
    }
    this.intent.renew();
    this.orders = orders;
    this.name = name.slice(0, MAX_NAME);
    this.#strategyId = strategyId;
    await this.#loadAccounts();
  }

  /** Open an account on paper, for whoever has none. */
  async openAccount(): Promise<void> {
    await this.run(async () => {
      const once = { key: this.#accountKey, timeoutMs: TIMEOUT_MS };
      await this.#parts.client.openAccount(FIRST_ACCOUNT, once);
    });
    if (this.problem === null) {
      await this.#loadAccounts();
    }
  }

  choose(accountId: number): void {
    this.account = this.accounts.find((each) => each.id === accountId) ?? null;
  }

  async place(): Promise<void> {
    const { orders } = this;
    if (orders !== null && this.isFilledIn) {
      await this.intent.submit({
        accountId: this.isByHand ? null : (this.account?.id ?? null),
        strategyId: this.#strategyId,
        name: this.name.trim(),
        orders,
      });
      this.#follow();
    }
  }

  /** Ask once more for the very same, where it is not clear what became of it. */
  async retry(): Promise<void> {
    await this.intent.retry();
    this.#follow();
  }

  /** Leave it; not while it is on its way. */
  close(): void {
    if (this.intent.phase !== "sending") {
      this.intent.renew();
      this.#placed.close();
      this.orders = null;
    }
  }

  #follow(): void {
    const basketId = this.intent.result?.basket?.basket_id;
    this.#placed.ask(basketId === undefined ? null : { basketId });
  }

  async #loadAccounts(): Promise<void> {
    await this.run(async () => {
      const accounts = await this.#parts.client.loadAccounts();
      // From here orders go to paper only.
      this.accounts = accounts.filter((each) => each.broker === "paper");
      this.account =
        this.accounts.find((each) => each.id === this.account?.id) ?? this.accounts[0] ?? null;
    });
  }

  async #send(wish: PlacingWish, { key, timeoutMs }: Once): Promise<Placed> {
    const { client } = this.#parts;
    const { accountId, name } = wish;
    const strategyId =
      wish.strategyId ??
      (await client.keepStrategy({ name, accountId }, { key: `${key}-strategy`, timeoutMs })).id;
    // Orders that are refused leave the strategy: the next attempt's are placed from it.
    this.#strategyId = strategyId;
    if (accountId === null) {
      const entries = wish.orders.map(toEntry);
      await client.enterByHand(strategyId, entries, { key: `${key}-entries`, timeoutMs });
      return { strategyId, basket: null };
    }
    const orders = wish.orders.map(toWish);
    const basket = await client.placeBasket(
      { accountId, strategyId, orders },
      { key: `${key}-orders`, timeoutMs },
    );
    return { strategyId, basket };
  }
}

function toWish({ symbol, side, quantity, price }: WantedOrder): OrderWish {
  const terms = { symbol, side, quantity, validity: "day" } as const;
  return price === null ? { ...terms, type: "market" } : { ...terms, type: "limit", price };
}

function toEntry({ symbol, side, quantity, price }: WantedOrder): EntryWish {
  return {
    symbol,
    quantity: side === "buy" ? quantity : -quantity,
    price,
    charges: "0.00",
    note: "",
  };
}
