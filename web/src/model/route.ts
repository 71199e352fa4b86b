import { type AuditFilter, pickFilter } from "../client/audit.ts";
import { isTimeframe, type Timeframe } from "../client/bar.ts";
import { formatInstant, type MarketMs } from "../helpers/instant.ts";

export const OPTION_PAGES = ["chain", "smile", "oi", "pcr", "monitor"] as const;
export type OptionPage = (typeof OPTION_PAGES)[number];

/** A page of options: on what, until when, and as of when. */
export interface OptionRoute {
  readonly page: OptionPage;
  /** `NFO:NIFTY`; null is what was looked at last. */
  readonly underlying: string | null;
  /** `2026-11-24`; null is the nearest. */
  readonly expiry: string | null;
  /** Null is now, as it moves. */
  readonly asOf: MarketMs | null;
}

/** Where strategies are put together: out of which chain, or one that is stored. */
export interface BuilderRoute {
  readonly page: "builder";
  /** `NFO:NIFTY`; null is what was looked at last, or what the stored one is on. */
  readonly underlying: string | null;
  /** `2026-11-24`; null is the nearest. */
  readonly expiry: string | null;
  /** The stored one; null is a new one. */
  readonly strategyId: number | null;
}

/** Where the broker sends people back to: what they bring, and what they were sent with. */
export interface BrokerLoginRoute {
  readonly page: "broker-login";
  readonly requestToken: string | null;
  readonly state: string | null;
}

/** What the address says is to be shown. */
export type Route =
  | { readonly page: "chart"; readonly symbol: string | null; readonly timeframe: Timeframe }
  | OptionRoute
  | BuilderRoute
  | BrokerLoginRoute
  /** How the broker is heard. */
  | { readonly page: "feed" }
  | { readonly page: "strategies" }
  | { readonly page: "strategy"; readonly id: number }
  /** Of which account; null is the one that was looked at last. */
  | { readonly page: "orders"; readonly account: number | null }
  /** Trading accounts; `account` is who one is. */
  | { readonly page: "accounts" }
  | { readonly page: "about" }
  | { readonly page: "sign-in"; readonly returnTo: Route }
  /** Where a set-up link leads: the first administrator's, or somebody's new password. */
  | { readonly page: "setup" | "password"; readonly token: string }
  | { readonly page: "account" }
  | { readonly page: "users" }
  /** Whose keys; null is one's own. */
  | { readonly page: "keys"; readonly owner: number | null }
  | { readonly page: "audit"; readonly filter: AuditFilter }
  | { readonly page: "unknown"; readonly path: string };

export const DEFAULT_TIMEFRAME: Timeframe = "1m";
/** The chart of whatever was shown last. */
export const HOME: Route = { page: "chart", symbol: null, timeframe: DEFAULT_TIMEFRAME };

export function parseRoute(url: URL): Route {
  switch (url.pathname) {
    case "/": {
      const timeframe = url.searchParams.get("timeframe") ?? "";
      return findRoute(
        url.searchParams.get("symbol"),
        isTimeframe(timeframe) ? timeframe : DEFAULT_TIMEFRAME,
      );
    }
    case "/chain":
    case "/smile":
    case "/oi":
    case "/pcr":
    case "/monitor":
      return {
        page: url.pathname.slice(1) as OptionPage,
        underlying: url.searchParams.get("underlying"),
        expiry: parseDay(url.searchParams.get("expiry")),
        asOf: findInstant(url.searchParams.get("as_of")),
      };
    case "/feed":
      return { page: "feed" };
    case "/login/kite":
      return {
        page: "broker-login",
        // The broker says `status=success` with every token, and brings none without.
        requestToken: url.searchParams.get("request_token"),
        state: url.searchParams.get("state"),
      };
    case "/strategies":
      return { page: "strategies" };
    case "/orders":
      return { page: "orders", account: parseId(url.searchParams.get("account")) };
    case "/accounts":
      return { page: "accounts" };
    case "/about":
      return { page: "about" };
    case "/sign-in":
      return { page: "sign-in", returnTo: parseReturn(url) };
    case "/setup":
      return { page: "setup", token: url.hash.slice(1) };
    case "/password":
      return { page: "password", token: url.hash.slice(1) };
    case "/account":
      return { page: "account" };
    case "/users":
      return { page: "users" };
    case "/keys":
      return { page: "keys", owner: parseId(url.searchParams.get("user")) };
    case "/audit":
      return { page: "audit", filter: pickFilter((name) => url.searchParams.get(name)) };
    default:
      return parseBuilder(url) ?? parseStrategy(url.pathname);
  }
}

/** Where something is looked at: a strategy on its own page, which has its day; the rest is charted. */
export function findRoute(symbol: string | null, timeframe: Timeframe): Route {
  const id = parseId(/^STRATEGY:(.+)$/.exec(symbol ?? "")?.[1] ?? null);
  return id === null ? { page: "chart", symbol, timeframe } : { page: "strategy", id };
}

