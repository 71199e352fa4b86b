import "../views/styles/tokens.css";
import "../views/styles/base.css";
import "../views/styles/modes.css";

import { mount } from "svelte";

import { RestClient } from "../client/rest.ts";
import { readMachineClock } from "../helpers/instant.ts";
import { ChartModel } from "../model/chart.svelte.ts";
import { Connection } from "../model/connection.svelte.ts";
import { Preferences } from "../model/preferences.ts";
import { ReplayControl } from "../model/replay.svelte.ts";
import { Router } from "../model/router.svelte.ts";
import { SymbolSearch } from "../model/search.svelte.ts";
import { Theme } from "../model/theme.svelte.ts";
import { Ticker } from "../model/ticker.svelte.ts";
import { Workstation } from "../model/workstation.svelte.ts";
import App from "./App.svelte";

/** The one place where the page is put together. */
function buildWorkstation(): Workstation {
  const rest = new RestClient();
  const preferences = new Preferences(findStorage());
  const connection = new Connection({
    url: `${window.location.origin.replace(/^http/, "ws")}/ws/bars`,
    clock: readMachineClock,
    random: Math.random,
    rest,
  });
  return new Workstation({
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
  });
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
station.connection.start();
mount(App, { target: document.body, props: { station } });
