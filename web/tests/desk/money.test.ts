import { describe, expect, test } from "vitest";

import { formatRupees, type Paise, parseRupees } from "../../src/helpers/money.ts";
import { dressAccount } from "../../src/model/desk/dress.ts";
import {
  findDirection,
  formatGain,
  formatMoney,
  showGain,
  showMoney,
} from "../../src/model/desk/money-words.ts";

describe("money", () => {
  test.each([
    ["0.00", 0],
    ["-0.05", -5],
    ["-1234.50", -123_450],
    ["90071992547409.91", 9_007_199_254_740_991],
  ])("%s is read and written exactly", (text, paise) => {
    expect(parseRupees(text)).toBe(paise);
    expect(formatRupees(paise as Paise)).toBe(text);
  });

  test.each(["", "1,234.50", "1e5", "12.345", "NaN", "--1.00", "1.", "90071992547409.92"])(
    "%o is none",
    (text) => {
      expect(() => parseRupees(text)).toThrow(RangeError);
    },
  );

  test("is shown as it is written in India", () => {
    expect(formatMoney(parseRupees("1234567.50"))).toBe("12,34,567.50");
    expect(formatGain(parseRupees("0.05"))).toBe("+0.05");
    expect(formatGain(parseRupees("-100000.00"))).toBe("−1,00,000.00");
    expect([showMoney(null), showGain("0.00")]).toEqual(["—", "0.00"]);
    expect([findDirection(null), findDirection(-1), findDirection(1)]).toEqual([
      "flat",
      "down",
      "up",
    ]);
  });
});

describe("a dress", () => {
  test("of a broker's account is LIVE, whatever is played beside it", () => {
    const labels = (["live", "replay", "simulated", "none", null] as const).map(
      (mode) => dressAccount("kite", mode).label,
    );
    expect(new Set(labels)).toEqual(new Set(["LIVE"]));
  });

  test("of a paper account says PAPER, and whose prices fill its orders", () => {
    expect(dressAccount("paper", "live").label).toBe("PAPER");
    expect(dressAccount("paper", "none").label).toBe("PAPER");
    expect(dressAccount("paper", "replay").label).toBe("PAPER · REPLAY");
    expect(dressAccount("paper", "simulated").label).toBe("PAPER · SIMULATED");
  });
});
