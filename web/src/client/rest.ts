import { formatInstant, type MarketMs } from "../helpers/instant.ts";
import type { components } from "./api.d.ts";
import type { Bar, InstrumentSymbol, Timeframe } from "./bar.ts";
import { decodeBar } from "./bar-decoder.ts";
import type { Transport } from "./transport.ts";
import { decodeFoundSymbols, decodeSymbol, type FoundSymbol, type SymbolInfo } from "./udf.ts";

type Schemas = components["schemas"];

export type ReplayCommand = Schemas[
  "PlayCommand" | "PauseCommand" | "SeekCommand" | "SpeedCommand"];
export type Instrument = Schemas["InstrumentBody"];
export type SessionRule = Schemas["RuleBody"];

/** The server's REST and UDF, as far as the page asks. Every call throws a ProblemError. */
export class RestClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The last `count` bars that open before `before`, oldest first. */
  async loadBarsBefore(
    symbol: InstrumentSymbol,
    timeframe: Timeframe,
    before: MarketMs,
    count: number,
    signal: AbortSignal,
  ): Promise<readonly Bar[]> {
    const query = { symbol, timeframe, to: formatInstant(before), countback: String(count) };
    const body = await this.#transport.get<Schemas["BarsBody"]>("/api/v1/bars", query, signal);
    // A bar without a price is none.
    return body.bars.filter((each) => each.close !== null).map((each) => decodeBar({ ...each }));
  }

  /** The dated rows that say when a venue trades. */
  async loadSessionRules(venue: string, signal: AbortSignal): Promise<readonly SessionRule[]> {
    const query = { venue, kind: "session" };
    const page = await this.#transport.get<Schemas["RulePage"]>(
      "/api/v1/market-rules",
      query,
      signal,
    );
    return page.items;
  }

  /** Tell a replay or the simulator what to do. */
  async controlReplay(command: ReplayCommand): Promise<void> {
    await this.#transport.do("POST", "/api/v1/replay", command);
  }

  /** Return if the server answers and lets us in. */
  async checkAccess(): Promise<void> {
    await this.#transport.get("/api/v1/market");
  }

  async loadSymbol(symbol: string, signal: AbortSignal): Promise<SymbolInfo> {
    return decodeSymbol(await this.#transport.get<unknown>("/udf/symbols", { symbol }, signal));
  }

  /** What an order has to know of an instrument, by any of its names. */
  loadContract(symbol: string, signal: AbortSignal): Promise<Instrument> {
    const path = `/api/v1/instruments/${encodeURIComponent(symbol)}`;
    return this.#transport.get<Instrument>(path, {}, signal);
  }

  async search(query: string, limit: number, signal: AbortSignal): Promise<readonly FoundSymbol[]> {
    const parameters = { query, type: "", exchange: "", limit: String(limit) };
    return decodeFoundSymbols(
      await this.#transport.get<unknown>("/udf/search", parameters, signal),
    );
  }
}
