import { formatInstant, type MarketMs, parseInstant } from "../helpers/instant.ts";
import type { components } from "./api.d.ts";
import type { Chain, Figures } from "./chain.ts";
import { decodeChain } from "./chain-decoder.ts";
import { readFields } from "./decode.ts";
import type { Monitor } from "./monitor.ts";
import { decodeMonitor } from "./monitor-decoder.ts";
import type { Query, Transport } from "./transport.ts";

type Schemas = components["schemas"];

/** Something there are options on. */
export type Underlying = Schemas["UnderlyingBody"];
export type Expiry = Schemas["ExpiryBody"];
/** One expiry's volatility. */
export type Term = Schemas["TermBody"];
/** Volatility over strikes, with the slice that is fitted to it. */
export type Smile = Schemas["SmileBody"];
/** Volatility over strikes and expiries. */
export type Surface = Schemas["SurfaceBody"];

/** How one expiry stood at the end of a recorded minute. */
export interface MetricsRow {
  /** The minute's opening. */
  readonly ts: MarketMs;
  readonly spot: number | null;
  readonly figures: Figures;
}

/** Of which underlying, and as of when; null is now. */
export interface UnderlyingWish {
  readonly underlying: string;
  readonly asOf: MarketMs | null;
}

/** Which chain, and as of when. */
export interface ChainWish extends UnderlyingWish {
  /** `2026-11-24` */
  readonly expiry: string;
}

/** What the server knows of options and futures. Every call throws a ProblemError. */
export class OptionsClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async loadUnderlyings(signal: AbortSignal): Promise<readonly Underlying[]> {
    return (await this.#get<Schemas["UnderlyingsBody"]>("underlyings", {}, signal)).items;
  }

  /** The expiries that are not over, nearest first. */
  async loadExpiries(wish: UnderlyingWish, signal: AbortSignal): Promise<readonly Expiry[]> {
    return (await this.#get<Schemas["ExpiriesBody"]>("expiries", makeQuery(wish), signal)).items;
  }

  async loadChain(wish: ChainWish, signal: AbortSignal): Promise<Chain> {
    const query = makeQuery(wish, wish.expiry);
    return decodeChain(readFields(await this.#get<unknown>("chain", query, signal)));
  }

  async loadMonitor(wish: UnderlyingWish, signal: AbortSignal): Promise<Monitor> {
    return decodeMonitor(readFields(await this.#get<unknown>("monitor", makeQuery(wish), signal)));
  }

  /** Volatility over the expiries that are not over, nearest first. */
  async loadTerms(wish: UnderlyingWish, signal: AbortSignal): Promise<readonly Term[]> {
    const query = makeQuery(wish);
    return (await this.#get<Schemas["TermStructureBody"]>("term-structure", query, signal)).items;
  }

  loadSmile(wish: ChainWish, signal: AbortSignal): Promise<Smile> {
    return this.#get<Smile>("smile", makeQuery(wish, wish.expiry), signal);
  }

  loadSurface(wish: UnderlyingWish, signal: AbortSignal): Promise<Surface> {
    return this.#get<Surface>("surface", makeQuery(wish), signal);
  }

  /** The recorded minutes of an expiry that open in `[from, until)`, oldest first. */
  async loadMetrics(
    { underlying, expiry }: Omit<ChainWish, "asOf">,
    from: MarketMs,
    until: MarketMs,
    signal: AbortSignal,
  ): Promise<readonly MetricsRow[]> {
    const stretch = { from: formatInstant(from), to: formatInstant(until) };
    const query = { underlying, expiry, ...stretch };
    const { items } = await this.#get<Schemas["MetricsBody"]>("metrics", query, signal);
    return items.map(({ ts, spot, ...figures }) => ({ ts: parseInstant(ts), spot, figures }));
  }

  #get<T>(path: string, query: Query, signal: AbortSignal): Promise<T> {
    return this.#transport.get<T>(`/api/v1/fo/${path}`, query, signal);
  }
}

function makeQuery({ underlying, asOf }: UnderlyingWish, expiry?: string): Query {
  return {
    underlying,
    ...(expiry === undefined ? {} : { expiry }),
    ...(asOf === null ? {} : { as_of: formatInstant(asOf) }),
  };
}
