import { describe, expect, test } from "vitest";

import type { Bar, InstrumentSymbol } from "../../src/client/bar.ts";
import { type BarListener, makeBarTopic } from "../../src/client/bar-topic.ts";
import { type StreamEvent, StreamProtocol } from "../../src/client/stream-protocol.ts";
import type { Topic } from "../../src/client/topic.ts";
import type { MachineMs } from "../../src/helpers/instant.ts";
import { RECORDED } from "../recorded.ts";

const FUTURE = "NFO:NIFTY26NOVFUT" as InstrumentSymbol;
const NAME = `bars:${FUTURE}:1m`;
const at = (ms: number): MachineMs => ms as MachineMs;

/** Whoever listens, and what they were told. */
class Listener implements BarListener {
  readonly snapshots: (readonly Bar[])[] = [];
  readonly bars: Bar[] = [];
  readonly refusals: string[] = [];

  onSnapshot(bars: readonly Bar[]): void {
    this.snapshots.push(bars);
  }

  onBar(bar: Bar): void {
    this.bars.push(bar);
  }

  onRefused(code: string): void {
    this.refusals.push(code);
  }

  topic(symbol = FUTURE): Topic {
    return makeBarTopic(symbol, "1m", this);
  }
}

function takeRequests(protocol: StreamProtocol): Record<string, unknown>[] {
  return protocol.takeOutgoing().map((text) => JSON.parse(text) as Record<string, unknown>);
}

function feed(
  protocol: StreamProtocol,
  messages: readonly Readonly<Record<string, unknown>>[],
): StreamEvent[] {
  return messages
    .map((message) => protocol.receive(JSON.stringify(message), at(0)))
    .filter((event) => event !== null);
}

/** A protocol that has heard all of the live recording. */
function listenLive(listener = new Listener()): StreamProtocol {
  const protocol = new StreamProtocol();
  protocol.subscribe(listener.topic());
  protocol.open(at(0));
  feed(protocol, RECORDED.live);
  protocol.takeOutgoing();
  return protocol;
}

const lastLive = RECORDED.live.findLast((message) => message["type"] === "bar") ?? {};

test("asks for what is wanted when the socket opens, and not before", () => {
  const protocol = new StreamProtocol();
  protocol.subscribe(new Listener().topic());
  expect(takeRequests(protocol)).toEqual([]);

  protocol.open(at(0));

  expect(takeRequests(protocol)).toEqual([{ action: "subscribe", topic: NAME, id: 2 }]);
});

test("tells of every message of a recorded session in order", () => {
  const protocol = new StreamProtocol();
  const listener = new Listener();
  protocol.subscribe(listener.topic());
  protocol.open(at(0));

  const events = feed(protocol, RECORDED.live);

  const types = RECORDED.live.map((each) => (each["type"] === "bar" ? "news" : each["type"]));
  expect(events.map((event) => event.type)).toEqual(types);
  expect(listener.snapshots[0]).toHaveLength(3);
  expect(listener.snapshots[0]?.[0]).toMatchObject({ source: "stream", isForming: false });
  expect(listener.bars).toHaveLength(types.filter((type) => type === "news").length);
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
  const listener = new Listener();
  const protocol = listenLive(listener);
  protocol.close();
  protocol.open(at(0));
  listener.bars.length = 0;

  const events = feed(protocol, RECORDED.resumed);

  expect(listener.bars.filter((bar) => !bar.isForming)).toHaveLength(3);
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
    expect(request).toMatchObject({ action: "subscribe", topic: NAME });
    expect(request).not.toHaveProperty("epoch");
  });

  test("is a bar of an epoch that no snapshot began", () => {
    const protocol = listenLive();
    expect(feed(protocol, [{ ...lastLive, epoch: "another" }])).toMatchObject([{ type: "fault" }]);
  });

  test("is what is no message", () => {
    const protocol = listenLive();
    const barless = JSON.stringify({ ...lastLive, bar: 1 });
    for (const text of ["{", "[]", '{"type":"bar"}', '{"type":"snapshot","topic":1}', barless]) {
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
  const protocol = new StreamProtocol();
  protocol.subscribe(new Listener().topic());
  protocol.open(at(0));

  const events = feed(protocol, RECORDED.sought);

  const epochs = new Set(RECORDED.sought.map((each) => each["epoch"]).filter(Boolean));
  expect(epochs.size).toBe(2);
  expect(events.filter((event) => event.type === "snapshot")).toHaveLength(2);
  expect(events.some((event) => event.type === "fault")).toBe(false);
});

test("asks again for a topic that the server lost", () => {
  const protocol = listenLive();
  feed(protocol, [{ type: "unsubscribed", topic: NAME, lost: true }]);
  expect(takeRequests(protocol)).toMatchObject([{ action: "subscribe", topic: NAME }]);
});

test("tells which topic was refused, and asks for it no longer", () => {
  const protocol = new StreamProtocol();
  protocol.open(at(0));
  protocol.subscribe(new Listener().topic());
  const listener = new Listener();
  const topic = listener.topic("NSE:NOPE" as InstrumentSymbol);
  protocol.subscribe(topic);
  protocol.takeOutgoing();

  expect(feed(protocol, RECORDED.refused)).toEqual([{ type: "refused", topic: topic.name }]);
  expect(listener.refusals).toEqual(["unknown_symbol"]);
  protocol.open(at(0));
  expect(takeRequests(protocol).map((request) => request["topic"])).toEqual([NAME]);
});

test("forgets a topic that is not wanted any more", () => {
  const protocol = new StreamProtocol();
  const topic = new Listener().topic();
  protocol.subscribe(topic);
  protocol.open(at(0));
  feed(protocol, RECORDED.live);
  protocol.takeOutgoing();
  protocol.unsubscribe(new Listener().topic());
  expect(takeRequests(protocol)).toEqual([]);
  protocol.unsubscribe(topic);
  expect(takeRequests(protocol)).toEqual([{ action: "unsubscribe", topic: NAME }]);
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

describe("two listeners to one topic", () => {
  test("are told alike, the first one anew, and the topic is left with the last of them", () => {
    const [first, second] = [new Listener(), new Listener()];
    const [one, other] = [first.topic(), second.topic()];
    const protocol = new StreamProtocol();
    protocol.subscribe(one);
    protocol.open(at(0));
    feed(protocol, RECORDED.live);
    protocol.takeOutgoing();
    const heard = first.bars.length;

    protocol.subscribe(other);
    const asked = takeRequests(protocol);
    expect(asked).toMatchObject([{ action: "subscribe", topic: NAME }]);
    expect(asked[0]).not.toHaveProperty("seq");
    feed(protocol, RECORDED.live);

    expect([first.snapshots.length, second.snapshots.length]).toEqual([2, 1]);
    expect(first.bars.length - heard).toBe(second.bars.length);
    expect(second.bars.length).toBeGreaterThan(0);
    protocol.unsubscribe(one);
    expect(takeRequests(protocol)).toEqual([]);
    protocol.unsubscribe(other);
    expect(takeRequests(protocol)).toEqual([{ action: "unsubscribe", topic: NAME }]);
  });
});
