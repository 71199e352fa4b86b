import { describe, expect, test } from "vitest";

import type { Strategy } from "../../src/client/strategies.ts";
import { decodeBoard, decodeCandle } from "../../src/client/strategy-mark.ts";
import { type Paise, parseRupees } from "../../src/helpers/money.ts";
import {
  makeStrategyForm,
  parseLevel,
  readStrategyForm,
} from "../../src/model/desk/strategy-form.ts";
import { attribute, findDistance } from "../../src/model/desk/strategy-words.ts";

const ROW = {
  name: "Condor",
  as_of: "2026-11-16T05:58:56Z",
  m2m: "-120.50",
  realised: "100.00",
  charges: "20.50",
  peak: "0.00",
  drawdown: "120.50",
  net_delta: 1.5,
  net_gamma: null,
  net_theta: -3,
  net_vega: 2,
  flags: ["stale_mark"],
  sparkline: ["0.00", "-120.50"],
};
const CANDLE = {
  ts: "2026-11-16T05:58:00Z",
  open: "0.00",
  high: "5.00",
  low: "-3.00",
  close: "1.25",
  delta: "2.00",
  gamma: "0.10",
  theta: "-0.30",
  vega: "0.00",
  trades: "0.00",
  residual: "0.45",
  paid: "1.00",
};

describe("the board", () => {
  test("says of each strategy what is unrealised, to the paisa", () => {
    const [row] = decodeBoard({ 12: ROW });
    expect(row).toMatchObject({ id: 12, m2m: -12_050, unrealised: -20_000, isStale: true });
    expect(row?.closes).toEqual([0, -12_050]);
    expect(() => decodeBoard({ 12: { ...ROW, m2m: 1 } })).toThrow("a text in m2m");
  });

  test("says how far it is to a target and to a stop", () => {
    const strategy = { target: "500.00", stop: "-250.00" } as Strategy;
    const now = parseRupees("-120.50");
    expect(findDistance(strategy, "target", now)?.left).toBe(62_050);
    expect(findDistance(strategy, "stop", now)?.left).toBe(12_950);
    expect(findDistance(strategy, "stop", parseRupees("-251.00"))?.left).toBeLessThan(0);
    expect(findDistance({ ...strategy, stop: null }, "stop", now)).toBeNull();
  });
});

describe("the parts of a day", () => {
  test("less what was paid are its change", () => {
    const candles = [decodeCandle(CANDLE), decodeCandle({ ...CANDLE, ts: "2026-11-16T05:59:00Z" })];
    const day = attribute(candles);
    const parts = Object.values(day?.parts ?? {}).reduce<number>((sum, each) => sum + each, 0);
    expect(day?.change).toBe(250 as Paise);
    expect(parts - (day?.paid ?? 0)).toBe(day?.change);
    expect(attribute([])).toBeNull();
  });
});

describe("what is typed of a strategy", () => {
  test("is tags, each once, and levels with the sign that they have", () => {
    const typed = { name: " Condor ", tags: " weekly, nifty,,weekly ", accountId: "" };
    const read = { name: "Condor", tags: ["weekly", "nifty"], account_id: null };
    expect(readStrategyForm(typed)).toEqual(read);
    expect(parseLevel("target", "+5,000")).toBe("5000");
    expect(parseLevel("stop", "2500.50")).toBe("-2500.50");
    expect(parseLevel("stop", "-2500")).toBe("-2500");
    expect(parseLevel("stop", " ")).toBeNull();
  });

  test("is what it was before, until something is typed", () => {
    const kept = { name: "Condor", tags: ["weekly", "nifty"], account_id: 3 };
    expect(readStrategyForm(makeStrategyForm(kept as Strategy))).toEqual(kept);
    expect(makeStrategyForm(null)).toEqual({ name: "", tags: "", accountId: "" });
  });
});
