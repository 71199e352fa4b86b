import type { Nominal } from "../helpers/nominal.ts";
import { DecodeError, type Fields, readFields, readNumber, readText } from "./decode.ts";
import { decodeMarketStatus, type MarketStatus } from "./market.ts";
import type { TopicName } from "./topic.ts";

/** Counts a topic's events. */
export type Seq = Nominal<number, "Seq">;

/** What a topic's numbers count from. It is compared, and nothing else. */
export type Epoch = Nominal<string, "Epoch">;

interface Numbered {
  readonly topic: TopicName;
  readonly epoch: Epoch;
  readonly seq: Seq;
}

/** What a server says on `/ws`; what is said of a topic is for its kind to read. */
export type StreamMessage =
  | { readonly type: "welcome"; readonly version: string }
  | ({ readonly type: "snapshot" | "news"; readonly fields: Fields } & Numbered)
  | ({ readonly type: "resumed" } & Numbered)
  | { readonly type: "unsubscribed"; readonly topic: TopicName; readonly isLost: boolean }
  | { readonly type: "status"; readonly status: MarketStatus }
  | {
      readonly type: "error";
      readonly request: number | null;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: "shutdown"; readonly retryAfterS: number }
  /** Shows that somebody is there: a pong, a heartbeat, and what a later server may say. */
  | { readonly type: "other" };

/** Read one message. Throws a DecodeError when it is not what the protocol says. */
export function decodeStreamMessage(text: string): StreamMessage {
  const fields = readFields(parseJson(text));
  const type = readText(fields, "type");
  switch (type) {
    case "welcome":
      return { type, version: readText(fields, "version") };
    case "snapshot":
      return { type, ...decodeNumbers(fields), fields };
    case "resumed":
      return { type, ...decodeNumbers(fields) };
    case "unsubscribed":
      return {
        type,
        topic: readText(fields, "topic") as TopicName,
        isLost: fields["lost"] === true,
      };
    case "status":
      return { type, status: decodeMarketStatus(fields) };
    case "error":
      return {
        type,
        request: typeof fields["id"] === "number" ? fields["id"] : null,
        code: readText(fields, "code"),
        message: readText(fields, "message"),
      };
    case "shutdown":
      return { type, retryAfterS: readNumber(fields, "retry_after_s") };
    case "bar":
    case "state":
    case "delta":
    case "minute":
    case "order":
    case "alert":
      return { type: "news", ...decodeNumbers(fields), fields };
    default:
      return { type: "other" };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DecodeError(`JSON was wanted: ${String(error)}`);
  }
}

function decodeNumbers(fields: Fields): Numbered {
  return {
    topic: readText(fields, "topic") as TopicName,
    epoch: readText(fields, "epoch") as Epoch,
    seq: readNumber(fields, "seq") as Seq,
  };
}
