import type { Account, AccountsClient } from "../../client/accounts.ts";
import type { Order } from "../../client/order.ts";
import type { Cost, NewOrder, OrdersClient } from "../../client/orders.ts";
import type { RestClient } from "../../client/rest.ts";
import { Errand } from "../errand.svelte.ts";
import { Loaded } from "../options/loaded.svelte.ts";
import type { Preferences } from "../preferences.ts";
import { pickAccount, rememberAccount } from "./account-choice.ts";
import { type DrawKey, Intent } from "./intent.svelte.ts";
import type { LastPrice } from "./last-price.svelte.ts";
import type { TicketWish } from "./ticket-door.svelte.ts";
import {
  type Contract,
  type Faults,
  findFaults,
  makeContract,
  makeForm,
  makeOrder,
  type TicketForm,
} from "./ticket-form.ts";

export interface TicketParts {
  readonly wish: TicketWish;
  readonly accounts: Pick<AccountsClient, "loadOpen">;
  readonly orders: Pick<OrdersClient, "place" | "loadCost">;
  readonly rest: Pick<RestClient, "loadContract">;
  readonly last: LastPrice;
  readonly preferences: Preferences;
  readonly drawKey: DrawKey;
}

/** An order that is filled in, looked at once more, and placed once. */
export class Ticket extends Errand {
  accounts: readonly Account[] = $state.raw([]);
  account: Account | null = $state.raw(null);
  contract: Contract | null = $state.raw(null);
  form: TicketForm | null = $state.raw(null);
  /** It is filled in, and what it comes to is shown before it is placed. */
  isReviewed = $state.raw(false);
  readonly cost = new Loaded<Cost>();
  readonly intent: Intent<NewOrder, Order>;
  readonly last: LastPrice;
  readonly wish: TicketWish;
  readonly #parts: TicketParts;
  #abort = new AbortController();

  constructor(parts: TicketParts) {
    super();
    this.#parts = parts;
    this.wish = parts.wish;
    this.last = parts.last;
    this.intent = new Intent({
      drawKey: parts.drawKey,
      send: (order, once) => parts.orders.place(order, once),
    });
  }

  get faults(): Faults {
    return this.form === null || this.contract === null ? {} : findFaults(this.form, this.contract);
  }

  /** Whether closing it would leave open what became of its order. */
  get isUnsettled(): boolean {
    return this.intent.phase === "sending" || this.intent.phase === "unclear";
  }

  async open(): Promise<void> {
    const { symbol } = this.wish;
    await this.run(async () => {
      this.accounts = await this.#parts.accounts.loadOpen();
      this.account = pickAccount(this.accounts, this.wish.accountId, this.#parts.preferences);
    });
    if (symbol !== null) {
      await this.choose(symbol);
    }
  }

  /** Order another instrument. What was filled in of the one before means nothing for it. */
  choose(symbol: string): Promise<boolean> {
    return this.run(async () => {
      const found = await this.#parts.rest.loadContract(symbol, this.#abort.signal);
      const contract = makeContract(found);
      this.contract = contract;
      this.form = makeForm(contract, this.form?.side ?? this.wish.side, this.wish.quantity);
      this.last.follow(contract.symbol);
    });
  }

  setAccount(id: number): void {
    this.account = this.accounts.find((each) => each.id === id) ?? null;
    rememberAccount(this.#parts.preferences, id);
  }

  fill(changes: Partial<TicketForm>): void {
    if (this.form !== null) {
      this.form = { ...this.form, ...changes };
    }
  }

  /** Show what it comes to, before it is placed. Returns whether it can be. */
  review(): boolean {
    const order = this.#makeOrder();
    if (order === null) {
      return false;
    }
    this.intent.renew();
    this.isReviewed = true;
    this.cost.reset();
    void this.cost.load((signal) => this.#parts.orders.loadCost(order, signal));
    return true;
  }

  /** Go back to filling it in; not while it is open what became of it. */
  revise(): void {
    if (!this.isUnsettled) {
      this.intent.renew();
      this.isReviewed = false;
    }
  }

  async place(): Promise<void> {
    const order = this.#makeOrder();
    if (this.isReviewed && order !== null) {
      await this.intent.submit(order);
    }
  }

  /** Whoever has looked what became of it lets it go. */
  abandon(): void {
    if (this.intent.phase !== "sending") {
      this.intent.renew();
      this.isReviewed = false;
    }
  }

  close(): void {
    this.#abort.abort();
    this.last.close();
    this.cost.reset();
  }

  #makeOrder(): NewOrder | null {
    const { account, contract, form } = this;
    if (account === null || contract === null || form === null) {
      return null;
    }
    const isFilledIn = Object.keys(findFaults(form, contract)).length === 0;
    const destination = { accountId: account.id, strategyId: this.wish.strategyId };
    return isFilledIn ? makeOrder(form, contract, destination) : null;
  }
}
