import { type Fields, readFields, readText } from "./decode.ts";
import { DocumentReader } from "./document.ts";
import {
  type BoardRow,
  decodeAlert,
  decodeBoard,
  decodeCandle,
  decodeMark,
  type MarkAlert,
  type MarkCandle,
  type StrategyMark,
} from "./strategy-mark.ts";
import type { Topic, TopicName } from "./topic.ts";

interface Listener<State> {
  /** How it is now. */
  onState(state: State): void;
  /** A target or a stop was reached. */
  onAlert(alert: MarkAlert): void;
  onRefused(code: string, message: string): void;
}

/** Who is told of a user's board. */
export type BoardListener = Listener<readonly BoardRow[]>;

/** Who is told of one strategy. */
export interface StrategyListener extends Listener<StrategyMark> {
  /** A minute of the market is over. */
  onCandle(candle: MarkCandle): void;
}

/** All strategies of a user: a state, told as a whole and then by what changes; alerts are events. */
export function makeBoardTopic(userId: number, listener: BoardListener): Topic {
  return makeTopic(`strategies:${userId}`, decodeBoard, listener);
}

/** One strategy, leg by leg: minutes are events, too. */
export function makeStrategyTopic(id: number, listener: StrategyListener): Topic {
  return makeTopic(`strategy:${id}`, decodeMark, listener, (fields) => {
    listener.onCandle(decodeCandle(readFields(fields["candle"])));
  });
}

function makeTopic<State>(
  name: string,
  decode: (state: Fields) => State,
  listener: Listener<State>,
  onMinute: (fields: Fields) => void = () => undefined,
): Topic {
  const document = new DocumentReader();
  return {
    name: name as TopicName,
    isEvent(fields) {
      return fields["type"] === "minute" || fields["type"] === "alert";
    },
    onSnapshot(fields) {
      listener.onState(decode(document.takeWhole(fields)));
    },
    onNews(fields) {
      switch (readText(fields, "type")) {
        case "minute":
          onMinute(fields);
          break;
        case "alert":
          listener.onAlert(decodeAlert(readFields(fields["alert"])));
          break;
        case "state":
          listener.onState(decode(document.takeWhole(fields)));
          break;
        default:
          listener.onState(decode(document.takeChanges(fields)));
      }
    },
    onRefused(code, message) {
      listener.onRefused(code, message);
    },
  };
}