/** `/strategies/7`; anything else is unknown. */
function parseStrategy(path: string): Route {
  const id = parseId(/^\/strategies\/([^/]+)$/.exec(path)?.[1] ?? null);
  return id === null ? { page: "unknown", path } : { page: "strategy", id };
}

export function formatRoute(route: Route): string {
  switch (route.page) {
    case "chart": {
      if (route.symbol === null) {
        return "/";
      }
      const { symbol, timeframe } = route;
      return `/?${new URLSearchParams({ symbol, timeframe })}`;
    }
    case "sign-in": {
      const back = formatRoute(route.returnTo);
      return back === "/" ? "/sign-in" : `/sign-in?${new URLSearchParams({ return: back })}`;
    }
    case "setup":
    case "password":
      return `/${route.page}#${route.token}`;
    case "keys":
      return route.owner === null ? "/keys" : `/keys?user=${route.owner}`;
    case "audit": {
      const query = new URLSearchParams(route.filter).toString();
      return query === "" ? "/audit" : `/audit?${query}`;
    }
    case "chain":
    case "smile":
    case "oi":
    case "pcr":
    case "monitor":
      return formatOptionRoute(route);
    case "builder":
      return formatBuilderRoute(route);
    case "broker-login": {
      const { requestToken, state } = route;
      const query = new URLSearchParams({
        ...(requestToken === null ? {} : { request_token: requestToken }),
        ...(state === null ? {} : { state }),
      }).toString();
      return query === "" ? "/login/kite" : `/login/kite?${query}`;
    }
    case "strategy":
      return `/strategies/${route.id}`;
    case "orders":
      return route.account === null ? "/orders" : `/orders?account=${route.account}`;
    case "feed":
    case "strategies":
    case "accounts":
    case "about":
    case "account":
    case "users":
      return `/${route.page}`;
    case "unknown":
      return route.path;
  }
}

function formatOptionRoute({ page, underlying, expiry, asOf }: OptionRoute): string {
  const query = new URLSearchParams({
    ...(underlying === null ? {} : { underlying }),
    ...(expiry === null ? {} : { expiry }),
    ...(asOf === null ? {} : { as_of: formatInstant(asOf) }),
  }).toString();
  return query === "" ? `/${page}` : `/${page}?${query}`;
}

function formatBuilderRoute({ underlying, expiry, strategyId }: BuilderRoute): string {
  const path =
    strategyId === null
      ? underlying === null
        ? "/builder"
        : `/builder/${encodeURIComponent(underlying).replaceAll("%3A", ":")}`
      : `/builder/strategy/${strategyId}`;
  return expiry === null ? path : `${path}?${new URLSearchParams({ expiry })}`;
}

/** `/builder`, `/builder/NFO:NIFTY` or `/builder/strategy/7`; null for anything else. */
function parseBuilder(url: URL): BuilderRoute | null {
  const expiry = parseDay(url.searchParams.get("expiry"));
  const [root, first, second, ...more] = url.pathname.slice(1).split("/");
  if (root !== "builder" || more.length > 0) {
    return null;
  }
  if (second === undefined) {
    const underlying = first === undefined ? null : decodePart(first);
    return underlying === "" ? null : { page: "builder", underlying, expiry, strategyId: null };
  }
  const strategyId = first === "strategy" ? parseId(second) : null;
  return strategyId === null ? null : { page: "builder", underlying: null, expiry, strategyId };
}

/** What is no encoding is what it is. */
function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseId(text: string | null): number | null {
  return text !== null && /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}

function parseDay(text: string | null): string | null {
  return text !== null && /^\d{4}-\d\d-\d\d$/.test(text) ? text : null;
}

function findInstant(text: string | null): MarketMs | null {
  const instant = Date.parse(text ?? "");
  return Number.isNaN(instant) ? null : (instant as MarketMs);
}

export const DESK_PAGES = ["strategies", "strategy", "orders", "accounts"] as const;
export type DeskPage = (typeof DESK_PAGES)[number];
export type DeskRoute = Extract<Route, { readonly page: DeskPage }>;

export function isDeskRoute(route: Route): route is DeskRoute {
  return (DESK_PAGES as readonly string[]).includes(route.page);
}

export function isOptionRoute(route: Route): route is OptionRoute {
  return (OPTION_PAGES as readonly string[]).includes(route.page);
}

/** Whether a page is shown to somebody who has not signed in. */
export function isPublic(route: Route): boolean {
  return ["sign-in", "setup", "password", "about"].includes(route.page);
}

/** Where somebody was before they had to sign in. It can only be a page of ours, whoever wrote the link. */
function parseReturn(url: URL): Route {
  const back = url.searchParams.get("return") ?? "/";
  const route = parseRoute(URL.canParse(back, url) ? new URL(back, url) : new URL("/", url));
  return isPublic(route) || route.page === "unknown" ? HOME : route;
}
