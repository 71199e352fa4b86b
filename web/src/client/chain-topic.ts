import { type MarketMs, parseInstant } from "../helpers/instant.ts";
import type { Chain, ChainDelta } from "./chain.ts";
import { decodeChain, decodeChainDelta } from "./chain-decoder.ts";
import { type Fields, readFields, readText } from "./decode.ts";
import { checkRev, readRev } from "./document.ts";
import type { Topic, TopicName } from "./topic.ts";

/** Who is told of a chain. */
export interface ChainListener {
  /** The whole chain: at first, and whenever what changed was not all told. */
  onChain(chain: Chain): void;
  onDelta(delta: ChainDelta): void;
  /** A minute of the market, by its opening, is recorded. */
  onMinute(ts: MarketMs): void;
  onRefused(code: string, message: string): void;
}

/** The options of one expiry: a state, told as a whole and then by what changes; minutes are events. */
export function makeChainTopic(underlying: string, expiry: string, listener: ChainListener): Topic {
  // Counts the changes of the state: none may be missing.
  let rev = 0;

  function takeWhole(fields: Fields): void {
    listener.onChain(decodeChain(readFields(fields["state"])));
    rev = readRev(fields);
  }

  return {
    name: `chain:${underlying}:${expiry}` as TopicName,
    isEvent(fields) {
      return fields["type"] === "minute";
    },
    onSnapshot: takeWhole,
    onNews(fields) {
      switch (readText(fields, "type")) {
        case "minute":
          listener.onMinute(parseInstant(readText(fields, "ts")));
          break;
        case "state":
          takeWhole(fields);
          break;
        default: {
          const next = checkRev(rev, fields);
          listener.onDelta(decodeChainDelta(readFields(fields["changes"])));
          rev = next;
        }
      }
    },
    onRefused(code, message) {
      listener.onRefused(code, message);
    },
  };
}
