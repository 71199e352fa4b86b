import { expect, test } from "vitest";

import { ROW } from "../../src/model/options/chain-columns.ts";
import { moveCursor } from "../../src/model/options/grid-cursor.ts";
import {
  align,
  formatCompact,
  formatExpiry,
  formatIndian,
  pad,
  withPlus,
} from "../../src/model/options/option-format.ts";
import { roundUp } from "../../src/model/options/scales.ts";

test.each([
  [0, 0, "0"],
  [999, 0, "999"],
  [1_000, 0, "1,000"],
  [123_456, 0, "1,23,456"],
  [1_234_567.5, 2, "12,34,567.50"],
  [123_456_789, 0, "12,34,56,789"],
  [-24_500.05, 2, "−24,500.05"],
  [-0.001, 2, "0.00"],
])("writes %d in lakhs and crores as %s", (value, decimals, text) => {
  expect(formatIndian(value, decimals)).toBe(text);
});

test.each([
  [99_999, "99,999"],
  [100_000, "1.000 L"],
  [4_562_300, "45.62 L"],
  [-4_562_300, "−45.62 L"],
  [123_456_789, "12.35 Cr"],
  [2_345_678_900, "234.6 Cr"],
])("writes %d in four digits as %s", (value, text) => {
  expect(formatCompact(value)).toBe(text);
});

test("keeps the room of the longest number in front of a shorter one", () => {
  expect(pad("12.30", "0,000.00")).toBe("\u2007\u2008\u200712.30");
  expect(pad("1,234.05", "0,000.00")).toBe("1,234.05");
  expect(pad("12,345.05", "0,000.00")).toBe("12,345.05");
  expect(align("45.6 L", 8)).toBe("\u2007\u200745.6\u2007L");
});

test("gives a sign to what is above nothing", () => {
  expect([withPlus(1, "1.00"), withPlus(0.001, "0.00"), withPlus(-1, "−1.00")]).toEqual([
    "+1.00",
    "0.00",
    "−1.00",
  ]);
  expect(formatExpiry("2026-11-24")).toBe("24 Nov 2026");
});

test("rounds a scale up to a number that stands for a while", () => {
  expect([0, -1, 1, 1.2, 740, 751, 9_000].map(roundUp)).toEqual([0, 0, 1, 1.5, 750, 1_000, 10_000]);
});

test("has calls on the left, puts on the right as in a mirror, strikes between them", () => {
  const names = ROW.map((each) => each?.[1].name ?? "strike");
  expect(names.toReversed()).toEqual(names);
  expect(ROW.findIndex((each) => each === null)).toBe(12);
  expect(ROW[11]?.[0]).toBe("calls");
  expect(ROW[13]?.[0]).toBe("puts");
});

test("goes about the grid by keys, and not out of it", () => {
  const shape = { rows: 40, places: 25, page: 10, home: 20 };
  const from = { row: 5, place: 24 };
  const go = (key: string): unknown => moveCursor(from, key, shape);
  expect(go("ArrowUp")).toEqual({ row: 4, place: 24 });
  expect(go("ArrowRight")).toEqual(from);
  expect(go("ArrowLeft")).toEqual({ row: 5, place: 23 });
  expect(go("PageUp")).toEqual({ row: 0, place: 24 });
  expect(go("PageDown")).toEqual({ row: 15, place: 24 });
  expect(go("Home")).toEqual({ row: 20, place: 24 });
  expect(go("End")).toEqual({ row: 39, place: 24 });
  expect(go("x")).toBeNull();
  expect(moveCursor(from, "Home", { ...shape, home: -1 })).toEqual(from);
});
