import { isTimeframe, type Timeframe } from "../client/bar.ts";

/** What the address says is to be shown. */
export type Route =
  | { readonly page: "chart"; readonly symbol: string | null; readonly timeframe: Timeframe }
  | { readonly page: "about" }
  | { readonly page: "unknown"; readonly path: string };

export const DEFAULT_TIMEFRAME: Timeframe = "1m";

export function parseRoute(url: URL): Route {
  switch (url.pathname) {
    case "/": {
      const timeframe = url.searchParams.get("timeframe") ?? "";
      return {
        page: "chart",
        symbol: url.searchParams.get("symbol"),
        timeframe: isTimeframe(timeframe) ? timeframe : DEFAULT_TIMEFRAME,
      };
    }
    case "/about":
      return { page: "about" };
    default:
      return { page: "unknown", path: url.pathname };
  }
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
    case "about":
      return "/about";
    case "unknown":
      return route.path;
  }
}
