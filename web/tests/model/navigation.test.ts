import { describe, expect, test } from "vitest";

import { Preferences } from "../../src/model/preferences.ts";
import { nameSpeed, SPEEDS, stepSpeed } from "../../src/model/replay.svelte.ts";
import { formatRoute, parseRoute } from "../../src/model/route.ts";
import { findCommand, type FocusKind, type Stroke } from "../../src/model/shortcuts.ts";

const parse = (path: string): ReturnType<typeof parseRoute> =>
  parseRoute(new URL(path, "http://127.0.0.1:8081"));

describe("an address", () => {
  test("names instrument and timeframe, and comes back as it was", () => {
    const route = parse("/?symbol=NSE%3ANIFTY+50&timeframe=5m");
    expect(route).toEqual({ page: "chart", symbol: "NSE:NIFTY 50", timeframe: "5m" });
    expect(parse(formatRoute(route))).toEqual(route);
  });

  test("without an instrument, or with a timeframe that is none, has the usual ones", () => {
    expect(parse("/")).toEqual({ page: "chart", symbol: null, timeframe: "1m" });
    expect(parse("/?symbol=X&timeframe=7m")).toMatchObject({ timeframe: "1m" });
  });

  test("of a strategy's symbol is the strategy's own page", () => {
    expect(parse("/?symbol=STRATEGY:12&timeframe=5m")).toEqual({ page: "strategy", id: 12 });
    expect(parse("/?symbol=STRATEGY:x")).toMatchObject({ page: "chart", symbol: "STRATEGY:x" });
  });

  test("that nobody knows is said to be unknown", () => {
    expect(parse("/strategies/x")).toEqual({ page: "unknown", path: "/strategies/x" });
    expect(parse("/nowhere")).toEqual({ page: "unknown", path: "/nowhere" });
  });

  test.each(["/strategies", "/strategies/12", "/orders", "/orders?account=3", "/accounts"])(
    "%s comes back as it was",
    (path) => {
      expect(formatRoute(parse(path))).toBe(path);
    },
  );
});

describe("a key", () => {
  const press = (key: string, changes: Partial<Stroke> = {}): Stroke => ({
    key,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    ...changes,
  });
  const find = (stroke: Stroke, focus: FocusKind = "none", allows = true): string | undefined =>
    findCommand(stroke, focus, allows)?.name;

  test.each([
    ["/", "search"],
    ["?", "help"],
    [" ", "play-pause"],
    ["d", "theme"],
    ["t", "table"],
    [",", "slower"],
    [".", "faster"],
  ])("%j means %s", (key, name) => {
    expect(find(press(key))).toBe(name);
  });

  test("of a number is a timeframe", () => {
    expect(findCommand(press("3"), "none", true)).toEqual({ name: "timeframe", timeframe: "5m" });
    expect(find(press("0"))).toBeUndefined();
    expect(find(press("8"))).toBeUndefined();
  });

  test("with Ctrl or Command is K, also while somebody types", () => {
    expect(find(press("k", { ctrlKey: true }), "text")).toBe("search");
    expect(find(press("K", { metaKey: true }), "text")).toBe("search");
    expect(find(press("/", { ctrlKey: true }))).toBeUndefined();
  });

  test("is a letter while somebody types", () => {
    expect(find(press("t"), "text")).toBeUndefined();
  });

  test("is the button's own when it is the space bar", () => {
    expect(find(press(" "), "control")).toBeUndefined();
    expect(find(press("t"), "control")).toBe("table");
  });

  test("means nothing alone where that was switched off", () => {
    expect(find(press("/"), "none", false)).toBeUndefined();
    expect(find(press("k", { ctrlKey: true }), "none", false)).toBe("search");
  });
});

describe("speeds", () => {
  test("have names", () => {
    expect(SPEEDS.map(nameSpeed)).toEqual(["1x", "10x", "60x", "600x", "max"]);
  });

  test("go up and down, from between them too", () => {
    expect(stepSpeed(60, 1)).toBe(600);
    expect(stepSpeed(600, 1)).toBeNull();
    expect(stepSpeed(null, 1)).toBeNull();
    expect(stepSpeed(null, -1)).toBe(600);
    expect(stepSpeed(1, -1)).toBe(1);
    expect(stepSpeed(25, 1)).toBe(60);
    expect(stepSpeed(25, -1)).toBe(10);
  });
});

test("a browser that keeps nothing is no error", () => {
  const full = {
    getItem: () => null,
    setItem: () => {
      throw new Error("full");
    },
  };
  for (const preferences of [new Preferences(null), new Preferences(full)]) {
    preferences.set("theme", "dark");
    expect(preferences.find("theme")).toBeNull();
  }
});
