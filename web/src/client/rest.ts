import { formatInstant, type MarketMs } from "../helpers/instant.ts";
import type { components } from "./api.d.ts";
import type { Bar, InstrumentSymbol, Timeframe } from "./bar.ts";
import { decodeBar } from "./bar-decoder.ts";
import { findText, readFields } from "./decode.ts";
import { findProblemKind, ProblemError } from "./problem.ts";
import { decodeFoundSymbols, decodeSymbol, type FoundSymbol, type SymbolInfo } from "./udf.ts";

type Schemas = components["schemas"];

export type ReplayCommand = Schemas[
  "PlayCommand" | "PauseCommand" | "SeekCommand" | "SpeedCommand"];
export type SessionRule = Schemas["RuleBody"];

/** The server's REST and UDF, as far as the page asks. Every call throws a ProblemError. */
export class RestClient {
  readonly #base: string;

  /** `base` is where the server is, without a slash at its end; empty is where the page is from. */
  constructor(base = "") {
    this.#base = base;
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
    const body = await this.#get<Schemas["BarsBody"]>("/api/v1/bars", query, signal);
    // A bar without a price is none.
    return body.bars.filter((each) => each.close !== null).map((each) => decodeBar({ ...each }));
  }

  /** The dated rows that say when a venue trades. */
  async loadSessionRules(venue: string, signal: AbortSignal): Promise<readonly SessionRule[]> {
    const query = { venue, kind: "session" };
    const page = await this.#get<Schemas["RulePage"]>("/api/v1/market-rules", query, signal);
    return page.items;
  }

  /** Tell a replay or the simulator what to do. */
  async controlReplay(command: ReplayCommand): Promise<void> {
    await this.#ask("/api/v1/replay", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(command),
    });
  }

  /** Return if the server answers and lets us in. */
  async checkAccess(): Promise<void> {
    await this.#ask("/api/v1/market", {});
  }

  async loadSymbol(symbol: string, signal: AbortSignal): Promise<SymbolInfo> {
    return decodeSymbol(await this.#get<unknown>("/udf/symbols", { symbol }, signal));
  }

  async search(query: string, limit: number, signal: AbortSignal): Promise<readonly FoundSymbol[]> {
    const parameters = { query, type: "", exchange: "", limit: String(limit) };
    return decodeFoundSymbols(await this.#get<unknown>("/udf/search", parameters, signal));
  }

  /** The type is the document's word for what the route answers; the server is held to it by its tests. */
  async #get<T>(path: string, query: Record<string, string>, signal: AbortSignal): Promise<T> {
    const response = await this.#ask(`${path}?${new URLSearchParams(query)}`, { signal });
    return (await response.json()) as T;
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}${path}`, init);
    } catch (error) {
      if (init.signal?.aborted === true) {
        throw error;
      }
      throw new ProblemError("away", "nobody answers");
    }
    if (!response.ok) {
      throw new ProblemError(findProblemKind(response.status), await readMessage(response));
    }
    return response;
  }
}

/** The words of REST's one error body, or of UDF's. */
async function readMessage(response: Response): Promise<string> {
  try {
    const body = readFields(await response.json());
    const inner = body["error"] === undefined ? body : readFields(body["error"]);
    return findText(inner, "message") ?? findText(inner, "errmsg") ?? response.statusText;
  } catch {
    return response.statusText;
  }
}
