// Writes openapi.json: of a running server's document the routes that the page uses, and what they
// refer to. `npm run api` does this and then writes the types. STRIKEWIRE_URL says which server.
import { writeFileSync } from "node:fs";

const ROUTES = {
  "/api/v1/accounts": ["get", "post"],
  "/api/v1/accounts/{account_id}": ["patch"],
  "/api/v1/accounts/{account_id}/close": ["post"],
  "/api/v1/accounts/{account_id}/funds": ["get"],
  "/api/v1/accounts/{account_id}/halt": ["post"],
  "/api/v1/accounts/{account_id}/holdings": ["get"],
  "/api/v1/accounts/{account_id}/positions": ["get"],
  "/api/v1/accounts/{account_id}/resume": ["post"],
  "/api/v1/accounts/{account_id}/trades": ["get"],
  "/api/v1/audit": ["get"],
  "/api/v1/auth/login": ["post"],
  "/api/v1/auth/logout": ["post"],
  "/api/v1/auth/me": ["get"],
  "/api/v1/auth/password": ["put"],
  "/api/v1/auth/setup": ["post"],
  "/api/v1/bars": ["get"],
  "/api/v1/feed": ["get"],
  "/api/v1/feed/coverage": ["get"],
  "/api/v1/feed/login": ["get", "post"],
  "/api/v1/fo/expiries": ["get"],
  "/api/v1/fo/metrics": ["get"],
  "/api/v1/fo/smile": ["get"],
  "/api/v1/fo/surface": ["get"],
  "/api/v1/fo/term-structure": ["get"],
  "/api/v1/fo/underlyings": ["get"],
  "/api/v1/gaps": ["get"],
  "/api/v1/instruments/{symbol}": ["get"],
  "/api/v1/jobs": ["get"],
  "/api/v1/keys": ["get", "post"],
  "/api/v1/keys/{key_id}": ["delete"],
  "/api/v1/market-rules": ["get"],
  "/api/v1/orders": ["get", "post"],
  "/api/v1/orders/basket": ["post"],
  "/api/v1/orders/charges": ["post"],
  "/api/v1/orders/margins": ["post"],
  "/api/v1/orders/{order_id}": ["patch"],
  "/api/v1/orders/{order_id}/cancel": ["post"],
  "/api/v1/replay": ["post"],
  "/api/v1/strategies": ["get", "post"],
  "/api/v1/strategies/analysis": ["post"],
  "/api/v1/strategies/import": ["post"],
  "/api/v1/strategies/templates": ["get"],
  "/api/v1/strategies/templates/{name}": ["post"],
  "/api/v1/strategies/{strategy_id}": ["get", "patch"],
  "/api/v1/strategies/{strategy_id}/alerts": ["get"],
  "/api/v1/strategies/{strategy_id}/archive": ["post"],
  "/api/v1/strategies/{strategy_id}/entries": ["get", "post"],
  "/api/v1/strategies/{strategy_id}/entries/{entry_id}/reverse": ["post"],
  "/api/v1/strategies/{strategy_id}/export": ["get"],
  "/api/v1/strategies/{strategy_id}/m2m": ["get"],
  "/api/v1/strategies/{strategy_id}/pnl": ["get"],
  "/api/v1/strategies/{strategy_id}/restore": ["post"],
  "/api/v1/users": ["get", "post"],
  "/api/v1/users/{user_id}": ["patch"],
  "/api/v1/users/{user_id}/setup-link": ["post"],
};

const server = process.env.STRIKEWIRE_URL ?? "http://127.0.0.1:8081";
const response = await fetch(`${server}/api/v1/openapi.json`);
const whole = await response.json();

const paths = {};
for (const [path, methods] of Object.entries(ROUTES)) {
  paths[path] = Object.fromEntries(methods.map((method) => [method, whole.paths[path][method]]));
}

const schemas = {};
const collect = (node) => {
  for (const [key, value] of Object.entries(node ?? {})) {
    if (key === "$ref") {
      const name = value.split("/").at(-1);
      if (!(name in schemas)) {
        schemas[name] = whole.components.schemas[name];
        collect(schemas[name]);
      }
    } else if (typeof value === "object") {
      collect(value);
    }
  }
};
collect(paths);

const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
const { openapi, info } = whole;
const part = {
  openapi,
  info: { title: info.title, version: info.version },
  paths,
  components: { schemas: sorted },
};
writeFileSync(new URL("../openapi.json", import.meta.url), `${JSON.stringify(part, null, 2)}\n`);
