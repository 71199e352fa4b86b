import type { Nominal } from "../helpers/nominal.ts";
import type { Fields } from "./decode.ts";

/** `bars:NSE:NIFTY 50:1m` */
export type TopicName = Nominal<string, "TopicName">;

/** One topic of a stream, and what is done with what is said of it. */
export interface Topic {
  readonly name: TopicName;
  /** Whether a message has a number of its own, or is a state that carries the last event's. */
  isEvent(fields: Fields): boolean;
  /** Forget what was heard before. Throws a DecodeError when it is not what the kind says. */
  onSnapshot(fields: Fields): void;
  /** Take in what follows the snapshot, in order. Throws a DecodeError. */
  onNews(fields: Fields): void;
  /** The server has no such topic, or not for us; it is listened to no longer. */
  onRefused(code: string, message: string): void;
}
