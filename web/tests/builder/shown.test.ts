import { describe, expect, test } from "vitest";

import type { Grid } from "../../src/client/builder.ts";
import { DAY_MS, type MarketMs, parseInstant } from "../../src/helpers/instant.ts";
import { Zone } from "../../src/helpers/zone.ts";
import { listFigures, listWarnings } from "../../src/model/builder/figures.ts";
import {
  findDate,
  findPlace,
  formatAhead,
  formatMoment,
  makeSlider,
  plotPayoff,
} from "../../src/model/builder/payoff.ts";
import {
  countCuts,
  describeCut,
  findFirstCut,
  layOutScenarios,
  makeAxes,
  pickReach,
} from "../../src/model/builder/scenarios.ts";
import { layOutPlot } from "../../src/model/options/plot.ts";
import { writeAnalysis, writeStrategy } from "./analyses.ts";

const IST = new Zone("Asia/Kolkata");
const NOW = parseInstant("2026-11-16T04:00:10Z");

describe("a payoff", () => {
  test("is drawn at expiry and now, with the spot and where it makes nothing", () => {
    const plot = plotPayoff(writeAnalysis(), null);
    expect(plot.series.map(({ name, kind }) => [name, kind])).toEqual([
      ["at expiry", "area"],
      ["now", "line"],
    ]);
    expect(plot.marks.map((each) => each.text)).toEqual(["spot", "24,908", "25,192"]);
  });

  test("is drawn at a date, too, once it has been told, and beside another", () => {
    const date = parseInstant("2026-11-17T04:00:00Z");
    const told = writeStrategy();
    const [now, end] = told.curve;
    const curve = [now, { at: "2026-11-17T04:00:00Z", pnls: [1, 2, 3] }, end].flatMap(
      (each) => each ?? [],
    );
    const names = (analysis = writeAnalysis()): readonly string[] =>
      plotPayoff(analysis, date).series.map((each) => each.name);
    expect(names()).toEqual(["at expiry", "now"]);
    expect(names(writeAnalysis({ strategy: { ...told, curve }, against: told }))).toEqual([
      "at expiry",
      "now",
      "at the date",
      "comparison, at its expiry",
    ]);
  });

  test("of a strategy that never ends is drawn as it is now", () => {
    const strategy = writeStrategy({
      horizon: null,
      break_evens: [],
      curve: [{ at: "2026-11-16T04:00:10Z", pnls: [-1, 0, 1] }],
    });
    const analysis = writeAnalysis({ strategy, spot_symbol: null });
    expect(plotPayoff(analysis, null).series.map((each) => each.name)).toEqual(["now"]);
    expect(plotPayoff(analysis, null).marks[0]?.text).toBe("forward");
    expect(makeSlider(analysis)).toBeNull();
  });

  test("is filled from its line to 0, which is always in sight", () => {
    const gains = writeStrategy({
      curve: [{ at: "2026-11-17T10:10:00Z", pnls: [100, 200, 150] }],
    });
    const now = gains.curve[0] ?? { at: "", pnls: [] };
    const strategy = { ...gains, curve: [now, now] };
    const layout = layOutPlot(plotPayoff(writeAnalysis({ strategy }), null), 400, 200);
    const { box, zero, shapes } = layout ?? { box: null, zero: null, shapes: [] };
    expect(zero).toBeLessThan(box?.bottom ?? 0);
    expect(shapes[0]?.fill).toMatch(new RegExp(`V${zero?.toFixed(1) ?? ""}H.*Z$`));
    expect(shapes[1]?.fill).toBeNull();
  });
});

