import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { BuilderOrdersClient } from "../../src/client/builder-orders.ts";
import { Transport } from "../../src/client/transport.ts";
import type { MachineMs } from "../../src/helpers/instant.ts";
import type { Leg } from "../../src/model/builder/legs.ts";
import {
  describeOrder,
  type HeldLeg,
  listOrders,
  takeHeld,
  type WantedOrder,
} from "../../src/model/builder/orders.ts";
import { Placing } from "../../src/model/builder/placing.svelte.ts";
import { answerWith, type Asked, refuse } from "../server.ts";

const CONTRACT = {
  symbol: "NFO:NIFTY26N1725100CE",
  kind: "call",
  expiry: "2026-11-17",
  strike: 25_100,
  lotSize: 65,
} as const;

const write = (changes: Partial<Leg> = {}): Leg => ({
  ...CONTRACT,
  isSold: true,
  lots: "2",
  price: "",
  ...changes,
});

const hold = (quantity: number): HeldLeg => ({ ...CONTRACT, quantity, average: "44.925" });

describe("the orders", () => {
  test("of a new strategy are its legs, at the market or at a price", () => {
    const orders = listOrders([write(), write({ symbol: "NFO:X", price: "10.05" })], []) ?? [];
    expect(orders.map(describeOrder)).toEqual([
      "Sell 2 lots 17 Nov 25,100 CE at the market",
      "Sell 2 lots 17 Nov 25,100 CE at 10.05 or better",
    ]);
    expect(orders[0]).toMatchObject({ side: "sell", quantity: 130, price: null });
  });

  test.each<readonly [string, string, number, string | null]>([
    ["what is more", "3", 65, "sell"],
    ["what is less", "1", 65, "buy"],
    ["nothing", "2", 0, null],
  ])("of one that is held are the difference: %s", (_, lots, quantity, side) => {
    const orders = listOrders([write({ lots, price: "44.925" })], [hold(-130)]);
    expect(orders).toEqual(
      side === null ? [] : [expect.objectContaining({ side, quantity, price: null })],
    );
  });

  test("close what is held and no longer wanted", () => {
    expect(listOrders([], [hold(-130)])?.map(describeOrder)).toEqual([
      "Buy 2 lots 17 Nov 25,100 CE at the market",
    ]);
    expect(listOrders([write({ isSold: false, lots: "1" })], [hold(-65)])).toEqual([
      expect.objectContaining({ side: "buy", quantity: 130, lots: 2 }),
    ]);
  });

  test("are unknown while a leg is wrong", () => {
    expect(listOrders([write({ lots: "" })], [])).toBeNull();
    expect(listOrders([write({ price: "x" })], [])).toBeNull();
  });

  test.each([
    ["31.9000", "31.90"],
    ["44.9250", "44.925"],
    ["44.9251", "44.9251"],
    ["100", "100"],
  ])("show what was paid, %s, as %s", (average, wanted) => {
    expect(takeHeld([{ ...hold(65), average }])[0]?.price).toBe(wanted);
  });

  test("make of what is held nothing", () => {
    const held = [hold(-130)];
    expect(listOrders(takeHeld(held), held)).toEqual([]);
  });
});

