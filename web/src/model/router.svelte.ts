import { formatRoute, parseRoute, type Route } from "./route.ts";

/** The address bar as a value that views follow. */
export class Router {
  route: Route = $state.raw({ page: "unknown", path: "" });
  readonly #window: Window;

  constructor(window: Window) {
    this.#window = window;
    this.#read();
    window.addEventListener("popstate", () => {
      this.#read();
    });
  }

  go(route: Route, { replaces = false }: { replaces?: boolean } = {}): void {
    const url = formatRoute(route);
    if (replaces) {
      this.#window.history.replaceState(null, "", url);
    } else {
      this.#window.history.pushState(null, "", url);
    }
    this.#read();
  }

  #read(): void {
    this.route = parseRoute(new URL(this.#window.location.href));
  }
}