describe("the slider over dates", () => {
  const slider = makeSlider(writeAnalysis());
  if (slider === null) {
    throw new Error("a slider was wanted");
  }

  test("leads from now to the end by half hours, whose ends are drawn in any case", () => {
    expect(slider.last - slider.first).toBe(61);
    expect(findDate(slider, slider.first)).toBeNull();
    expect(findDate(slider, slider.last)).toBeNull();
    expect(findDate(slider, slider.first + 3)).toBe(parseInstant("2026-11-16T05:30:00Z"));
  });

  test("asks for no date that may be past when it arrives", () => {
    expect(findDate(slider, slider.first + 1)).toBeNull();
    expect(findDate(slider, slider.first + 2)).toBeGreaterThan(NOW);
  });

  test("stands at a date, and at now when that has passed", () => {
    expect(findPlace(slider, parseInstant("2026-11-16T05:30:00Z"))).toBe(slider.first + 3);
    expect(findPlace(slider, null)).toBe(slider.first);
    expect(findPlace(slider, (NOW - DAY_MS) as MarketMs)).toBe(slider.first);
  });

  test("says when that is", () => {
    const then = parseInstant("2026-11-17T04:00:00Z");
    expect(formatMoment(then, IST)).toBe("Tue 17 Nov, 09:30 IST");
    expect(formatAhead(NOW, then)).toBe("in 24.0 h");
    expect(formatAhead(NOW, (NOW + 3.2 * DAY_MS) as MarketMs)).toBe("in 3.2 days");
  });
});

describe("figures", () => {
  const show = (strategy = writeStrategy()): Readonly<Record<string, string>> =>
    Object.fromEntries(
      listFigures(writeAnalysis({ strategy })).map((each) => [each.name, each.strategy]),
    );

  test("are written with their sign, and say who pays", () => {
    expect(show()).toMatchObject({
      "Max profit": "+2,725.12",
      "Max loss": "−3,774.88",
      "Break-evens": "24,908.1 · 25,191.9",
      "Chance of profit": "50.2 %",
      Premium: "2,725.12 received",
      "P&L now": "0.00",
      Theta: "+766",
    });
    expect(show(writeStrategy({ net_premium: "10.00" }))["Premium"]).toBe("10.00 paid");
  });

  test("say what has no bound, no level and no volatility", () => {
    const strategy = writeStrategy({
      max_loss: null,
      max_loss_reason: "unbounded",
      break_evens: [],
      probability_of_profit: null,
      probability_reason: "no_volatility",
      pnl: null,
    });
    expect(show(strategy)).toMatchObject({
      "Max loss": "no bound",
      "Break-evens": "none",
      "Chance of profit": "no volatility",
      "P&L now": "—",
    });
    expect(listWarnings(strategy)[0]).toContain("no bound");
    expect(listWarnings(writeStrategy())).toEqual([]);
  });

  test("say what it needs and is charged, or why nobody knows", () => {
    const parts = {
      scan: "1.00",
      calendar: "0.00",
      short_option_minimum: "0.00",
      net_option_value: "0.00",
      initial: "30000.00",
      exposure: "12500.50",
      expiry_day: "0.00",
      cash: "0.00",
    };
    const charges = {
      brokerage: "80.00",
      transaction_tax: "10.00",
      exchange: "5.00",
      investor_protection: "0.01",
      sebi_fee: "0.02",
      stamp_duty: "1.00",
      gst: "15.30",
      total: "111.33",
    };
    const margin = { ...parts, total: "142500.50" };
    expect(show(writeStrategy({ margin, charges }))).toMatchObject({
      Margin: "1,42,500.50",
      Charges: "111.33",
    });
    const unknown = { margin_reason: "no_rule", charges_reason: "not_tradable" } as const;
    expect(show(writeStrategy(unknown))).toMatchObject({
      Margin: "no rule",
      Charges: "not tradable",
    });
  });

  test("of two stand side by side, with what the second has more", () => {
    const difference = {
      net_premium: "-100.50",
      pnl: null,
      max_profit: "100.50",
      max_loss: null,
      probability_of_profit: -0.05,
      greeks: writeStrategy().greeks,
    };
    const found = listFigures(writeAnalysis({ against: writeStrategy(), difference }));
    const more = Object.fromEntries(found.map((each) => [each.name, each.difference]));
    expect(more).toMatchObject({
      "Max profit": "+100.50",
      "Max loss": "—",
      "Break-evens": "",
      "Chance of profit": "−5.0 %",
      Premium: "−100.50",
    });
    expect(listFigures(writeAnalysis())[0]).toMatchObject({ against: null, difference: null });
  });
});

