import type { MachineMs } from "../helpers/instant.ts";
import { DecodeError } from "./decode.ts";
import type { MarketStatus } from "./market.ts";
import {
  decodeStreamMessage,
  type Epoch,
  type Seq,
  type StreamMessage,
} from "./stream-messages.ts";
import type { Topic, TopicName } from "./topic.ts";

const PING_EVERY_MS = 1_000;
/** Two pings without an answer and a little: what is dead has to be seen within three seconds. */
const SILENCE_MS = 2_400;
/** A timer that comes so late was asleep, with the whole page. */
const SLEPT_MS = 1_500;

/** What a socket means beside what is said of the topics. */
export type StreamEvent =
  | { readonly type: "welcome"; readonly version: string }
  /** A topic was told of; its listener knows. */
  | { readonly type: "snapshot" | "news" | "refused"; readonly topic: TopicName }
  | { readonly type: "status"; readonly status: MarketStatus }
  /** The server contradicted its own protocol; the topic is asked for anew. */
  | { readonly type: "fault"; readonly topic: TopicName | null; readonly reason: string }
  | { readonly type: "shutdown"; readonly retryAfterS: number };

type NumberedMessage = StreamMessage & { type: "snapshot" | "news" };

interface Subscription {
  readonly name: TopicName;
  /** Whoever listens: all of one kind, told alike. */
  readonly listeners: Set<Topic>;
  /** The last message that was seen. */
  seen: { readonly epoch: Epoch; seq: Seq } | null;
  /** Asked for, and nothing heard yet: what still comes is of the time before. */
  isAwaited: boolean;
  /** The number of the request it was last asked for by. */
  request: number;
}

/**
 * One end of `/ws` without the socket: texts and times go in; texts to send, events, and what listeners are
 * told come out.
 * It outlives its sockets, so that a new one goes on where the last one ended.
 */
export class StreamProtocol {
  readonly #subscriptions = new Map<TopicName, Subscription>();
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

  /** Listen to a topic. Where somebody does already, all of them begin anew with a snapshot. */
  subscribe(topic: Topic): void {
    const { name } = topic;
    const subscription = this.#subscriptions.get(name) ?? {
      name,
      listeners: new Set(),
      seen: null,
      isAwaited: true,
      request: 0,
    };
    subscription.listeners.add(topic);
    subscription.seen = null;
    this.#subscriptions.set(name, subscription);
    this.#ask(subscription);
  }

  /** Whoever else listens to the same is not touched. */
  unsubscribe(topic: Topic): void {
    const listeners = this.#subscriptions.get(topic.name)?.listeners;
    if (listeners?.delete(topic) === true && listeners.size === 0) {
      this.#subscriptions.delete(topic.name);
      this.#send({ action: "unsubscribe", topic: topic.name });
    }
  }

  /** A socket is open. */
  open(now: MachineMs): void {
    this.#isOpen = true;
    this.#heardAt = this.#pingedAt = this.#tickedAt = now;
    for (const subscription of this.#subscriptions.values()) {
      this.#ask(subscription);
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
  receive(text: string, now: MachineMs): StreamEvent | null {
    this.#heardAt = now;
    try {
      return this.#apply(decodeStreamMessage(text));
    } catch (error) {
      if (error instanceof DecodeError || error instanceof RangeError) {
        return { type: "fault", topic: null, reason: error.message };
      }
      throw error;
    }
  }

  #apply(message: StreamMessage): StreamEvent | null {
    switch (message.type) {
      case "welcome":
      case "status":
      case "shutdown":
        return message;
      case "snapshot":
        return this.#applySnapshot(message);
      case "resumed":
        return this.#applyResumed(message);
      case "news":
        return this.#applyNews(message);
      case "unsubscribed":
        return message.isLost ? this.#askAnew(message.topic, "the server lost the topic") : null;
      case "error":
        return this.#applyError(message);
      case "other":
        return null;
    }
  }

  #applySnapshot({ topic, epoch, seq, fields }: NumberedMessage): StreamEvent | null {
    const subscription = this.#subscriptions.get(topic);
    if (subscription === undefined) {
      return null;
    }
    subscription.seen = { epoch, seq };
    subscription.isAwaited = false;
    for (const each of subscription.listeners) {
      each.onSnapshot(fields);
    }
    return { type: "snapshot", topic };
  }

  #applyResumed(message: StreamMessage & { type: "resumed" }): StreamEvent | null {
    const subscription = this.#subscriptions.get(message.topic);
    if (subscription === undefined) {
      return null;
    }
    if (subscription.seen?.epoch !== message.epoch) {
      return this.#askAnew(message.topic, "resumed in another epoch");
    }
    subscription.isAwaited = false;
    return null;
  }

  #applyNews({ topic, epoch, seq, fields }: NumberedMessage): StreamEvent | null {
    const subscription = this.#subscriptions.get(topic);
    if (subscription === undefined || subscription.isAwaited || subscription.seen === null) {
      return null;
    }
    const { seen, listeners } = subscription;
    if (epoch !== seen.epoch) {
      return this.#askAnew(topic, "news of another epoch");
    }
    const [first] = listeners;
    const wanted = first?.isEvent(fields) === true ? seen.seq + 1 : seen.seq;
    if (seq !== wanted) {
      return this.#askAnew(topic, `seq ${wanted} was wanted, found ${seq}`);
    }
    seen.seq = seq;
    for (const each of listeners) {
      each.onNews(fields);
    }
    return { type: "news", topic };
  }

  #applyError({ request, code, message }: StreamMessage & { type: "error" }): StreamEvent | null {
    for (const [name, subscription] of this.#subscriptions) {
      if (subscription.request === request) {
        this.#subscriptions.delete(name);
        for (const each of subscription.listeners) {
          each.onRefused(code, message);
        }
        return { type: "refused", topic: name };
      }
    }
    return null;
  }

  #askAnew(name: TopicName, reason: string): StreamEvent | null {
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined) {
      return null;
    }
    subscription.seen = null;
    this.#ask(subscription);
    return { type: "fault", topic: name, reason };
  }

  #ask(subscription: Subscription): void {
    subscription.isAwaited = true;
    subscription.request = this.#requestCount += 1;
    const { name, request, seen } = subscription;
    this.#send({ action: "subscribe", topic: name, id: request, ...seen });
  }

  /** What is said while there is no socket is said by `open`, from what is wanted then. */
  #send(request: object): void {
    if (this.#isOpen) {
      this.#outgoing.push(JSON.stringify(request));
    }
  }
}
