import { describe, expect, test } from "vitest";

import { decodeChain } from "../../src/client/chain-decoder.ts";
import type { MetricsRow, Surface, Term } from "../../src/client/options.ts";
import { type MarketMs, MINUTE_MS, parseInstant } from "../../src/helpers/instant.ts";
import { Zone } from "../../src/helpers/zone.ts";
import { ChainStore } from "../../src/model/options/chain-store.ts";
import {
  describePlace,
  findNearest,
  layOutPlot,
  listRound,
  type Plot,
} from "../../src/model/options/plot.ts";
import {
  computePains,
  plotByStrike,
  plotDay,
  plotPain,
  plotSmile,
  plotTerms,
} from "../../src/model/options/plots.ts";
import { describeFit, layOutSurface } from "../../src/model/options/surface.ts";
import { writeChain } from "./chains.ts";

const chain = new ChainStore(decodeChain(writeChain()));

describe("a plot", () => {
  const plot: Plot = {
    xs: [0, 10, 20],
    series: [
      { name: "one", tone: "accent", kind: "line", values: [1, null, 3] },
      { name: "two", tone: "call", kind: "bars", values: [2, -1, null] },
    ],
    marks: [
      { x: 5, text: "here" },
      { x: 500, text: "far away" },
    ],
    xTitle: "at",
    formatX: String,
    formatY: String,
  };

  test("lies within its box, its line broken where something is unknown", () => {
    const layout = layOutPlot(plot, 400, 200);
    if (layout === null) {
      throw new Error("a layout was wanted");
    }
    expect(layout.places).toHaveLength(3);
    for (const place of layout.places) {
      expect(place).toBeGreaterThan(layout.box.left);
      expect(place).toBeLessThan(layout.box.right);
    }
    const [line, bars] = layout.shapes.map((each) => each.path);
    expect(line?.match(/M/g)).toHaveLength(2);
    expect(bars?.match(/Z/g)).toHaveLength(2);
    expect(layout.marks.map((each) => each.text)).toEqual(["here"]);
    expect(findNearest(layout.places, (layout.places[1] ?? 0) + 3)).toBe(1);
  });

  test("is none where nothing is known, or there is no room", () => {
    const unknown = { ...plot, series: [{ ...plot.series[0], values: [null, null, null] }] };
    expect(layOutPlot(unknown as Plot, 400, 200)).toBeNull();
    expect(layOutPlot({ ...plot, xs: [] }, 400, 200)).toBeNull();
    expect(layOutPlot(plot, 50, 200)).toBeNull();
  });

  test("says what stands at a place", () => {
    expect(describePlace(plot, 1)).toBe("at 10: one unknown, two -1");
    expect(describePlace(plot, 9)).toBe("");
  });

  test("has round numbers on its axes", () => {
    expect(listRound(3, 97, 5)).toEqual([20, 40, 60, 80]);
    expect(listRound(0.1211, 0.1389, 4)).toEqual([0.125, 0.13, 0.135]);
    expect(listRound(5, 5, 4)).toEqual([5]);
  });
});

describe("of a chain", () => {
  test("the smile is the puts' below the money, the calls' above it", () => {
    const plot = plotSmile(chain, []);
    expect(plot.series.map((each) => each.name)).toEqual([
      "fitted slice",
      "out of the money",
      "calls",
      "puts",
    ]);
    expect(plot.series[1]?.values).toEqual([0.14, null, 0.13]);
    expect(plot.marks).toEqual([{ x: 24_512.4, text: "spot" }]);
  });

  test("open interest stands beside where it pays least", () => {
    // Of three strikes with 1, 2, 3 units of calls and of puts each.
    expect(computePains(chain)).toEqual([2 * 50 + 3 * 100, 50 + 3 * 50, 100 + 2 * 50]);
    expect(plotPain(chain).series[0]?.values).toEqual([400, 200, 200]);
    const marked = new ChainStore(decodeChain(writeChain({ figures: { max_pain: 24_550 } })));
    const plot = plotByStrike(marked, "oi");
    expect(plot.series.map((each) => each.tone)).toEqual(["call", "put"]);
    expect(plot.marks.at(-1)).toEqual({ x: 24_550, text: "max pain" });
  });
});

test("the day is by the minutes' ends, on the exchange's clock", () => {
  const start = parseInstant("2026-11-16T03:45:00Z");
  const rows = [0, 1, 2].map((minute): MetricsRow => ({
    ts: (start + minute * MINUTE_MS) as MarketMs,
    spot: 100 + minute,
    figures: chain.figures,
  }));
  const plot = plotDay(rows, new Zone("Asia/Kolkata"), 2, [
    { name: "spot", tone: "call", pick: (row) => row.spot },
  ]);
  expect(plot.formatX(plot.xs[0] ?? 0)).toBe("09:16");
  const ticks = plot.listTicks?.(plot.xs[0] ?? 0, plot.xs[2] ?? 0, 4) ?? [];
  expect(ticks.map(plot.formatX)).toEqual(["09:16", "09:17", "09:18"]);
});

test("the term structure is by days", () => {
  const term = { tau_years: 7 / 365, atm_iv: 0.14, forward_iv: null } as Term;
  const plot = plotTerms([term]);
  expect(plot.xs[0]).toBeCloseTo(7);
  expect(plot.formatX(7.04)).toBe("7.0");
  expect(plot.series.map((each) => each.values)).toEqual([[0.14], [null]]);
});

describe("a surface", () => {
  const slice = { reason: null, error: 0.0003, is_free: true };
  const surface = {
    log_moneyness: [-0.2, -0.01, 0, 0.01],
    items: [
      { ...slice, expiry: "2026-11-24", ivs: [0.3, 0.16, 0.14, null] },
      { ...slice, expiry: "2026-12-01", ivs: [null, null, 0.15, null], reason: "one_sided" },
    ],
  } as unknown as Surface;

  test("is a table of what is known around the money, darker where it is higher", () => {
    const table = layOutSurface(surface);
    expect(table.columns).toEqual(["−1", "0"]);
    expect(table.rows.map((row) => row.cells)).toEqual([
      [
        { text: "16.0", heat: 9 },
        { text: "14.0", heat: 0 },
      ],
      [
        { text: "—", heat: null },
        { text: "15.0", heat: 4 },
      ],
    ]);
    expect(table.rows[1]?.fit).toBe("no fit: strikes on one side only");
  });

  test("says how well it fits", () => {
    expect(describeFit(slice)).toBe("off by 0.03 points, no arbitrage");
    expect(describeFit({ ...slice, is_free: false })).toContain("allows arbitrage");
  });
});
