import { type MarketMs, parseInstant } from "../helpers/instant.ts";
import type { Nominal } from "../helpers/nominal.ts";
import type { Bar, InstrumentSymbol, Timeframe } from "./bar.ts";
import { decodeBar } from "./bar-decoder.ts";
import {
  DecodeError,
  type Fields,
  findText,
  readFields,
  readList,
  readNumber,
  readText,
} from "./decode.ts";
import { decodeMarketStatus, type MarketStatus } from "./market.ts";

/** Counts a topic's closed bars. */
export type Seq = Nominal<number, "Seq">;

/** What a topic's numbers count from. It is compared, and nothing else. */
export type Epoch = Nominal<string, "Epoch">;

/** `bars:NSE:NIFTY 50:1m` */
export type TopicName = Nominal<string, "TopicName">;

export function nameTopic(symbol: InstrumentSymbol, timeframe: Timeframe): TopicName {
  return `bars:${symbol}:${timeframe}` as TopicName;
}

interface Numbered {
  readonly topic: TopicName;
  readonly epoch: Epoch;
  readonly seq: Seq;
}

/** What a server says on `/ws/bars`. */
export type BarMessage =
  | { readonly type: "welcome"; readonly version: string }
  | ({
      readonly type: "snapshot";
      readonly asOf: MarketMs | null;
      readonly bars: readonly Bar[];
    } & Numbered)
  | ({ readonly type: "resumed" } & Numbered)
  | ({ readonly type: "bar"; readonly asOf: MarketMs | null; readonly bar: Bar } & Numbered)
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
export function decodeBarMessage(text: string): BarMessage {
  const fields = readFields(parseJson(text));
  const type = readText(fields, "type");
  switch (type) {
    case "welcome":
      return { type, version: readText(fields, "version") };
    case "snapshot":
      return {
        type,
        ...decodeNumbers(fields),
        asOf: findAsOf(fields),
        bars: readList(fields["bars"]).map((each) => decodeBar(readFields(each))),
      };
    case "resumed":
      return { type, ...decodeNumbers(fields) };
    case "bar":
      return {
        type,
        ...decodeNumbers(fields),
        asOf: findAsOf(fields),
        bar: decodeBar(readFields(fields["bar"])),
      };
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

function findAsOf(fields: Fields): MarketMs | null {
  const text = findText(fields, "as_of");
  return text === null ? null : parseInstant(text);
}
