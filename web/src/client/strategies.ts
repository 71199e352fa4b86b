import type { components } from "./api.d.ts";
import { decodeCandle, type MarkCandle } from "./strategy-mark.ts";
import type { Once, Query, Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type Strategy = Schemas["KeptStrategyBody"];
export type StrategyPage = Schemas["KeptStrategyPage"];
export type NewStrategy = Schemas["NewStrategy"];
export type StrategyChanges = Schemas["StrategyChanges"];
export type NewEntry = Schemas["EntryInput"];
export type Entry = Schemas["EntryBody"];
export type EntryPage = Schemas["EntryPage"];
export type StrategyDocument = Schemas["DocumentBody"];
export type StoredAlert = Schemas["AlertBody"];

/** Which strategies. */
export interface StrategyFilter {
  /** Part of a name, or of the notes. */
  readonly text: string;
  readonly tag: string | null;
  readonly state: "active" | "archived";
}

const PATH = "/api/v1/strategies";
/** So many of the newest are shown. */
const NEWEST = "200";
/** More than any day has. */
const MINUTES = "1440";

/** `/api/v1/strategies`: strategies that are kept, and their ledgers. */
export class StrategiesClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  loadPage(filter: StrategyFilter, offset: number): Promise<StrategyPage> {
    const { text, tag, state } = filter;
    const query: Query = {
      text,
      state,
      offset: String(offset),
      ...(tag === null ? {} : { tag }),
    };
    return this.#transport.get<StrategyPage>(PATH, query);
  }

  load(id: number, signal: AbortSignal): Promise<Strategy> {
    return this.#transport.get<Strategy>(`${PATH}/${id}`, {}, signal);
  }

  create(strategy: NewStrategy, once: Once): Promise<Strategy> {
    return this.#transport.sendOnce<Strategy>(PATH, strategy, once);
  }

  change(id: number, changes: StrategyChanges): Promise<Strategy> {
    return this.#transport.send<Strategy>("PATCH", `${PATH}/${id}`, changes);
  }

  archive(id: number): Promise<Strategy> {
    return this.#transport.send<Strategy>("POST", `${PATH}/${id}/archive`);
  }

  restore(id: number): Promise<Strategy> {
    return this.#transport.send<Strategy>("POST", `${PATH}/${id}/restore`);
  }

  /** The newest lines of a ledger, and how many there are. */
  loadEntries(id: number, signal: AbortSignal): Promise<EntryPage> {
    return this.#transport.get<EntryPage>(`${PATH}/${id}/entries`, { limit: NEWEST }, signal);
  }

  async enter(id: number, entry: NewEntry, once: Once): Promise<void> {
    await this.#transport.sendOnce<unknown>(`${PATH}/${id}/entries`, { entries: [entry] }, once);
  }

  /** Take an entry back: another one is written that undoes it. */
  async reverse(id: number, entryId: number, once: Once): Promise<void> {
    await this.#transport.sendOnce<unknown>(`${PATH}/${id}/entries/${entryId}/reverse`, {}, once);
  }

  /** Targets and stops that were reached, the newest first. */
  async loadAlerts(id: number, signal: AbortSignal): Promise<readonly StoredAlert[]> {
    const path = `${PATH}/${id}/alerts`;
    return (await this.#transport.get<Schemas["AlertPage"]>(path, { limit: NEWEST }, signal)).items;
  }

  /** The last minutes of what a strategy made, oldest first. */
  async loadCandles(id: number, signal: AbortSignal): Promise<readonly MarkCandle[]> {
    const path = `${PATH}/${id}/m2m`;
    const query = { limit: MINUTES };
    const body = await this.#transport.get<Schemas["M2mCandlesBody"]>(path, query, signal);
    return body.candles.map((each) => decodeCandle({ ...each }));
  }

  /** The whole of it, to be read back. */
  export(id: number): Promise<StrategyDocument> {
    return this.#transport.get<StrategyDocument>(`${PATH}/${id}/export`);
  }

  import(document: StrategyDocument, once: Once): Promise<Strategy> {
    return this.#transport.sendOnce<Strategy>(`${PATH}/import`, document, once);
  }
}
