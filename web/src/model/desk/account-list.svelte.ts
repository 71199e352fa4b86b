import type {
  Account,
  AccountChange,
  AccountsClient,
  Limits,
  NewAccount,
} from "../../client/accounts.ts";
import { Errand } from "../errand.svelte.ts";
import { type DrawKey, Intent } from "./intent.svelte.ts";

/** Limits as they are filled in; empty is none. */
export type LimitForm = Readonly<Record<keyof Limits, string>>;

export const LIMIT_WORDS: Readonly<Record<keyof Limits, string>> = {
  max_orders_per_day: "Orders a day",
  max_order_value: "Value of an order, ₹",
  max_loss_per_day: "Loss of a day, ₹",
  max_open_quantity: "Units held of a contract",
};

export const LIMIT_NAMES = Object.keys(LIMIT_WORDS) as readonly (keyof Limits)[];

export function makeLimitForm(limits: Limits | null): LimitForm {
  const write = (name: keyof Limits): string => String(limits?.[name] ?? "");
  return {
    max_orders_per_day: write("max_orders_per_day"),
    max_order_value: write("max_order_value"),
    max_loss_per_day: write("max_loss_per_day"),
    max_open_quantity: write("max_open_quantity"),
  };
}

/** Put limits into the words of the route. What is no number there, the server says. */
export function makeLimits(form: LimitForm): Limits {
  const amount = (text: string): string | null => (text.trim() === "" ? null : text.trim());
  const count = (text: string): number | null => (text.trim() === "" ? null : Number(text));
  return {
    max_orders_per_day: count(form.max_orders_per_day),
    max_order_value: amount(form.max_order_value),
    max_loss_per_day: amount(form.max_loss_per_day),
    max_open_quantity: count(form.max_open_quantity),
  };
}

/** Somebody's trading accounts. */
export class AccountList extends Errand {
  accounts: readonly Account[] = $state.raw([]);
  total: number | null = $state.raw(null);
  includesClosed = $state.raw(false);
  /** What became of the kill switch that was thrown last, in words. */
  halted: string | null = $state.raw(null);
  readonly making: Intent<NewAccount, Account>;
  readonly #client: AccountsClient;

  constructor(client: AccountsClient, drawKey: DrawKey) {
    super();
    this.#client = client;
    this.making = new Intent({ drawKey, send: (account, once) => client.create(account, once) });
  }

  load(includesClosed: boolean): Promise<boolean> {
    this.includesClosed = includesClosed;
    return this.run(async () => {
      const page = await this.#client.loadPage(includesClosed, 0);
      this.accounts = page.items;
      this.total = page.total;
    });
  }

  loadMore(): Promise<boolean> {
    return this.run(async () => {
      const page = await this.#client.loadPage(this.includesClosed, this.accounts.length);
      this.accounts = [...this.accounts, ...page.items];
      this.total = page.total;
    });
  }

  change(account: Account, change: AccountChange): Promise<boolean> {
    return this.run(async () => {
      this.#put(await this.#client.change(account.id, change));
    });
  }

  close(account: Account): Promise<boolean> {
    return this.run(async () => {
      this.#put(await this.#client.close(account.id));
    });
  }

  halt(account: Account, reason: string): Promise<boolean> {
    return this.run(async () => {
      const { items, cancelled_orders: cancelled } = await this.#client.halt(account.id, reason);
      items.forEach((each) => {
        this.#put(each);
      });
      this.halted = `${account.name} is halted. Orders that are being taken back: ${cancelled}.`;
    });
  }

  resume(account: Account): Promise<boolean> {
    this.halted = null;
    return this.run(async () => {
      this.#put(await this.#client.resume(account.id));
    });
  }

  #put(changed: Account): void {
    this.accounts = this.accounts.map((each) => (each.id === changed.id ? changed : each));
  }
}
