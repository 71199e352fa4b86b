import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { AccountsClient } from "../../src/client/accounts.ts";
import { OrdersClient } from "../../src/client/orders.ts";
import type { Topic } from "../../src/client/topic.ts";
import { Transport } from "../../src/client/transport.ts";
import { Blotter } from "../../src/model/desk/blotter.svelte.ts";
import { Preferences } from "../../src/model/preferences.ts";
import { refuse } from "../server.ts";
import { writeAccount, writeOrder } from "./orders.ts";

/** What the server has, by method and path; the rest of it is empty. */
let answers: Map<string, readonly [number, unknown]>;
let asked: string[];
let topics: Topic[];

function makeBlotter(): Blotter {
  const transport = new Transport();
  return new Blotter({
    connection: {
      listen(topic) {
        topics.push(topic);
        return () => {
          topics = topics.filter((each) => each !== topic);
        };
      },
    },
    accounts: new AccountsClient(transport),
    orders: new OrdersClient(transport),
    preferences: new Preferences(null),
  });
}

const tell = (order: object, fills: readonly object[] = []): void => {
  topics[0]?.onNews({ type: "order", order, fills });
};
const states = (blotter: Blotter): string[] =>
  blotter.orders.map((each) => `${each.id} ${each.state}`);

beforeEach(() => {
  vi.useFakeTimers();
  topics = [];
  asked = [];
  const accounts = [writeAccount(2, "kite"), writeAccount(3, "paper"), writeAccount(4, "paper")];
  answers = new Map([["GET /api/v1/accounts?limit=1000", [200, { items: accounts }]]]);
  vi.stubGlobal("fetch", (path: string, { method = "GET" }: RequestInit = {}) => {
    asked.push(`${method} ${path}`);
    const [status, body] = answers.get(`${method} ${path}`) ?? [200, { items: [], total: 0 }];
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the blotter", () => {
  test("follows the orders of one account, and none is led back", async () => {
    const blotter = makeBlotter();
    await blotter.open(null);
    expect([blotter.account?.id, topics.map((each) => each.name)]).toEqual([3, ["orders:3"]]);
    expect(blotter.phase).toBe("loading");

    topics[0]?.onSnapshot({ orders: [writeOrder(), writeOrder({ id: 8 })] });
    tell(writeOrder({ revision: 3, state: "complete", filled_quantity: 150 }), [{}]);
    tell(writeOrder({ revision: 2, state: "open" }));

    expect(blotter.phase).toBe("ready");
    expect(states(blotter)).toEqual(["8 open", "7 complete"]);
    await blotter.open(4);
    expect(topics.map((each) => each.name)).toEqual(["orders:4"]);
    expect(blotter.orders).toEqual([]);
    blotter.close();
  });

  test("asks for fills as they come, for what is held as the market goes on, and then no more", async () => {
    const blotter = makeBlotter();
    await blotter.open(3);
    topics[0]?.onSnapshot({ orders: [] });
    await vi.advanceTimersByTimeAsync(0);
    asked = [];

    tell(writeOrder({ revision: 2, state: "complete" }), [{}]);
    await vi.advanceTimersByTimeAsync(2_000);
    const held = ["funds", "positions", "holdings"].map((what) => `GET /api/v1/accounts/3/${what}`);
    expect(asked).toContain("GET /api/v1/accounts/3/trades?limit=200");
    expect(held.map((each) => asked.filter((path) => path === each).length)).toEqual([2, 2, 2]);

    blotter.close();
    asked = [];
    await vi.advanceTimersByTimeAsync(10_000);
    expect([asked, topics]).toEqual([[], []]);
  });

  test("takes all back that still live: one that is done meanwhile keeps none of the others", async () => {
    const blotter = makeBlotter();
    await blotter.open(3);
    topics[0]?.onSnapshot({
      orders: [writeOrder(), writeOrder({ id: 8 }), writeOrder({ id: 9, state: "complete" })],
    });
    answers.set("POST /api/v1/orders/7/cancel", [409, refuse("order 7 is complete")]);
    const cancelled = writeOrder({ id: 8, revision: 2, wish: { kind: "cancel", reason: "demo" } });
    answers.set("POST /api/v1/orders/8/cancel", [200, cancelled]);

    expect(await blotter.cancelAll()).toBe(false);

    expect(blotter.problem).toContain("order 7 is complete");
    expect(blotter.orders.find((each) => each.id === 8)?.wish).toBe("cancel");
    expect(asked.filter((each) => each.endsWith("cancel"))).toHaveLength(2);
    blotter.close();
  });

  test("says when orders are not told, and tries again", async () => {
    const blotter = makeBlotter();
    await blotter.open(3);
    topics[0]?.onRefused("dependency_unavailable", "the store was away");
    expect([blotter.phase, blotter.streamProblem?.message]).toEqual([
      "problem",
      "the store was away",
    ]);
    await vi.advanceTimersByTimeAsync(5_000);
    topics.at(-1)?.onSnapshot({ orders: [] });
    expect([blotter.phase, blotter.streamProblem]).toEqual(["ready", null]);
    blotter.close();
  });
});
