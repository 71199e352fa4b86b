import { describe, expect, test } from "vitest";

import type { InstrumentSymbol } from "../../src/client/bar.ts";
import { type BarEvent, BarProtocol } from "../../src/client/bar-protocol.ts";
import type { MachineMs } from "../../src/helpers/instant.ts";
import { RECORDED } from "../recorded.ts";

const FUTURE = "NFO:NIFTY26NOVFUT" as InstrumentSymbol;
const at = (ms: number): MachineMs => ms as MachineMs;

function takeRequests(protocol: BarProtocol): Record<string, unknown>[] {
  return protocol.takeOutgoing().map((text) => JSON.parse(text) as Record<string, unknown>);
}

function feed(
  protocol: BarProtocol,
  messages: readonly Readonly<Record<string, unknown>>[],
): BarEvent[] {
  return messages
    .map((message) => protocol.receive(JSON.stringify(message), at(0)))
    .filter((event) => event !== null);
}

/** A protocol that has heard all of the live recording. */
function listenLive(): BarProtocol {
  const protocol = new BarProtocol();
  protocol.subscribe(FUTURE, "1m");
  protocol.open(at(0));
  feed(protocol, RECORDED.live);
  protocol.takeOutgoing();
  return protocol;
}

const lastLive = RECORDED.live.findLast((message) => message["type"] === "bar") ?? {};

test("asks for what is wanted when the socket opens, and not before", () => {
  const protocol = new BarProtocol();
  protocol.subscribe(FUTURE, "1m");
  expect(takeRequests(protocol)).toEqual([]);

  protocol.open(at(0));

  expect(takeRequests(protocol)).toEqual([
    { action: "subscribe", symbol: FUTURE, timeframe: "1m", id: 2 },
  ]);
});

test("tells of every message of a recorded session in order", () => {
  const protocol = new BarProtocol();
  protocol.subscribe(FUTURE, "1m");
  protocol.open(at(0));

  const events = feed(protocol, RECORDED.live);

  expect(events.map((event) => event.type)).toEqual(RECORDED.live.map((each) => each["type"]));
  const snapshot = events.find((event) => event.type === "snapshot");
  expect(snapshot?.bars).toHaveLength(3);
  expect(snapshot?.bars[0]).toMatchObject({ source: "stream", isForming: false });
});

test("comes back with the epoch and seq of the last message", () => {
  const protocol = listenLive();
  protocol.close();
  protocol.open(at(0));

  expect(takeRequests(protocol)).toMatchObject([
    { action: "subscribe", epoch: lastLive["epoch"], seq: lastLive["seq"] },
  ]);
});

test("takes what was missed, each number once", () => {
  const protocol = listenLive();
  protocol.close();
  protocol.open(at(0));

  const events = feed(protocol, RECORDED.resumed);

  const bars = events.filter((event) => event.type === "bar");
  expect(bars.filter(({ bar }) => !bar.isForming)).toHaveLength(3);
  expect(events.some((event) => event.type === "fault")).toBe(false);
});

describe("a fault", () => {
  test.each([
    ["a number left out", { seq: Number(lastLive["seq"]) + 2, isForming: false }],
    ["a number twice", { seq: Number(lastLive["seq"]), isForming: false }],
    [
      "a forming bar of a number that has not closed",
      { seq: Number(lastLive["seq"]) + 1, isForming: true },
    ],
  ])("is %s: the topic is asked for anew, from a snapshot", (_, { seq, isForming }) => {
    const protocol = listenLive();
    const bar = { ...(lastLive["bar"] as object), is_forming: isForming };

    const events = feed(protocol, [{ ...lastLive, seq, bar }]);

    expect(events.map((event) => event.type)).toEqual(["fault"]);
    const [request] = takeRequests(protocol);
    expect(request).toMatchObject({ action: "subscribe", symbol: FUTURE });
    expect(request).not.toHaveProperty("epoch");
  });

  test("is a bar of an epoch that no snapshot began", () => {
    const protocol = listenLive();
    expect(feed(protocol, [{ ...lastLive, epoch: "another" }])).toMatchObject([{ type: "fault" }]);
  });

  test("is what is no message", () => {
    const protocol = listenLive();
    for (const text of ["{", "[]", '{"type":"bar"}', '{"type":"snapshot","topic":1}']) {
      expect(protocol.receive(text, at(0))).toMatchObject({ type: "fault", topic: null });
    }
  });

  test("hides what still comes of the time before it", () => {
    const protocol = listenLive();
    feed(protocol, [{ ...lastLive, epoch: "another" }]);
    expect(feed(protocol, [lastLive])).toEqual([]);
  });
});

