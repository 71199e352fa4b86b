import { expect, test } from "vitest";

import type { Price } from "../../src/client/bar.ts";
import { parseInstant } from "../../src/helpers/instant.ts";
import { BarSeries } from "../../src/model/bar-series.ts";
import { makeBar, makeMinutes } from "../bars.ts";

const START = "2026-11-16T03:45:00Z";

function makeSeries(count: number): BarSeries {
  const series = new BarSeries();
  series.reset(makeMinutes(START, count));
  return series;
}

test("puts a newer bar behind the last", () => {
  const series = makeSeries(3);
  expect(series.apply(makeBar("2026-11-16T03:48:00Z"))).toBe("appended");
  expect(series.bars).toHaveLength(4);
});

test("puts a newer state in the last one's place", () => {
  const series = makeSeries(3);
  const newer = makeBar("2026-11-16T03:47:00Z", { close: 7 as Price });
  expect(series.apply(newer)).toBe("replaced-last");
  expect(series.last).toBe(newer);
  expect(series.bars).toHaveLength(3);
});

test("puts an amended bar in its own place", () => {
  const series = makeSeries(3);
  const amended = makeBar("2026-11-16T03:46:00Z", { status: "revised" });
  expect(series.apply(amended)).toBe("amended");
  expect(series.bars.map((bar) => bar.status)).toEqual(["complete", "revised", "complete"]);
});

test("puts a bar that was missing between its neighbours", () => {
  const series = new BarSeries();
  series.reset([makeBar("2026-11-16T03:45:00Z"), makeBar("2026-11-16T03:47:00Z")]);
  series.apply(makeBar("2026-11-16T03:46:00Z"));
  expect(series.bars.map((bar) => new Date(bar.ts).getUTCMinutes())).toEqual([45, 46, 47]);
});

test("puts older bars in front, without those that are there", () => {
  const series = makeSeries(3);
  series.prepend(makeMinutes("2026-11-16T03:40:00Z", 7));
  expect(series.bars).toHaveLength(8);
  expect(series.first?.ts).toBe(parseInstant("2026-11-16T03:40:00Z"));
});

test("finds a bar and the one before it", () => {
  const series = makeSeries(3);
  const found = series.find(parseInstant("2026-11-16T03:46:00Z"));
  expect(found?.previous).toBe(series.first);
  expect(series.find(parseInstant(START))?.previous).toBeUndefined();
  expect(series.find(parseInstant("2026-11-16T04:46:00Z"))).toBeNull();
});
