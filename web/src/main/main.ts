import "../views/styles/tokens.css";
import "../views/styles/base.css";
import "../views/styles/modes.css";

import { mount } from "svelte";

import { BrokerLoginClient } from "../client/broker-login.ts";
import { IdentityClient } from "../client/identity.ts";
import { RestClient } from "../client/rest.ts";
import { Transport } from "../client/transport.ts";
import { readMachineClock } from "../helpers/instant.ts";
import { BrokerLogin } from "../model/broker-login.svelte.ts";
import { ChartModel } from "../model/chart.svelte.ts";
import { Connection } from "../model/connection.svelte.ts";
import { Preferences } from "../model/preferences.ts";
import { ReplayControl } from "../model/replay.svelte.ts";
import { Router } from "../model/router.svelte.ts";
import { SymbolSearch } from "../model/search.svelte.ts";
import { Session } from "../model/session.svelte.ts";
import { Theme } from "../model/theme.svelte.ts";
import { Ticker } from "../model/ticker.svelte.ts";
import { Workstation } from "../model/workstation.svelte.ts";
import App from "./App.svelte";

/** The one place where the page is put together. */
function buildWorkstation(): Workstation {
  const transport = new Transport();
  const session = new Session(new IdentityClient(transport));
  // A refusal may be of one request only: a wrong password does not sign anybody out.
  transport.onStranger = () => void session.load();
  const rest = new RestClient(transport);
  const preferences = new Preferences(findStorage());
  const connection = new Connection({
    url: `${window.location.origin.replace(/^http/, "ws")}/ws`,
    clock: readMachineClock,
    random: Math.random,
    rest,
  });
  return new Workstation({
    transport,
    session,
    connection,
    rest,
    preferences,
    chart: new ChartModel(connection, rest, (draw) => {
      requestAnimationFrame(draw);
    }),
    search: new SymbolSearch(rest),
    replay: new ReplayControl(rest),
    router: new Router(window),
    theme: new Theme(preferences, window.matchMedia("(prefers-color-scheme: dark)")),
    ticker: new Ticker(readMachineClock),
    brokerLogin: new BrokerLogin(new BrokerLoginClient(transport), preferences, drawKey),
    drawKey,
  });
}

/** Without `randomUUID`, which browsers keep from a page that came by plain http. */
function drawKey(): string {
  const drawn = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(drawn, (each) => each.toString(16).padStart(2, "0")).join("");
}

/** Reading the property throws where the browser keeps nothing. */
function findStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

const station = buildWorkstation();
document.documentElement.dataset["theme"] = station.theme.isDark ? "dark" : "light";
station.ticker.start();
void station.session.load();
mount(App, { target: document.body, props: { station } });
