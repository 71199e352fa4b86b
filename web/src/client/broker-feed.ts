import type { components } from "./api.d.ts";
import type { Transport } from "./transport.ts";

type Schemas = components["schemas"];

export type FeedCoverage = Schemas["FeedCoverageBody"];
export type CoverageGroup = Schemas["GroupBody"];
export type CoverageCounts = Schemas["CountsBody"];

/** `/api/v1/feed`: how the broker is heard. */
export class BrokerFeedClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
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
