import type { components } from "./api.d.ts";
import type { Once, Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type Account = Schemas["AccountBody"];
export type OrderWish = Schemas["OrderInput"];
export type Order = Schemas["OrderBody"];
export type Basket = Schemas["BasketBody"];
export type EntryWish = Schemas["EntryInput"];
export type KeptStrategy = Schemas["KeptStrategyBody"];
export type KeptProfit = Schemas["StrategyProfitBody"];

/** A strategy that is to be kept. */
export interface StrategyWish {
  readonly name: string;
  /** Where its orders go; null: it is kept by hand. */
  readonly accountId: number | null;
}

/** Orders that are to be placed together, from a strategy. */
export interface BasketWish {
  readonly accountId: number;
  readonly strategyId: number;
  readonly orders: readonly OrderWish[];
}

/** What the builder asks of accounts, orders and kept strategies. Every call throws a ProblemError. */
export class BuilderOrdersClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async loadAccounts(): Promise<readonly Account[]> {
    return (
      await this.#transport.get<Schemas["AccountPage"]>("/api/v1/accounts", { limit: "1000" })
    ).items;
  }

  openAccount(name: string, once: Once): Promise<Account> {
    return this.#transport.sendOnce<Account>("/api/v1/accounts", { name, broker: "paper" }, once);
  }

  keepStrategy({ name, accountId }: StrategyWish, once: Once): Promise<KeptStrategy> {
    const body = { name, account_id: accountId };
    return this.#transport.sendOnce<KeptStrategy>("/api/v1/strategies", body, once);
  }

  placeBasket({ accountId, strategyId, orders }: BasketWish, once: Once): Promise<Basket> {
    const body = { account_id: accountId, strategy_id: strategyId, slice: true, legs: orders };
    return this.#transport.sendOnce<Basket>("/api/v1/orders/basket", body, once);
  }

  /** Write into a strategy's ledger what came in or went out without an order. */
  async enterByHand(id: number, entries: readonly EntryWish[], once: Once): Promise<void> {
    await this.#transport.sendOnce(`/api/v1/strategies/${id}/entries`, { entries }, once);
  }

  /** What became of orders that were placed together. */
  async loadBasket(id: string): Promise<readonly Order[]> {
    const query = { basket_id: id, limit: "1000" };
    return (await this.#transport.get<Schemas["OrderPage"]>("/api/v1/orders", query)).items;
  }

  loadStrategy(id: number): Promise<KeptStrategy> {
    return this.#transport.get<KeptStrategy>(`/api/v1/strategies/${id}`);
  }

  /** What it made, leg by leg: what is held, and what was. */
  loadProfit(id: number): Promise<KeptProfit> {
    return this.#transport.get<KeptProfit>(`/api/v1/strategies/${id}/pnl`);
  }
}
