import { expect, test } from "vitest";

import { computeBackoffMs } from "../../src/helpers/backoff.ts";
import { parseInstant } from "../../src/helpers/instant.ts";
import { type WallMs, Zone } from "../../src/helpers/zone.ts";

const wall = (text: string): WallMs => parseInstant(`${text}Z`) as number as WallMs;

test("reads microseconds and offsets, and nothing else", () => {
  expect(parseInstant("2026-11-16T09:15:00.158602+05:30")).toBe(
    Date.UTC(2026, 10, 16, 3, 45, 0, 158),
  );
  expect(() => parseInstant("soon")).toThrow(RangeError);
});

test.each([
  ["Asia/Kolkata", "2026-11-16T03:45:00Z", "2026-11-16T09:15:00"],
  ["America/Chicago", "2026-03-08T07:59:00Z", "2026-03-08T01:59:00"],
  ["America/Chicago", "2026-03-08T08:00:00Z", "2026-03-08T03:00:00"],
  ["America/Chicago", "2026-11-01T22:00:00Z", "2026-11-01T16:00:00"],
])("shows what the wall in %s shows at %s, and back", (name, instant, shown) => {
  const zone = new Zone(name);
  expect(zone.toWall(parseInstant(instant))).toBe(wall(shown));
  expect(zone.fromWall(wall(shown))).toBe(parseInstant(instant));
});

test("names India's time as India does", () => {
  expect(new Zone("Asia/Kolkata").shortName(parseInstant("2026-11-16T03:45:00Z"))).toBe("IST");
});

test("waits longer each time, up to a cap, and never twice the same", () => {
  const longest = (attempt: number): number => computeBackoffMs(attempt, () => 1);
  const shortest = (attempt: number): number => computeBackoffMs(attempt, () => 0);

  expect([0, 1, 2, 3].map(longest)).toEqual([500, 1_000, 2_000, 4_000]);
  expect(longest(50)).toBe(15_000);
  expect(shortest(50)).toBe(7_500);
});
