import { describe, expect, test } from "vitest";

import {
  addLot,
  type Contract,
  findFault,
  type Leg,
  MAX_LEGS,
  nameContract,
  readLots,
  readPrice,
  takeBuilt,
  toInputs,
} from "../../src/model/builder/legs.ts";
import { findWindow } from "../../src/model/builder/strike-window.ts";
import {
  FIRST_FORM,
  groupTemplates,
  makeTemplateInput,
} from "../../src/model/builder/template-form.ts";

const CALL: Contract = {
  symbol: "NFO:NIFTY26N1725100CE",
  kind: "call",
  expiry: "2026-11-17",
  strike: 25_100,
  lotSize: 65,
};

const write = (changes: Partial<Leg> = {}): Leg => ({
  ...CALL,
  isSold: false,
  lots: "1",
  price: "",
  ...changes,
});

describe("a leg", () => {
  test.each([
    ["1", 1],
    [" 12 ", 12],
    ["10000", 10_000],
  ])("of %o lots has %i", (lots, wanted) => {
    expect(readLots({ lots, lotSize: 65 })).toBe(wanted);
  });

  test.each(["", "0", "1.5", "-1", "1e3", "ten", "10001"])("of %o lots is wrong", (lots) => {
    expect(readLots({ lots, lotSize: 65 })).toBeNull();
    expect(findFault(write({ lots }))).toContain("whole lots from 1 to 10,000");
    expect(toInputs([write({ lots })])).toBeNull();
  });

  test("has no more units than the server takes", () => {
    expect(readLots({ lots: "1000", lotSize: 10_000 })).toBe(1_000);
    expect(readLots({ lots: "1001", lotSize: 10_000 })).toBeNull();
  });

  test.each(["1,200", "-1", "abc", "1.23456", "."])("at %o is wrong", (price) => {
    expect(readPrice({ price })).toBeUndefined();
    expect(findFault(write({ price }))).toContain("a price in rupees");
    expect(toInputs([write(), write({ price })])).toBeNull();
  });

  test("is asked for in units, less than 0 sold, at its price or what it costs", () => {
    expect(toInputs([write({ lots: "2", isSold: true }), write({ price: " 44.05 " })])).toEqual([
      { symbol: CALL.symbol, quantity: -130, entry_price: null },
      { symbol: CALL.symbol, quantity: 65, entry_price: 44.05 },
    ]);
    expect(toInputs([])).toBeNull();
  });

  test.each<readonly [Partial<Contract>, string]>([
    [{}, "17 Nov 25,100 CE"],
    [{ kind: "put", strike: 102.5 }, "17 Nov 102.50 PE"],
    [{ kind: "future", strike: null }, "17 Nov future"],
    [{ kind: "index", expiry: null, strike: null, symbol: "NSE:NIFTY 50" }, "NIFTY 50"],
  ])("is named as people name it: %o", (changes, wanted) => {
    expect(nameContract({ ...CALL, ...changes })).toBe(wanted);
  });
});

describe("legs added from the chain", () => {
  const sum = (...sides: readonly boolean[]): readonly Leg[] =>
    sides.reduce<readonly Leg[]>((legs, isSold) => addLot(legs, CALL, isSold), []);

  test("add up lot by lot, and cancel", () => {
    expect(sum(true, true)).toEqual([write({ isSold: true, lots: "2" })]);
    expect(sum(true, false)).toEqual([]);
    expect(sum(true, false, false)).toEqual([write()]);
  });

  test("take the place of what is no number", () => {
    expect(addLot([write({ lots: "x" })], CALL, true)).toEqual([write({ isSold: true })]);
  });

  test("are no more than the server takes", () => {
    const full = Array.from({ length: MAX_LEGS }, (_, place) => write({ symbol: `NFO:X${place}` }));
    expect(addLot(full, CALL, false)).toBe(full);
    expect(addLot(full, { ...CALL, symbol: "NFO:X0" }, false)[0]?.lots).toBe("2");
  });
});

describe("a template", () => {
  const wing = { symbol: "NFO:X", kind: "put", expiry: "2026-11-17", strike: 1, lot_size: 65 };

  test("becomes legs at what they cost", () => {
    const [leg] = takeBuilt([
      {
        ...wing,
        kind: "put",
        lots: -2,
        quantity: -130,
        entry_price: 46.1,
        mark: 46.1,
        reason: null,
        iv: 0.16,
        iv_source: "own",
      },
    ]);
    expect(leg).toMatchObject({ isSold: true, lots: "2", price: "", lotSize: 65 });
  });

  test("is asked for by distance or by delta, never by both", () => {
    const ask = (changes: object): object =>
      makeTemplateInput({ ...FIRST_FORM, ...changes }, "NFO:NIFTY", "2026-11-17");
    expect(ask({ distance: 3 })).toMatchObject({ distance: 3, width: 2, lots: 1 });
    expect(ask({ distance: 3 })).not.toHaveProperty("delta");
    expect(ask({ spacing: "delta", deltaPct: 25 })).toMatchObject({ delta: 0.25 });
    expect(ask({ spacing: "delta" })).not.toHaveProperty("distance");
  });

  test("is found under what it is for, by its title", () => {
    const template = (title: string, outlook: "bullish" | "neutral"): object => ({
      name: title,
      title,
      outlook,
    });
    const groups = groupTemplates([
      template("B", "neutral"),
      template("C", "bullish"),
      template("A", "neutral"),
    ] as unknown as Parameters<typeof groupTemplates>[0]);
    expect(
      groups.map(({ title, templates }) => [title, templates.map((each) => each.name)]),
    ).toEqual([
      ["It stays", ["A", "B"]],
      ["It rises", ["C"]],
    ]);
  });
});

describe("strikes around the money", () => {
  test.each([
    [10, 30, [8, 9, 10, 11, 12]],
    [0, 30, [0, 1, 2, 3, 4]],
    [29, 30, [25, 26, 27, 28, 29]],
    [1, 3, [0, 1, 2]],
    [-1, 9, [2, 3, 4, 5, 6]],
    [-1, 0, []],
  ])("row %i of %i", (money, count, wanted) => {
    expect(findWindow(money, count, 2)).toEqual(wanted);
  });
});
