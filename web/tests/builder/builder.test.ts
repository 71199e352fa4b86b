import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { BuilderClient } from "../../src/client/builder.ts";
import { Transport } from "../../src/client/transport.ts";
import type { MachineMs } from "../../src/helpers/instant.ts";
import { Builder } from "../../src/model/builder/builder.svelte.ts";
import type { Contract } from "../../src/model/builder/legs.ts";
import { FIRST_FORM } from "../../src/model/builder/template-form.ts";
import { formatRoute, parseRoute } from "../../src/model/route.ts";
import { answerWith, refuse } from "../server.ts";
import { writeAnalysis } from "./analyses.ts";

const PUT: Contract = {
  symbol: "NFO:NIFTY26N1724900PE",
  kind: "put",
  expiry: "2026-11-17",
  strike: 24_900,
  lotSize: 65,
};
const BUILT = {
  legs: [
    { ...PUT, lot_size: 65, lots: -1, quantity: -65, entry_price: 46.1, mark: 46.1, iv: 0.16 },
  ],
};

describe("the builder", () => {
  let builder: Builder;

  beforeEach(() => {
    vi.useFakeTimers();
    const client = new BuilderClient(new Transport());
    builder = new Builder(client, () => Date.now() as MachineMs);
  });

  afterEach(() => {
    builder.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test("builds a template, and asks what it makes", async () => {
    const asked = answerWith([200, BUILT], [200, writeAnalysis()], [200, writeAnalysis()]);
    await builder.build(FIRST_FORM, "NFO:NIFTY", "2026-11-17");
    await vi.advanceTimersByTimeAsync(1_000);

    expect(asked.slice(0, 2).map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /api/v1/strategies/templates/iron-condor",
      "POST /api/v1/strategies/analysis",
    ]);
    expect(asked[0]?.body).toMatchObject({ underlying: "NFO:NIFTY", expiry: "2026-11-17" });
    expect(asked[1]?.body).toMatchObject({
      legs: [{ symbol: PUT.symbol, quantity: -65, entry_price: null }],
      against: null,
    });
    expect(builder.analysis.answer?.strategy.max_profit).toBe("2725.12");
  });

  test("says what of a chain a template cannot be built of, and keeps what is there", async () => {
    answerWith([404, refuse("a price of X was wanted, there is none")]);
    builder.add(PUT, true);
    expect(await builder.build(FIRST_FORM, "NFO:NIFTY", "2026-11-17")).toBe(false);
    expect(builder.problem).toContain("cannot be built out of this chain");
    expect(builder.legs).toHaveLength(1);
  });

  test("goes on showing what was right while something is typed", async () => {
    const asked = answerWith([200, writeAnalysis()], [200, writeAnalysis()]);
    builder.setReach(2);
    builder.add(PUT, true);
    await vi.advanceTimersByTimeAsync(1_000);
    builder.change(0, { lots: "" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect([asked.length, builder.faults.length]).toEqual([1, 1]);
    expect(builder.analysis.isCurrent).toBe(true);
    builder.change(0, { lots: "3" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked[1]?.body).toMatchObject({ legs: [{ quantity: -195 }] });
    expect(builder.faults).toEqual([]);
  });

  test("compares with what there was, and changes one of the two", async () => {
    const asked = answerWith([200, writeAnalysis()]);
    builder.add(PUT, true);
    builder.compare();
    builder.add(PUT, true);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked[0]?.body).toMatchObject({
      legs: [{ quantity: -65 }],
      against: [{ quantity: -130 }],
    });
    builder.endComparison();
    expect([builder.slot, builder.hasComparison]).toEqual(["strategy", false]);
    expect(builder.legs[0]?.lots).toBe("1");
  });

  test("forgets its legs with their underlying, not with their expiry", () => {
    answerWith([200, { items: [] }], [200, { items: [] }], [200, { items: [] }]);
    builder.follow("NFO:NIFTY");
    builder.add(PUT, true);
    builder.follow("NFO:NIFTY");
    expect(builder.legs).toHaveLength(1);
    builder.follow("NFO:BANKNIFTY");
    expect([builder.legs, builder.analysis.phase]).toEqual([[], "empty"]);
  });

  test("has scenarios reach as far as the horizon lets the market go, until somebody chooses", async () => {
    const asked = answerWith(
      [200, writeAnalysis()],
      [200, writeAnalysis()],
      [200, writeAnalysis()],
    );
    builder.add(PUT, true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([builder.reachPct, asked.length, builder.analysis.isCurrent]).toEqual([2, 2, true]);
    builder.setReach(20);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([builder.reachPct, asked.length]).toEqual([20, 3]);
    const grid = asked[2]?.body as { grid: { moves_pct: number[] } };
    expect(Math.max(...grid.grid.moves_pct)).toBe(20);
  });

  test("asks for nothing once the last leg is gone", async () => {
    const asked = answerWith();
    builder.add(PUT, true);
    builder.remove(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toEqual([]);
  });
});

describe("the builder's address", () => {
  const parse = (path: string): ReturnType<typeof parseRoute> =>
    parseRoute(new URL(path, "http://127.0.0.1:8081"));

  test.each([
    "/builder",
    "/builder/NFO:NIFTY",
    "/builder/NFO:NIFTY?expiry=2026-11-24",
    "/builder/NFO:M%26M",
    "/builder/strategy/7",
  ])("%s comes back as it was", (path) => {
    expect(parse(path).page).toBe("builder");
    expect(formatRoute(parse(path))).toBe(path);
  });

  test.each(["/builder/", "/builder/strategy/0", "/builder/strategy/x", "/builder/other/7"])(
    "%s is none",
    (path) => {
      expect(parse(path)).toEqual({ page: "unknown", path });
    },
  );
});