describe("scenarios", () => {
  const grid: Grid = {
    levels: [90, 100, 110],
    vol_shifts: [-0.1, 0, 0.1],
    days: [0, 1.5],
    pnls: [
      [
        [-1_000, -500],
        [-100, 0.2],
        [0, 0],
      ],
      [
        [0, 0],
        [10, 20],
        [30, 40],
      ],
      [
        [0, 0],
        [200_000, 1],
        [1_000, 0],
      ],
    ],
  };

  test("lie by volatility at a day, the highest level first, the money marked", () => {
    const { columns, rows } = layOutScenarios(grid, 101, "volatility", 0);
    expect(columns).toEqual(["−10", "0", "+10"]);
    expect(rows.map((each) => each.level)).toEqual(["110", "100", "90"]);
    expect(rows.map((each) => each.isMoney)).toEqual([false, true, false]);
    expect(rows[0]?.cells).toEqual([
      { text: "0", heat: 0 },
      { text: "+2.000 L", heat: 5 },
      { text: "+1,000", heat: 1 },
    ]);
    expect(rows[2]?.cells[0]).toEqual({ text: "−1,000", heat: -1 });
  });

  test("lie by days at a volatility", () => {
    const { columns, rows } = layOutScenarios(grid, 100, "time", 1);
    expect(columns).toEqual(["0", "1.5"].map((each) => Number(each).toFixed(1)));
    expect(rows[2]?.cells).toEqual([
      { text: "−100", heat: -1 },
      { text: "0", heat: 0 },
    ]);
  });

  test("are cut where one looks first: now, and at volatility as it is", () => {
    expect([findFirstCut(grid, "volatility"), findFirstCut(grid, "time")]).toEqual([0, 1]);
    expect([countCuts(grid, "volatility"), countCuts(grid, "time")]).toEqual([2, 3]);
    expect([0, 1].map((cut) => describeCut(grid, "volatility", cut))).toEqual([
      "now",
      "1.5 days, the first expiry",
    ]);
    expect([0, 1, 2].map((cut) => describeCut(grid, "time", cut))).toEqual([
      "−10 points",
      "as it is",
      "+10 points",
    ]);
  });

  test("reach alike either way, with where it stands in the middle", () => {
    const { moves_pct: moves, vol_shifts: shifts } = makeAxes(2);
    expect([moves.length, moves[0], moves[10], moves.at(-1)]).toEqual([21, -2, 0, 2]);
    expect([shifts.length, shifts[0], shifts[5], shifts.at(-1)]).toEqual([11, -0.1, 0, 0.1]);
    expect(moves.length * shifts.length * 11).toBeLessThanOrEqual(20_000);
  });

  test.each([
    [0.14, 1.2 / 365, 2],
    [0.14, 7 / 365, 5],
    [0.15, 30 / 365, 10],
    [0.6, 1, 20],
    [null, 1, 5],
  ])("reach two standard deviations: volatility %o over %f years", (iv, tau, wanted) => {
    expect(pickReach({ probability_iv: iv, tau_years: tau })).toBe(wanted);
  });

  test("of which all are nothing are shaded with nothing", () => {
    const flat = { ...grid, pnls: grid.pnls.map((each) => each.map((one) => one.map(() => 0))) };
    const { rows } = layOutScenarios(flat, 100, "volatility", 0);
    expect(rows.flatMap((row) => row.cells.map((cell) => cell.heat))).toEqual(Array(9).fill(0));
  });
});