describe("placing on paper", () => {
  const ORDERS = listOrders([write()], []) ?? [];
  const paper = { id: 3, name: "Paper", broker: "paper" };
  const real = { id: 2, name: "Kite", broker: "kite" };
  const basket = { basket_id: "b", orders: [{ id: 9, state: "pending" }] };
  let placing: Placing;
  let drawn: number;

  beforeEach(() => {
    vi.useFakeTimers();
    drawn = 0;
    placing = new Placing({
      client: new BuilderOrdersClient(new Transport()),
      drawKey: () => `k${(drawn += 1)}`,
      clock: () => Date.now() as MachineMs,
    });
  });

  afterEach(() => {
    placing.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const review = (
    orders: readonly WantedOrder[] = ORDERS,
    strategyId: number | null = null,
  ): Promise<void> => placing.review(orders, strategyId, "Iron condor NIFTY");
  const list = (asked: readonly Asked[]): readonly string[] =>
    asked.map(({ method, path, headers }) =>
      [method, path.replace("/api/v1/", ""), headers.get("idempotency-key") ?? ""].join(" ").trim(),
    );

  test("makes the strategy and places its orders, each under a key of its own, once", async () => {
    const asked = answerWith(
      [200, { items: [real, paper] }],
      [201, { id: 7 }],
      [201, basket],
      [200, { items: [{ id: 9, state: "filled" }] }],
    );
    await review();
    expect(placing.accounts).toEqual([paper]);
    await Promise.all([placing.place(), placing.place()]);
    await placing.place();
    await vi.advanceTimersByTimeAsync(0);

    expect(list(asked)).toEqual([
      "GET accounts?limit=1000",
      "POST strategies k2-strategy",
      "POST orders/basket k2-orders",
      "GET orders?basket_id=b&limit=1000",
    ]);
    expect(asked[1]?.body).toEqual({ name: "Iron condor NIFTY", account_id: 3 });
    expect(asked[2]?.body).toMatchObject({
      account_id: 3,
      strategy_id: 7,
      slice: true,
      legs: [{ symbol: CONTRACT.symbol, side: "sell", type: "market", quantity: 130 }],
    });
    expect(placing.intent.result?.strategyId).toBe(7);
    expect(placing.progress).toEqual([{ id: 9, state: "filled" }]);
  });

  test("tries again with the very same keys and bodies where nobody answered", async () => {
    const asked = answerWith(
      [200, { items: [paper] }],
      [201, { id: 7 }],
      [503, refuse("not now")],
      [201, { id: 7 }],
      [201, basket],
      [200, { items: [] }],
    );
    await review();
    await placing.place();
    expect([placing.intent.phase, placing.isUnsettled]).toEqual(["unclear", true]);
    // What is not settled cannot be changed for something else.
    await review([]);
    expect(placing.orders).toBe(ORDERS);
    await placing.retry();

    expect(list(asked).slice(1, 5)).toEqual([
      "POST strategies k2-strategy",
      "POST orders/basket k2-orders",
      "POST strategies k2-strategy",
      "POST orders/basket k2-orders",
    ]);
    expect(asked[4]?.body).toEqual(asked[2]?.body);
    expect(placing.intent.phase).toBe("done");
  });

  test("makes no second strategy where its orders were refused", async () => {
    const asked = answerWith(
      [200, { items: [paper] }],
      [201, { id: 7 }],
      [422, refuse("more than the freeze quantity")],
      [201, basket],
      [200, { items: [] }],
    );
    await review();
    await placing.place();
    expect(placing.intent.problem).toContain("freeze quantity");
    await placing.place();

    expect(list(asked).slice(1, 4)).toEqual([
      "POST strategies k2-strategy",
      "POST orders/basket k2-orders",
      "POST orders/basket k3-orders",
    ]);
    expect(asked[3]?.body).toMatchObject({ strategy_id: 7 });
  });

  test("from a strategy that is kept makes none", async () => {
    const asked = answerWith([200, { items: [paper] }], [201, basket], [200, { items: [] }]);
    await review(ORDERS, 12);
    await placing.place();
    expect(list(asked)[1]).toBe("POST orders/basket k2-orders");
    expect(placing.intent.result?.strategyId).toBe(12);
  });

  test("by hand writes a ledger, orders nothing and needs no account", async () => {
    const asked = answerWith([200, { items: [] }], [201, { id: 7 }], [201, { entries: [] }]);
    await review(listOrders([write({ price: "44.05" })], []) ?? []);
    placing.isByHand = true;
    await placing.place();
    expect(list(asked).slice(1)).toEqual([
      "POST strategies k2-strategy",
      "POST strategies/7/entries k2-entries",
    ]);
    expect(asked[1]?.body).toEqual({ name: "Iron condor NIFTY", account_id: null });
    expect(asked[2]?.body).toEqual({
      entries: [
        { symbol: CONTRACT.symbol, quantity: -130, price: "44.05", charges: "0.00", note: "" },
      ],
    });
    expect(placing.intent.result).toEqual({ strategyId: 7, basket: null });
    expect(placing.progress).toEqual([]);
  });

  test("opens an account for whoever has none on paper, once", async () => {
    const asked = answerWith(
      [200, { items: [real] }],
      [503, refuse("not now")],
      [201, paper],
      [200, { items: [real, paper] }],
    );
    await review();
    await placing.place();
    expect([placing.account, placing.isFilledIn, asked.length]).toEqual([null, false, 1]);
    await placing.openAccount();
    await placing.openAccount();
    expect(list(asked).slice(1, 3)).toEqual(["POST accounts k1", "POST accounts k1"]);
    expect(asked[2]?.body).toEqual({ name: "Paper", broker: "paper" });
    expect(placing.account?.id).toBe(3);
  });
});
