import type {
  BrokerFeedClient,
  BrokerGaps,
  CoverageCounts,
  FeedCoverage,
  FeedStatus,
  Job,
  Jobs,
} from "../client/broker-feed.ts";
import { Loaded } from "./options/loaded.svelte.ts";

/** Ages grow by the second: that is how often they are asked for. */
const STATUS_MS = 1_000;
/** Coverage is counted anew for each who asks; gaps and jobs are questions of the database. */
const SLOW_MS = 5_000;

/** How the broker is heard, asked for again and again while somebody looks. */
export class BrokerFeed {
  readonly status = new Loaded<FeedStatus>();
  readonly gaps = new Loaded<BrokerGaps>();
  readonly backfills = new Loaded<Jobs>();
  readonly coverage = new Loaded<FeedCoverage>();
  /** Whose expiries are listed; null is everybody's. */
  underlying: string | null = $state.raw(null);
  offset = $state.raw(0);
  readonly #client: BrokerFeedClient;
  #timers: readonly ReturnType<typeof setInterval>[] = [];

  constructor(client: BrokerFeedClient) {
    this.#client = client;
  }

  open(): void {
    this.#loadStatus();
    this.#loadRest();
    this.#timers = [
      setInterval(() => {
        this.#loadStatus();
      }, STATUS_MS),
      setInterval(() => {
        this.#loadRest();
      }, SLOW_MS),
    ];
  }

  close(): void {
    this.#timers.forEach(clearInterval);
    this.#timers = [];
    for (const each of [this.status, this.gaps, this.backfills, this.coverage]) {
      each.reset();
    }
  }

  /** List the expiries of one underlying, by its plain name; an empty one is all of them. */
  chooseUnderlying(name: string): void {
    const trimmed = name.trim();
    this.underlying = trimmed === "" ? null : trimmed;
    this.goTo(0);
  }

  /** List those from a place on. */
  goTo(offset: number): void {
    this.offset = offset;
    this.#loadCoverage();
  }

  #loadStatus(): void {
    void this.status.load((signal) => this.#client.loadStatus(signal));
  }

  #loadRest(): void {
    void this.gaps.load((signal) => this.#client.loadGaps(signal));
    void this.backfills.load((signal) => this.#client.loadBackfills(signal));
    this.#loadCoverage();
  }

  #loadCoverage(): void {
    const { underlying, offset } = this;
    void this.coverage.load((signal) => this.#client.loadCoverage(underlying, offset, signal));
  }
}

/** How far a job is, `3 of 8`, and what went wrong. */
export function describeProgress({ progress }: Job): string {
  const failed = progress.failed === 0 ? "" : `, ${progress.failed} failed`;
  return `${progress.done} of ${progress.total}${failed}`;
}

/** How something is covered, the best first. */
export const COVERS = ["streamed", "quoted", "end_of_day"] as const;
export type Cover = (typeof COVERS)[number];

export const COVER_WORDS: Readonly<Record<Cover, string>> = {
  streamed: "Streamed",
  quoted: "Quoted",
  end_of_day: "End of day",
};

const REASON_WORDS: Readonly<Record<string, string>> = {
  position: "Held",
  pinned: "Named by the settings",
  underlying: "Indices, shares, futures",
  window: "Around the money",
  open_interest: "Open interest",
  watched: "Watched",
  listed: "Listed",
};

/** Why something is wanted, in words; a reason that is newer than this page is its own. */
export function nameReason(reason: string): string {
  return REASON_WORDS[reason] ?? reason;
}

/** A part of a bar, in fractions of its length. */
export interface Share {
  readonly cover: Cover;
  readonly from: number;
  readonly size: number;
}

/** Lay covers side by side along a bar; what there is none of has no part. */
export function shareOut(counts: CoverageCounts): readonly Share[] {
  let from = 0;
  const shares: Share[] = [];
  for (const cover of COVERS) {
    const size = counts.wanted === 0 ? 0 : counts[cover] / counts.wanted;
    if (size > 0) {
      shares.push({ cover, from, size });
    }
    from += size;
  }
  return shares;
}
