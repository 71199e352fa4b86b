import type { components } from "./api.d.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type FeedStatus = Schemas["FeedBody"];
export type SocketStatus = Schemas["SocketBody"];
export type BrokerGap = Schemas["GapBody"];
export type BrokerGaps = Schemas["GapPage"];
export type Jobs = Schemas["JobPage"];
export type Job = Schemas["JobBody"];
export type FeedCoverage = Schemas["FeedCoverageBody"];
export type CoverageGroup = Schemas["GroupBody"];
export type CoverageCounts = Schemas["CountsBody"];

/** So many of the newest gaps and jobs are shown. */
const NEWEST = "20";

/** `/api/v1/feed` and what belongs to it: how the broker is heard. */
export class BrokerFeedClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  loadStatus(signal: AbortSignal): Promise<FeedStatus> {
    return this.#transport.get<FeedStatus>("/api/v1/feed", {}, signal);
  }

  /** What was not heard, the newest first, and how often that was. */
  loadGaps(signal: AbortSignal): Promise<BrokerGaps> {
    return this.#transport.get<BrokerGaps>("/api/v1/gaps", { limit: NEWEST }, signal);
  }

  /** Jobs that fill it, likewise. */
  loadBackfills(signal: AbortSignal): Promise<Jobs> {
    return this.#transport.get<Jobs>("/api/v1/jobs", { kind: "backfill", limit: NEWEST }, signal);
  }

  /** Of one underlying, by its plain name, or of all: a page of expiries. */
  loadCoverage(
    underlying: string | null,
    offset: number,
    signal: AbortSignal,
  ): Promise<FeedCoverage> {
    const query = { offset: String(offset), ...(underlying === null ? {} : { underlying }) };
    return this.#transport.get<FeedCoverage>("/api/v1/feed/coverage", query, signal);
  }
}
