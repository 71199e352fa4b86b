import type { Expiry, MetricsRow, OptionsClient, Underlying } from "../../client/options.ts";
import { ProblemError } from "../../client/problem.ts";
import type { RestClient } from "../../client/rest.ts";
import { DAY_MS, type MarketMs, MINUTE_MS } from "../../helpers/instant.ts";
import { Zone, type WallMs } from "../../helpers/zone.ts";
import { type ChartProblem, describeProblem, RETRY_MS } from "../chart.svelte.ts";
import type { Preferences } from "../preferences.ts";
import type { OptionRoute } from "../route.ts";

/** What an address says of the chain that is wanted. */
export type ChainAddress = Pick<OptionRoute, "underlying" | "expiry" | "asOf">;

/** Which chain is looked at, and as of when. */
export interface Choice {
  readonly underlying: string;
  readonly expiry: string;
  readonly asOf: MarketMs | null;
}

export interface OptionDeskParts {
  readonly client: OptionsClient;
  readonly rest: Pick<RestClient, "loadSymbol">;
  readonly preferences: Preferences;
  /** The market's clock; null before the server has said. */
  readonly marketNow: () => MarketMs | null;
}

const PREFERENCE = "underlying";

/** What the pages of options have in common: the underlying, its expiries, the day's recorded minutes. */
export class OptionDesk {
  underlyings: readonly Underlying[] = $state.raw([]);
  expiries: readonly Expiry[] = $state.raw([]);
  /** When recorded minutes of the day ended, oldest first: what a page can be as of. */
  minutes: readonly MarketMs[] = $state.raw([]);
  choice: Choice | null = $state.raw(null);
  problem: ChartProblem | "no-instruments" | null = $state.raw(null);
  zone: Zone = $state.raw(new Zone("UTC"));
  readonly client: OptionsClient;
  readonly #parts: OptionDeskParts;
  /** What was asked for last. */
  #followed: string | null = null;
  #zoned: string | null = null;
  #abort = new AbortController();
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: OptionDeskParts) {
    this.#parts = parts;
    this.client = parts.client;
  }

  /** Find what the address names, or what is nearest to it. Another page of the same is nothing new. */
  async follow(route: ChainAddress): Promise<void> {
    const { underlying, expiry, asOf } = route;
    const wanted = JSON.stringify([underlying, expiry, asOf]);
    if (wanted === this.#followed) {
      return;
    }
    this.close();
    this.#followed = wanted;
    const { signal } = this.#abort;
    try {
      await this.#find(route, signal);
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      this.problem = describeProblem(error);
      if (this.problem.kind === "away" || this.problem.kind === "busy") {
        this.#retryTimer = setTimeout(() => {
          this.#followed = null;
          void this.follow(route);
        }, RETRY_MS);
      }
    }
  }

  close(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    clearTimeout(this.#retryTimer);
  }

  /** A minute of the market, by its opening, is recorded. */
  addMinute(ts: MarketMs): void {
    const end = (ts + MINUTE_MS) as MarketMs;
    const last = this.minutes.at(-1);
    if (last !== undefined && this.#findDay(end) !== this.#findDay(last)) {
      this.minutes = [end];
    } else if (last === undefined || end > last) {
      this.minutes = [...this.minutes, end];
    }
  }

  /** The expiry so many places from the one that is looked at; null at either end. */
  findNeighbour(places: number): string | null {
    const index = this.expiries.findIndex((each) => each.expiry === this.choice?.expiry);
    return index < 0 ? null : (this.expiries[index + places]?.expiry ?? null);
  }

  async #find(route: ChainAddress, signal: AbortSignal): Promise<void> {
    if (this.underlyings.length === 0) {
      this.underlyings = await this.client.loadUnderlyings(signal);
    }
    const wanted = route.underlying ?? this.#parts.preferences.find(PREFERENCE);
    const underlying = pickUnderlying(this.underlyings, wanted);
    if (underlying === null) {
      this.problem = "no-instruments";
      return;
    }
    const { asOf } = route;
    this.expiries = await this.client.loadExpiries({ underlying, asOf }, signal);
    const expiry = pickExpiry(this.expiries, route.expiry);
    if (expiry === null) {
      this.problem = "no-instruments";
      return;
    }
    await this.#findZone(underlying, signal);
    this.problem = null;
    this.#parts.preferences.set(PREFERENCE, underlying);
    this.choice = { underlying, expiry, asOf };
    this.minutes = await this.#loadMinutes(this.choice, signal);
  }

  async #findZone(underlying: string, signal: AbortSignal): Promise<void> {
    if (this.#zoned === underlying) {
      return;
    }
    const found = this.underlyings.find((each) => nameUnderlying(each) === underlying);
    const symbol = found?.spot_symbol ?? this.expiries[0]?.future_symbol ?? null;
    if (symbol !== null) {
      const { timezone } = await this.#parts.rest.loadSymbol(symbol, signal);
      this.zone = new Zone(timezone);
      this.#zoned = underlying;
    }
  }

  /** The recorded minutes of the day that is looked at, up to the instant that is looked at. */
  async loadDay(choice: Choice, signal: AbortSignal): Promise<readonly MetricsRow[]> {
    const rows = await this.#loadWholeDay(choice, signal);
    const { asOf } = choice;
    return asOf === null ? rows : rows.filter((each) => each.ts + MINUTE_MS <= asOf);
  }

  async #loadWholeDay(choice: Choice, signal: AbortSignal): Promise<readonly MetricsRow[]> {
    const at = choice.asOf ?? this.#parts.marketNow();
    if (at === null) {
      return [];
    }
    const from = this.#findDay(at);
    return this.client.loadMetrics(choice, from, (from + DAY_MS) as MarketMs, signal);
  }

  /** Without a recorded minute there is still a market. */
  async #loadMinutes(choice: Choice, signal: AbortSignal): Promise<readonly MarketMs[]> {
    try {
      const rows = await this.#loadWholeDay(choice, signal);
      return rows.map((each) => (each.ts + MINUTE_MS) as MarketMs);
    } catch (error) {
      if (error instanceof ProblemError && error.kind === "not-found") {
        return [];
      }
      throw error;
    }
  }

  /** Midnight at the exchange. */
  #findDay(instant: MarketMs): MarketMs {
    const wall = this.zone.toWall(instant);
    return this.zone.fromWall((Math.floor(wall / DAY_MS) * DAY_MS) as WallMs);
  }
}

/** `NFO:NIFTY` */
export function nameUnderlying({ exchange, underlying }: Underlying): string {
  return `${exchange}:${underlying}`;
}

/** The wanted underlying, by either of its names; else the one with the most options; null for none. */
export function pickUnderlying(
  underlyings: readonly Underlying[],
  wanted: string | null,
): string | null {
  const withOptions = underlyings.filter((each) => each.options > 0);
  const found =
    withOptions.find((each) => wanted === nameUnderlying(each) || wanted === each.underlying) ??
    withOptions.toSorted((one, other) => other.options - one.options)[0];
  return found === undefined ? null : nameUnderlying(found);
}

/** The wanted expiry where it has options, else the nearest that has; null for none. */
export function pickExpiry(expiries: readonly Expiry[], wanted: string | null): string | null {
  const withOptions = expiries.filter((each) => each.options > 0);
  const found = withOptions.find((each) => each.expiry === wanted) ?? withOptions[0];
  return found?.expiry ?? null;
}
