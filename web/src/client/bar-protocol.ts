import type { MachineMs, MarketMs } from "../helpers/instant.ts";
import type { Bar, InstrumentSymbol, Timeframe } from "./bar.ts";
import {
  type BarMessage,
  decodeBarMessage,
  type Epoch,
  nameTopic,
  type Seq,
  type TopicName,
} from "./bar-messages.ts";
import { DecodeError } from "./decode.ts";
import type { MarketStatus } from "./market.ts";

const PING_EVERY_MS = 1_000;
/** Two pings without an answer and a little: what is dead has to be seen within three seconds. */
const SILENCE_MS = 2_400;
/** A timer that comes so late was asleep, with the whole page. */
const SLEPT_MS = 1_500;

/** What a socket means for whoever listens. */
export type BarEvent =
  | { readonly type: "welcome"; readonly version: string }
  | {
      readonly type: "snapshot";
      readonly topic: TopicName;
      readonly asOf: MarketMs | null;
      readonly bars: readonly Bar[];
    }
  | {
      readonly type: "bar";
      readonly topic: TopicName;
      readonly asOf: MarketMs | null;
      readonly bar: Bar;
    }
  | { readonly type: "status"; readonly status: MarketStatus }
  | {
      readonly type: "refused";
      readonly topic: TopicName;
      readonly code: string;
      readonly message: string;
    }
  /** The server contradicted its own protocol; the topic is asked for anew. */
  | { readonly type: "fault"; readonly topic: TopicName | null; readonly reason: string }
  | { readonly type: "shutdown"; readonly retryAfterS: number };

interface Topic {
  readonly symbol: InstrumentSymbol;
  readonly timeframe: Timeframe;
  /** The last message that was seen. */
  seen: { readonly epoch: Epoch; seq: Seq } | null;
  /** Asked for, and nothing heard yet: what still comes is of the time before. */
  isAwaited: boolean;
  /** The number of the request it was last asked for by. */
  request: number;
}

/**
 * One end of `/ws/bars` without the socket: texts and times go in, events and texts to send come out.
 * It outlives its sockets, so that a new one goes on where the last one ended.
 */
export class BarProtocol {
  readonly #topics = new Map<TopicName, Topic>();
  #outgoing: string[] = [];
  #requestCount = 0;
  #isOpen = false;
  #heardAt = 0 as MachineMs;
  #pingedAt = 0 as MachineMs;
  #tickedAt = 0 as MachineMs;

  /** Texts to send, each once. */
  takeOutgoing(): readonly string[] {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    return outgoing;
  }

  subscribe(symbol: InstrumentSymbol, timeframe: Timeframe): TopicName {
    const name = nameTopic(symbol, timeframe);
    if (!this.#topics.has(name)) {
      const topic: Topic = { symbol, timeframe, seen: null, isAwaited: true, request: 0 };
      this.#topics.set(name, topic);
      this.#ask(topic);
    }
    return name;
  }

  unsubscribe(name: TopicName): void {
    const topic = this.#topics.get(name);
    if (topic !== undefined) {
      this.#topics.delete(name);
      const { symbol, timeframe } = topic;
      this.#send({ action: "unsubscribe", symbol, timeframe });
    }
  }

  /** A socket is open. */
  open(now: MachineMs): void {
    this.#isOpen = true;
    this.#heardAt = this.#pingedAt = this.#tickedAt = now;
    for (const topic of this.#topics.values()) {
      this.#ask(topic);
    }
  }

  /** The socket is gone. */
  close(): void {
    this.#isOpen = false;
    this.#outgoing = [];
  }

  /** Time has passed. Returns whether the socket is to be given up: nobody is at its other end. */
  tick(now: MachineMs): boolean {
    if (now - this.#tickedAt > SLEPT_MS) {
      this.#heardAt = now; // What was said meanwhile is still to be read.
    }
    this.#tickedAt = now;
    if (now - this.#pingedAt >= PING_EVERY_MS) {
      this.#pingedAt = now;
      this.#send({ action: "ping" });
    }
    return now - this.#heardAt > SILENCE_MS;
  }

  /** Take in what the server said. */
  receive(text: string, now: MachineMs): BarEvent | null {
    this.#heardAt = now;
    let message: BarMessage;
    try {
      message = decodeBarMessage(text);
    } catch (error) {
      if (error instanceof DecodeError || error instanceof RangeError) {
        return { type: "fault", topic: null, reason: error.message };
      }
      throw error;
    }
    switch (message.type) {
      case "welcome":
      case "status":
      case "shutdown":
        return message;
      case "snapshot":
        return this.#applySnapshot(message);
      case "resumed":
        return this.#applyResumed(message);
      case "bar":
        return this.#applyBar(message);
      case "unsubscribed":
        return message.isLost ? this.#askAnew(message.topic, "the server lost the topic") : null;
      case "error":
        return this.#applyError(message);
      case "other":
        return null;
    }
  }

  #applySnapshot(message: BarMessage & { type: "snapshot" }): BarEvent | null {
    const topic = this.#topics.get(message.topic);
    if (topic === undefined) {
      return null;
    }
    topic.seen = { epoch: message.epoch, seq: message.seq };
    topic.isAwaited = false;
    return { type: "snapshot", topic: message.topic, asOf: message.asOf, bars: message.bars };
  }

  #applyResumed(message: BarMessage & { type: "resumed" }): BarEvent | null {
    const topic = this.#topics.get(message.topic);
    if (topic === undefined) {
      return null;
    }
    if (topic.seen?.epoch !== message.epoch) {
      return this.#askAnew(message.topic, "resumed in another epoch");
    }
    topic.isAwaited = false;
    return null;
  }

  #applyBar(message: BarMessage & { type: "bar" }): BarEvent | null {
    const topic = this.#topics.get(message.topic);
    if (topic === undefined || topic.isAwaited || topic.seen === null) {
      return null;
    }
    if (message.epoch !== topic.seen.epoch) {
      return this.#askAnew(message.topic, "a bar of another epoch");
    }
    const wanted = message.bar.isForming ? topic.seen.seq : topic.seen.seq + 1;
    if (message.seq !== wanted) {
      return this.#askAnew(message.topic, `seq ${wanted} was wanted, found ${message.seq}`);
    }
    topic.seen.seq = message.seq;
    return { type: "bar", topic: message.topic, asOf: message.asOf, bar: message.bar };
  }

  #applyError(message: BarMessage & { type: "error" }): BarEvent | null {
    for (const [name, topic] of this.#topics) {
      if (topic.request === message.request) {
        this.#topics.delete(name);
        return { type: "refused", topic: name, code: message.code, message: message.message };
      }
    }
    return null;
  }

  #askAnew(name: TopicName, reason: string): BarEvent | null {
    const topic = this.#topics.get(name);
    if (topic === undefined) {
      return null;
    }
    topic.seen = null;
    this.#ask(topic);
    return { type: "fault", topic: name, reason };
  }

  #ask(topic: Topic): void {
    topic.isAwaited = true;
    topic.request = this.#requestCount += 1;
    const { symbol, timeframe, request, seen } = topic;
    this.#send({ action: "subscribe", symbol, timeframe, id: request, ...seen });
  }

  /** What is said while there is no socket is said by `open`, from what is wanted then. */
  #send(request: object): void {
    if (this.#isOpen) {
      this.#outgoing.push(JSON.stringify(request));
    }
  }
}
