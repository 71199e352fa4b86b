import { describe, expect, test } from "vitest";

import {
  type Contract,
  countUnits,
  describeOrder,
  findFaults,
  listProducts,
  makeForm,
  makeOrder,
  type TicketForm,
} from "../../src/model/desk/ticket-form.ts";

const CALL: Contract = {
  symbol: "NFO:NIFTY25NOV26000CE",
  name: "NIFTY25NOV26000CE",
  kind: "option",
  lotSize: 75,
  tickSize: 0.05,
};
const FORM = makeForm(CALL, "sell", 150);

function fill(changes: Partial<TicketForm>): TicketForm {
  return { ...FORM, ...changes };
}

describe("a ticket", () => {
  test("begins with whole lots, and with how its kind is usually carried", () => {
    expect(FORM).toMatchObject({ side: "sell", lots: "2", product: "nrml", type: "market" });
    expect(makeForm(CALL, "buy", null).lots).toBe("1");
    expect(makeForm(CALL, "buy", 10).lots).toBe("1");
    expect(listProducts("equity")).toEqual(["cnc", "mis"]);
  });

  test.each(["", "0", "-1", "1.5", "1e3", "1,000", "two"])("has no %j lots", (lots) => {
    expect(findFaults(fill({ lots }), CALL)).toHaveProperty("lots");
    expect(countUnits(fill({ lots }), CALL)).toBeNull();
  });

  test.each(["", "0", "-1", "0.03", "101.52", "1e2", "NaN"])("has no price %j", (price) => {
    expect(findFaults(fill({ type: "limit", price }), CALL)).toHaveProperty("price");
    expect(findFaults(fill({ type: "market", price }), CALL)).toEqual({});
  });

  test.each(["0.05", "101.55", " 7 ", "26000.00"])("has a price %j", (price) => {
    expect(findFaults(fill({ type: "limit", price }), CALL)).toEqual({});
  });

  test("of a stop has a trigger, and a limit only where it names one", () => {
    expect(findFaults(fill({ type: "sl" }), CALL)).toEqual({
      price: expect.any(String) as string,
      trigger: expect.any(String) as string,
    });
    expect(findFaults(fill({ type: "sl_m", trigger: "90" }), CALL)).toEqual({});
  });

  test("says what it asks for, and nothing of fields that are not its type's", () => {
    const to = { accountId: 3, strategyId: null };
    const form = fill({ type: "limit", price: " 101.50 ", trigger: "90" });
    expect(makeOrder(form, CALL, to)).toMatchObject({
      account_id: 3,
      quantity: 150,
      price: "101.50",
      trigger_price: null,
    });
    expect(makeOrder(fill({ price: "1" }), CALL, to)).toMatchObject({ price: null });
  });

  test("is put into words", () => {
    expect(describeOrder(fill({ lots: "1" }), CALL)).toBe(
      "Sell 1 lot (75) of NIFTY25NOV26000CE at the market's price",
    );
    expect(describeOrder(fill({ type: "sl", price: "101.5", trigger: "102" }), CALL)).toBe(
      "Sell 2 lots (150) of NIFTY25NOV26000CE at 101.5 or better, once 102 is traded",
    );
    expect(describeOrder(fill({ lots: "1200" }), { ...CALL, lotSize: 1 })).toContain(
      "Sell 1,200 of",
    );
  });
});
