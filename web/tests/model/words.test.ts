import { describe, expect, test } from "vitest";

import type { InstrumentSymbol, Price } from "../../src/client/bar.ts";
import { parseInstant } from "../../src/helpers/instant.ts";
import { Zone } from "../../src/helpers/zone.ts";
import {
  formatAge,
  formatClock,
  formatPrice,
  formatQuantity,
  formatSigned,
  formatWall,
} from "../../src/model/format.ts";
import type { Instrument } from "../../src/model/instrument.ts";
import { describeBar, formatBarTime, summarize } from "../../src/model/legend.ts";
import { SessionHours } from "../../src/model/sessions.ts";
import { makeBar } from "../bars.ts";

const INDIA = new Zone("Asia/Kolkata");
const OPEN = parseInstant("2026-11-16T03:45:00Z");

const INSTRUMENT: Instrument = {
  symbol: "NFO:NIFTY26NOVFUT" as InstrumentSymbol,
  name: "NIFTY26NOVFUT",
  description: "NIFTY 23 Nov 2026 FUT",
  exchange: "NFO",
  kind: "futures",
  timezone: "Asia/Kolkata",
  corrections: "",
  decimals: 2,
  hasVolume: true,
  isExpired: false,
  zone: INDIA,
  hours: new SessionHours(INDIA, [], ""),
};

describe("numbers", () => {
  test("have the instrument's decimals and a real minus", () => {
    expect(formatPrice(24_768.4, 2)).toBe("24768.40");
    expect(formatPrice(-0.05, 2)).toBe("−0.05");
  });

  test.each([
    [12.3, "+12.30"],
    [-12.3, "−12.30"],
    [0, "0.00"],
    [-0.001, "0.00"],
  ])("say by how much %d changed: %s", (value, text) => {
    expect(formatSigned(value, 2)).toBe(text);
  });

  test("are a dash when unknown, and not 0", () => {
    expect(formatQuantity(null)).toBe("—");
    expect(formatQuantity(0)).toBe("0");
    expect(formatQuantity(3_163_940)).toBe("3,163,940");
  });
});

describe("times", () => {
  test.each([
    [-5, "0.0 s"],
    [400, "0.4 s"],
    [59_900, "59.9 s"],
    [61_000, "1 min"],
    [3 * 3_600_000, "3 h"],
    [50 * 3_600_000, "2 d"],
  ])("of %d ms are an age of %s", (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });

  test("are the exchange's", () => {
    expect(formatClock(OPEN, INDIA)).toBe("09:15:00");
    expect(formatWall(OPEN, INDIA)).toBe("2026-11-16T09:15:00");
    expect(formatBarTime(OPEN, "1m", INDIA)).toBe("2026-11-16 09:15");
  });

  test("of a daily bar are its trading day, wherever the exchange is", () => {
    const day = parseInstant("2026-11-16T00:00:00Z");
    expect(formatBarTime(day, "1d", new Zone("America/Chicago"))).toBe("2026-11-16");
  });
});

describe("a bar in words", () => {
  test("says its status and where it is from", () => {
    expect(describeBar(makeBar(OPEN, { isForming: true, source: "stream" }), null)).toBe(
      "forming, heard live",
    );
    expect(describeBar(makeBar(OPEN, { status: "revised", source: "broker" }), null)).toBe(
      "revised, from the broker",
    );
  });

  test("says that there is none", () => {
    expect(describeBar(null, { time: 0 as never, ts: OPEN, bar: null })).toContain("no bar");
  });

  test("sums the chart up for those who do not see it", () => {
    const last = { bar: makeBar(OPEN, { close: 101.5 as Price }), previous: undefined };
    const words = summarize(INSTRUMENT, "1m", last);
    expect(words).toContain("NIFTY 23 Nov 2026 FUT, NFO, bars of 1m.");
    expect(words).toContain("close 101.50");
    expect(summarize(null, "1m", null)).toBe("No instrument is chosen.");
  });
});
