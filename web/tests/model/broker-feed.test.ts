import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { BrokerFeedClient, type Job } from "../../src/client/broker-feed.ts";
import { Transport } from "../../src/client/transport.ts";
import {
  BrokerFeed,
  describeProgress,
  nameReason,
  shareOut,
} from "../../src/model/broker-feed.svelte.ts";
import { formatRoute, parseRoute } from "../../src/model/route.ts";
import { answerWith, refuse } from "../server.ts";

const TOTALS = { wanted: 10, streamed: 5, quoted: 3, end_of_day: 2 };

function cover(total: number): object {
  return { totals: TOTALS, items: [], reasons: [], total, limit: 100, offset: 0 };
}

function makeFeed(): BrokerFeed {
  return new BrokerFeed(new BrokerFeedClient(new Transport()));
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("what is shown", () => {
  test("is asked for again and again while somebody looks, and not afterwards", async () => {
    const asked = answerWith(...Array<readonly [number, object]>(100).fill([200, cover(1)]));
    const feed = makeFeed();

    feed.open();
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.coverage.value?.total).toBe(1);
    await vi.advanceTimersByTimeAsync(5_000);
    feed.close();
    await vi.advanceTimersByTimeAsync(60_000);

    const count = (path: string): number =>
      asked.filter((each) => each.path.split("?")[0] === path).length;
    expect(count("/api/v1/feed")).toBe(6);
    expect(count("/api/v1/gaps")).toBe(2);
    expect(count("/api/v1/jobs")).toBe(2);
    expect(count("/api/v1/feed/coverage")).toBe(2);
    expect(feed.status.value).toBeNull();
  });
});

describe("coverage", () => {
  test("of one underlying begins with its first expiries", async () => {
    const asked = answerWith([200, cover(300)], [200, cover(300)], [200, cover(4)]);
    const feed = makeFeed();
    feed.goTo(100);
    await vi.advanceTimersByTimeAsync(0);

    feed.chooseUnderlying(" NIFTY ");
    await vi.advanceTimersByTimeAsync(0);
    feed.chooseUnderlying("");
    await vi.advanceTimersByTimeAsync(0);

    expect(asked.map((each) => each.path.split("?")[1])).toEqual([
      "offset=100",
      "offset=0&underlying=NIFTY",
      "offset=0",
    ]);
  });

  test("that there is none of says so, and what was there stays when the server is away", async () => {
    answerWith([404, refuse("no broker")], [200, cover(1)], [503, refuse("busy")]);
    const feed = makeFeed();

    feed.goTo(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.coverage.problem?.kind).toBe("not-found");
    feed.goTo(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.coverage.problem).toBeNull();
    feed.goTo(0);
    await vi.advanceTimersByTimeAsync(0);

    expect(feed.coverage.problem?.kind).toBe("busy");
    expect(feed.coverage.value?.total).toBe(1);
  });
});

describe("a bar of coverage", () => {
  test("has a part for whatever there is some of", () => {
    expect(shareOut({ wanted: 4, streamed: 3, quoted: 0, end_of_day: 1 })).toEqual([
      { cover: "streamed", from: 0, size: 0.75 },
      { cover: "end_of_day", from: 0.75, size: 0.25 },
    ]);
    expect(shareOut({ wanted: 0, streamed: 0, quoted: 0, end_of_day: 0 })).toEqual([]);
  });

  test("says why in words, and a reason that it does not know as it is", () => {
    expect([nameReason("window"), nameReason("margin")]).toEqual(["Around the money", "margin"]);
  });
});

test("a job says how far it is, and what of it failed", () => {
  const progress = {
    total: 8,
    done: 3,
    queued: 5,
    running: 0,
    completed: 3,
    failed: 0,
    cancelled: 0,
  };
  const describe = (failed: number): string =>
    describeProgress({ progress: { ...progress, failed } } as Job);

  expect([describe(0), describe(2)]).toEqual(["3 of 8", "3 of 8, 2 failed"]);
});

test("the page of the feed has an address", () => {
  const route = parseRoute(new URL("/feed", "http://127.0.0.1:8081"));

  expect(route).toEqual({ page: "feed" });
  expect(formatRoute(route)).toBe("/feed");
});
