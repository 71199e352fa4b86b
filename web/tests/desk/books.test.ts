import { describe, expect, test } from "vitest";

import type { Order } from "../../src/client/order.ts";
import { isLiving, OrderBook } from "../../src/model/desk/order-book.ts";

const order = (id: number, revision: number, state: Order["state"]): Order =>
  ({ id, revision, state }) as Order;

describe("an order book", () => {
  test("is not led back by what comes late, or twice", () => {
    const book = new OrderBook();
    expect(book.take(order(1, 1, "pending"))).toBe(true);
    expect(book.take(order(1, 3, "complete"))).toBe(true);
    expect(book.take(order(1, 2, "open"))).toBe(false);
    expect(book.take(order(1, 3, "open"))).toBe(false);
    expect(book.list().map((each) => each.state)).toEqual(["complete"]);
  });

  test("has the newest first, and forgets", () => {
    const book = new OrderBook();
    for (const id of [2, 1, 3]) {
      book.take(order(id, 1, "open"));
    }
    expect(book.list().map((each) => each.id)).toEqual([3, 2, 1]);
    book.clear();
    expect(book.list()).toEqual([]);
  });

  test("says which of them can still become something else", () => {
    const living = (["pending", "trigger_pending", "open", "unknown"] as const).map((state) =>
      isLiving(order(1, 1, state)),
    );
    expect(living).toEqual([true, true, true, true]);
    expect(isLiving(order(1, 1, "rejected"))).toBe(false);
  });
});