test("starts over from the snapshot that a seek backwards brings by itself", () => {
  const protocol = new BarProtocol();
  protocol.subscribe(FUTURE, "1m");
  protocol.open(at(0));

  const events = feed(protocol, RECORDED.sought);

  const epochs = new Set(RECORDED.sought.map((each) => each["epoch"]).filter(Boolean));
  expect(epochs.size).toBe(2);
  expect(events.filter((event) => event.type === "snapshot")).toHaveLength(2);
  expect(events.some((event) => event.type === "fault")).toBe(false);
});

test("asks again for a topic that the server lost", () => {
  const protocol = listenLive();
  feed(protocol, [{ type: "unsubscribed", topic: `bars:${FUTURE}:1m`, lost: true }]);
  expect(takeRequests(protocol)).toMatchObject([{ action: "subscribe", symbol: FUTURE }]);
});

test("tells which topic was refused, and asks for it no longer", () => {
  const protocol = new BarProtocol();
  protocol.open(at(0));
  protocol.subscribe(FUTURE, "1m");
  const topic = protocol.subscribe("NSE:NOPE" as InstrumentSymbol, "1m");
  protocol.takeOutgoing();

  expect(feed(protocol, RECORDED.refused)).toMatchObject([
    { type: "refused", topic, code: "unknown_symbol" },
  ]);
  protocol.open(at(0));
  expect(takeRequests(protocol).map((request) => request["symbol"])).toEqual([FUTURE]);
});

test("forgets a topic that is not wanted any more", () => {
  const protocol = listenLive();
  protocol.unsubscribe(`bars:${FUTURE}:1m` as never);
  expect(takeRequests(protocol)).toEqual([
    { action: "unsubscribe", symbol: FUTURE, timeframe: "1m" },
  ]);
  expect(feed(protocol, [...RECORDED.unsubscribed, lastLive])).toEqual([]);
});

test("passes over kinds of messages that it does not know", () => {
  const protocol = listenLive();
  expect(feed(protocol, [{ type: "heartbeat" }, { type: "of tomorrow" }])).toEqual([]);
});

describe("silence", () => {
  test("pings every second", () => {
    const protocol = listenLive();
    for (let ms = 250; ms <= 2_000; ms += 250) {
      protocol.tick(at(ms));
    }
    expect(takeRequests(protocol)).toEqual([{ action: "ping" }, { action: "ping" }]);
  });

  test("is noticed within two and a half seconds", () => {
    const protocol = listenLive();
    const dead = [];
    for (let ms = 250; ms <= 3_000; ms += 250) {
      dead.push(protocol.tick(at(ms)));
    }
    expect(dead.indexOf(true)).toBe(2_500 / 250 - 1);
  });

  test("is broken by an answer", () => {
    const protocol = listenLive();
    for (let ms = 250; ms <= 6_000; ms += 250) {
      expect(protocol.tick(at(ms))).toBe(false);
      protocol.receive(JSON.stringify(RECORDED.pong[0]), at(ms));
    }
  });

  test("is not what a page hears that was asleep", () => {
    const protocol = listenLive();
    expect(protocol.tick(at(250))).toBe(false);
    expect(protocol.tick(at(600_000))).toBe(false);
  });
});
