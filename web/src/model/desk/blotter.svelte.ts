import type { Account, AccountsClient, Holdings, TradePage } from "../../client/accounts.ts";
import type { Order } from "../../client/order.ts";
import type { OrderChange, OrdersClient } from "../../client/orders.ts";
import { makeOrdersTopic } from "../../client/orders-topic.ts";
import { ProblemError } from "../../client/problem.ts";
import { type ChartProblem, describeProblem, RETRY_MS, type TopicSource } from "../chart.svelte.ts";
import { Errand } from "../errand.svelte.ts";
import { Loaded } from "../options/loaded.svelte.ts";
import type { Preferences } from "../preferences.ts";
import { pickAccount, rememberAccount } from "./account-choice.ts";
import { isLiving, OrderBook } from "./order-book.ts";

/** Positions and funds move with the market. */
const HOLDINGS_MS = 2_000;

export interface BlotterParts {
  readonly connection: TopicSource;
  readonly accounts: AccountsClient;
  readonly orders: OrdersClient;
  readonly preferences: Preferences;
}

/** One account: its orders as they go, its fills, positions and funds. */
export class Blotter extends Errand {
  accounts: readonly Account[] = $state.raw([]);
  account: Account | null = $state.raw(null);
  /** Those that live and those of the day, the newest first. */
  orders: readonly Order[] = $state.raw([]);
  /** Whether they are all told. */
  phase: "loading" | "ready" | "problem" = $state.raw("loading");
  /** Why they are not. */
  streamProblem: ChartProblem | null = $state.raw(null);
  readonly holdings = new Loaded<Holdings>();
  readonly trades = new Loaded<TradePage>();
  readonly #parts: BlotterParts;
  readonly #book = new OrderBook();
  #leave: (() => void) | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: BlotterParts) {
    super();
    this.#parts = parts;
  }

  /** Show the wanted account, else the one that was looked at last. */
  open(wanted: number | null): Promise<boolean> {
    return this.run(async () => {
      this.accounts = await this.#parts.accounts.loadOpen();
      const account = pickAccount(this.accounts, wanted, this.#parts.preferences);
      if (account === null) {
        this.phase = "ready";
      } else {
        this.#show(account);
      }
    });
  }

  close(): void {
    this.#leave?.();
    this.#leave = null;
    clearInterval(this.#timer);
    clearTimeout(this.#retryTimer);
    this.holdings.reset();
    this.trades.reset();
  }

  modify(order: Order, change: OrderChange): Promise<boolean> {
    return this.run(async () => {
      this.#take(await this.#parts.orders.modify(order.id, change));
    });
  }

  cancel(order: Order): Promise<boolean> {
    return this.run(async () => {
      this.#take(await this.#parts.orders.cancel(order.id));
    });
  }

  /** Take back all that can still be filled: one that is done meanwhile keeps none of the others. */
  cancelAll(): Promise<boolean> {
    const living = this.orders.filter(isLiving);
    return this.run(async () => {
      const asked = living.map((each) => this.#parts.orders.cancel(each.id));
      const answers = await Promise.allSettled(asked);
      for (const answer of answers) {
        if (answer.status === "fulfilled") {
          this.#take(answer.value);
        }
      }
      const failed = answers.find((each) => each.status === "rejected");
      if (failed !== undefined) {
        throw failed.reason;
      }
    });
  }

  halt(account: Account, reason: string): Promise<boolean> {
    return this.run(async () => {
      const { items } = await this.#parts.accounts.halt(account.id, reason);
      this.account = items.find((each) => each.id === account.id) ?? this.account;
    });
  }

  resume(account: Account): Promise<boolean> {
    return this.run(async () => {
      this.account = await this.#parts.accounts.resume(account.id);
    });
  }

  #show(account: Account): void {
    this.close();
    this.account = account;
    rememberAccount(this.#parts.preferences, account.id);
    this.#book.clear();
    this.orders = [];
    this.phase = "loading";
    this.#listen(account);
    this.#loadHoldings();
    this.#loadTrades();
    this.#timer = setInterval(() => {
      this.#loadHoldings();
    }, HOLDINGS_MS);
  }

  #listen(account: Account): void {
    const topic = makeOrdersTopic(account.id, {
      onOrders: (orders) => {
        this.#book.clear();
        orders.forEach((each) => this.#book.take(each));
        this.orders = this.#book.list();
        this.streamProblem = null;
        this.phase = "ready";
        this.#loadTrades();
      },
      onOrder: (order, fills) => {
        this.#take(order);
        if (fills > 0) {
          this.#loadTrades();
          this.#loadHoldings();
        }
      },
      onRefused: (code, message) => {
        const kind = code === "not_found" ? "not-found" : "busy";
        this.streamProblem = describeProblem(new ProblemError(kind, message));
        this.phase = "problem";
        if (kind === "busy") {
          this.#retryTimer = setTimeout(() => {
            this.#listen(account);
          }, RETRY_MS);
        }
      },
    });
    this.#leave = this.#parts.connection.listen(topic);
  }

  #take(order: Order): void {
    if (this.#book.take(order)) {
      this.orders = this.#book.list();
    }
  }

  #loadHoldings(): void {
    const { account } = this;
    if (account !== null) {
      void this.holdings.load((signal) => this.#parts.accounts.loadHoldings(account.id, signal));
    }
  }

  #loadTrades(): void {
    const { account } = this;
    if (account !== null) {
      void this.trades.load((signal) => this.#parts.accounts.loadTrades(account.id, signal));
    }
  }
}
