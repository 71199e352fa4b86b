import type { components } from "./api.d.ts";
import type { Once, Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type Account = Schemas["AccountBody"];
export type AccountPage = Schemas["AccountPage"];
export type NewAccount = Schemas["NewAccount"];
export type AccountChange = Schemas["AccountChange"];
export type Halt = Schemas["HaltBody"];
export type Limits = Schemas["LimitsBody"];

export type Funds = Schemas["FundsBody"];
export type Position = Schemas["PositionBody"];
export type Positions = Schemas["PositionsBody"];
export type TradePage = Schemas["TradePage"];

/** What an account has, and what it leaves to trade with. */
export interface Holdings {
  readonly funds: Funds;
  readonly positions: Positions;
  /** Shares that were bought to be delivered. */
  readonly shares: Positions;
}

/** So many of the newest trades are shown. */
const NEWEST = "200";

const PATH = "/api/v1/accounts";

/** `/api/v1/accounts`: trading accounts, on paper or with a broker, and their kill switch. */
export class AccountsClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  loadPage(includesClosed: boolean, offset: number): Promise<AccountPage> {
    const query = { include_closed: String(includesClosed), offset: String(offset) };
    return this.#transport.get<AccountPage>(PATH, query);
  }

  /** Those that are not closed: as many as anybody may have. */
  async loadOpen(): Promise<readonly Account[]> {
    return (await this.#transport.get<AccountPage>(PATH, { limit: "1000" })).items;
  }

  create(account: NewAccount, once: Once): Promise<Account> {
    return this.#transport.sendOnce<Account>(PATH, account, once);
  }

  change(id: number, change: AccountChange): Promise<Account> {
    return this.#transport.send<Account>("PATCH", `${PATH}/${id}`, change);
  }

  close(id: number): Promise<Account> {
    return this.#transport.send<Account>("POST", `${PATH}/${id}/close`);
  }

  /** Throw the kill switch: nothing more is placed, and what is open is taken back. */
  halt(id: number, reason: string): Promise<Halt> {
    return this.#transport.send<Halt>("POST", `${PATH}/${id}/halt`, { reason });
  }

  resume(id: number): Promise<Account> {
    return this.#transport.send<Account>("POST", `${PATH}/${id}/resume`);
  }

  async loadHoldings(id: number, signal: AbortSignal): Promise<Holdings> {
    const path = `${PATH}/${id}`;
    const [funds, positions, shares] = await Promise.all([
      this.#transport.get<Funds>(`${path}/funds`, {}, signal),
      this.#transport.get<Positions>(`${path}/positions`, {}, signal),
      this.#transport.get<Positions>(`${path}/holdings`, {}, signal),
    ]);
    return { funds, positions, shares };
  }

  /** The newest of what its orders were filled at, and how many there are. */
  loadTrades(id: number, signal: AbortSignal): Promise<TradePage> {
    return this.#transport.get<TradePage>(`${PATH}/${id}/trades`, { limit: NEWEST }, signal);
  }
}
