import type { Timeframe } from "../client/bar.ts";
import type { RestClient } from "../client/rest.ts";
import type { Transport } from "../client/transport.ts";
import type { MarketMs } from "../helpers/instant.ts";
import type { BrokerLogin } from "./broker-login.svelte.ts";
import { type ChartModel, describeProblem, RETRY_MS } from "./chart.svelte.ts";
import type { Connection } from "./connection.svelte.ts";
import type { DrawKey } from "./desk/intent.svelte.ts";
import { TicketDoor } from "./desk/ticket-door.svelte.ts";
import { describeFeed, type FeedState } from "./feed.ts";
import { computeMarketNow } from "./market-clock.ts";
import type { StartProblem } from "./notice.ts";
import type { Preferences } from "./preferences.ts";
import type { ReplayControl } from "./replay.svelte.ts";
import { findRoute, isPublic, type Route } from "./route.ts";
import type { Router } from "./router.svelte.ts";
import type { SymbolSearch } from "./search.svelte.ts";
import type { Session, SessionPhase } from "./session.svelte.ts";
import type { Theme } from "./theme.svelte.ts";
import type { Ticker } from "./ticker.svelte.ts";

export interface WorkstationParts {
  readonly transport: Transport;
  readonly session: Session;
  readonly connection: Connection;
  readonly rest: RestClient;
  readonly chart: ChartModel;
  readonly search: SymbolSearch;
  readonly replay: ReplayControl;
  readonly router: Router;
  readonly theme: Theme;
  readonly ticker: Ticker;
  readonly preferences: Preferences;
  readonly brokerLogin: BrokerLogin;
  readonly drawKey: DrawKey;
}

/** Everything the views show, in one hand. */
export class Workstation {
  /** For the pages that make their own clients when they are opened. */
  readonly transport: Transport;
  readonly session: Session;
  readonly connection: Connection;
  readonly chart: ChartModel;
  readonly search: SymbolSearch;
  readonly replay: ReplayControl;
  readonly router: Router;
  readonly theme: Theme;
  readonly ticker: Ticker;
  readonly preferences: Preferences;
  readonly rest: RestClient;
  readonly brokerLogin: BrokerLogin;
  /** Draws what tells one thing that is wanted from the next. */
  readonly drawKey: DrawKey;
  readonly ticket = new TicketDoor();
  /** Whether keys without Ctrl mean something. */
  allowsSingleKeys = $state.raw(true);
  /** Why there was no instrument to begin with. */
  startProblem: StartProblem | null = $state.raw(null);
  /** Whose socket it is. */
  #principal: string | null = null;

  constructor(parts: WorkstationParts) {
    this.transport = parts.transport;
    this.session = parts.session;
    this.connection = parts.connection;
    this.chart = parts.chart;
    this.search = parts.search;
    this.replay = parts.replay;
    this.router = parts.router;
    this.theme = parts.theme;
    this.ticker = parts.ticker;
    this.preferences = parts.preferences;
    this.rest = parts.rest;
    this.brokerLogin = parts.brokerLogin;
    this.drawKey = parts.drawKey;
    this.allowsSingleKeys = parts.preferences.find("single-keys") !== "off";
  }

  get feed(): FeedState {
    return describeFeed(this.connection, this.ticker.now);
  }

  /** What the market's clock shows; null before the server has said. */
  get marketNow(): MarketMs | null {
    const { heard } = this.connection;
    if (heard === null) {
      return null;
    }
    // A seek is faster than the status tells: what was heard of is past.
    const { asOf } = this.chart;
    return Math.max(computeMarketNow(heard, this.ticker.now), asOf ?? 0) as MarketMs;
  }

  setAllowsSingleKeys(allows: boolean): void {
    this.allowsSingleKeys = allows;
    this.preferences.set("single-keys", allows ? "on" : "off");
  }

  showChart(symbol: string, timeframe: Timeframe): void {
    const route = findRoute(symbol, timeframe);
    if (route.page === "chart") {
      this.preferences.set("symbol", symbol);
    }
    this.router.go(route);
  }

  setTimeframe(timeframe: Timeframe): void {
    const { route } = this.router;
    if (route.page === "chart" && route.symbol !== null) {
      this.router.go({ ...route, timeframe });
    }
  }

  /** A socket is its principal's: another one needs another, and nobody needs none. */
  followPrincipal(phase: SessionPhase, key: string | null): void {
    if (phase === "unknown") {
      return;
    }
    if (key === null) {
      this.connection.deny();
    } else if (this.#principal !== key) {
      this.connection.start();
    }
    this.#principal = key;
  }

  /** Show no more than the way in while nobody is signed in. */
  guard(route: Route): void {
    if (this.session.phase === "nobody" && !isPublic(route)) {
      this.router.go({ page: "sign-in", returnTo: route }, { replaces: true });
    }
  }

  /** Returns what went wrong, in words; null when somebody is signed in and back where they were. */
  async signIn(login: string, password: string): Promise<string | null> {
    const problem = await this.session.signIn(login, password);
    const { route } = this.router;
    if (problem === null && route.page === "sign-in") {
      this.router.go(route.returnTo, { replaces: true });
    }
    return problem;
  }

  /** Show what the address says. */
  async followRoute(route: Route): Promise<void> {
    if (route.page !== "chart") {
      this.chart.close();
      return;
    }
    if (route.symbol !== null) {
      await this.chart.open(route.symbol, route.timeframe);
      return;
    }
    try {
      const symbol = await this.#findDefaultSymbol();
      this.startProblem = symbol === null ? "no-instruments" : null;
      if (symbol !== null && this.router.route === route) {
        this.router.go({ ...route, symbol }, { replaces: true });
      }
    } catch (error) {
      this.startProblem = describeProblem(error);
      setTimeout(() => {
        if (this.router.route === route) {
          void this.followRoute(route);
        }
      }, RETRY_MS);
    }
  }

  /** What was shown last, else a future, which has volume, else anything. */
  async #findDefaultSymbol(): Promise<string | null> {
    const remembered = this.preferences.find("symbol");
    if (remembered !== null) {
      return remembered;
    }
    const found = await this.rest.search("", 30, new AbortController().signal);
    return (found.find((each) => each.kind === "futures") ?? found[0])?.symbol ?? null;
  }
}
