import { expect, test } from "vitest";

import type { Bar, Timeframe } from "../../src/client/bar.ts";
import type { SessionRule } from "../../src/client/rest.ts";
import { Zone } from "../../src/helpers/zone.ts";
import { ChartLayout, isPartlyHeard } from "../../src/model/chart-layout.ts";
import { describeBar } from "../../src/model/legend.ts";
import { SessionHours } from "../../src/model/sessions.ts";
import { makeBar, makeMinutes } from "../bars.ts";

function makeRule(
  venue: string,
  [from, to]: readonly [string, string | null],
  value: SessionRule["value"],
): SessionRule {
  return {
    venue,
    kind: "session",
    valid_from: from,
    valid_to: to,
    value,
    source: "of this test",
    origin: "packaged",
  };
}

const INDIA = new Zone("Asia/Kolkata");
const NFO = new SessionHours(
  INDIA,
  [
    makeRule("NFO", ["2010-10-18", "2026-08-02"], { open: "09:15", close: "15:30" }),
    makeRule("NFO", ["2026-08-03", null], { open: "09:15", close: "15:40" }),
  ],
  "1800-1900:20261108",
);

const CHICAGO = new Zone("America/Chicago");
const CME = new SessionHours(
  CHICAGO,
  [
    makeRule("CME", ["2015-09-21", null], {
      open: "17:00",
      close: "16:00",
      opens_day_before: true,
    }),
  ],
  "",
);

function layOut(bars: readonly Bar[], timeframe: Timeframe = "1m"): ChartLayout {
  return new ChartLayout({ timeframe, zone: INDIA, hours: NFO }, bars);
}

test("is on the exchange's clock", () => {
  const layout = layOut([makeBar("2026-11-16T03:45:00Z")]);
  expect(layout.points[0]?.time).toBe(Date.UTC(2026, 10, 16, 9, 15) / 1_000);
});

test("has no gap where every minute has its bar", () => {
  const layout = layOut(makeMinutes("2026-11-16T03:45:00Z", 385));
  expect(layout).toMatchObject({ gaps: [], breaks: [] });
  expect(layout.points).toHaveLength(385);
});

test("keeps the places of minutes that are missing inside a session", () => {
  const layout = layOut([makeBar("2026-11-16T04:00:00Z"), makeBar("2026-11-16T04:04:00Z")]);
  expect(layout.points.map((point) => point.bar === null)).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
  expect(layout.gaps).toEqual([{ from: 1, to: 3 }]);
  expect(layout.breaks).toEqual([]);
});

test("leaves nothing of the night, and marks where the next session begins", () => {
  const layout = layOut([makeBar("2026-11-16T10:09:00Z"), makeBar("2026-11-17T03:45:00Z")]);
  expect(layout).toMatchObject({ gaps: [], breaks: [1] });
  expect(layout.points).toHaveLength(2);
});

test("marks what is missing at the end of one session and at the beginning of the next", () => {
  const layout = layOut([makeBar("2026-11-16T10:07:00Z"), makeBar("2026-11-17T03:47:00Z")]);
  expect(layout.gaps).toEqual([
    { from: 1, to: 2 },
    { from: 3, to: 4 },
  ]);
  expect(layout.breaks).toEqual([3]);
});

test("closes sessions when they closed then: 15:30 before 2026-08-03", () => {
  const layout = layOut([makeBar("2026-07-30T09:59:00Z"), makeBar("2026-07-31T03:45:00Z")]);
  expect(layout.gaps).toEqual([]);
});

test("has a special session begin when it did", () => {
  const layout = layOut([makeBar("2026-11-06T10:09:00Z"), makeBar("2026-11-08T12:32:00Z")]);
  expect(layout.gaps).toEqual([{ from: 1, to: 2 }]);
});

test("takes the bar at the close for the session's own", () => {
  const bars = [makeBar("2026-11-16T10:09:00Z"), makeBar("2026-11-16T10:10:00Z")];
  const layout = layOut([...bars, makeBar("2026-11-17T03:45:00Z")]);
  expect(layout).toMatchObject({ gaps: [], breaks: [2] });
});

test("cuts hours from the open on, so that the last is short and none is missing", () => {
  const opens = ["03:45", "04:45", "05:45", "06:45", "07:45", "08:45", "09:45"];
  const day = (date: string): Bar[] => opens.map((open) => makeBar(`${date}T${open}:00Z`));
  const layout = layOut([...day("2026-11-16"), ...day("2026-11-17")], "1h");
  expect(layout).toMatchObject({ gaps: [], breaks: [7] });
});

test("has neither gaps nor breaks by the day", () => {
  const layout = layOut([makeBar("2026-11-13T00:00:00Z"), makeBar("2026-11-18T00:00:00Z")], "1d");
  expect(layout).toMatchObject({ gaps: [], breaks: [] });
  expect(layout.points[1]?.time).toBe(Date.UTC(2026, 10, 18) / 1_000);
});

test("keeps a session that goes over midnight in one piece", () => {
  const bars = [makeBar("2026-11-17T05:59:00Z"), makeBar("2026-11-17T06:00:00Z")];
  const layout = new ChartLayout({ timeframe: "1m", zone: CHICAGO, hours: CME }, bars);
  expect(layout).toMatchObject({ gaps: [], breaks: [] });
});

test("breaks at 17:00 where the session opens on the evening before", () => {
  const bars = [makeBar("2026-11-17T21:59:00Z"), makeBar("2026-11-17T23:00:00Z")];
  const layout = new ChartLayout({ timeframe: "1m", zone: CHICAGO, hours: CME }, bars);
  expect(layout).toMatchObject({ gaps: [], breaks: [1] });
});

test("without rules breaks by the day and marks no gap", () => {
  const hours = new SessionHours(INDIA, [], "");
  const bars = [
    makeBar("2026-11-16T04:00:00Z"),
    makeBar("2026-11-16T04:04:00Z"),
    makeBar("2026-11-17T04:00:00Z"),
  ];
  const layout = new ChartLayout({ timeframe: "1m", zone: INDIA, hours }, bars);
  expect(layout).toMatchObject({ gaps: [], breaks: [2] });
});

test("gives the same piece by piece as at once", () => {
  const bars = makeMinutes("2026-11-16T09:55:00Z", 16)
    .filter((_, index) => index % 5 !== 2)
    .concat(makeMinutes("2026-11-17T03:47:00Z", 9));
  const whole = layOut(bars);
  const grown = layOut([]);
  for (const bar of bars) {
    grown.append(bar);
  }
  expect(grown.points).toEqual(whole.points);
  expect(grown.gaps).toEqual(whole.gaps);
  expect(grown.breaks).toEqual(whole.breaks);
});

test("a bar that was not heard whole is told from one that is forming", () => {
  const whole = makeBar("2026-07-01T09:15:00+05:30");
  const deaf: Bar = { ...whole, status: "partial", isForming: false };
  const forming: Bar = { ...whole, status: "partial", isForming: true };
  const { points } = new ChartLayout({ timeframe: "1m", zone: INDIA, hours: NFO }, [deaf]);

  expect(points.map(isPartlyHeard)).toEqual([true]);
  expect(describeBar(deaf, null)).toContain("not all of it was heard");
  expect(describeBar(forming, null)).toMatch(/^forming/);
  expect(describeBar(whole, null)).not.toContain("heard:");
});
