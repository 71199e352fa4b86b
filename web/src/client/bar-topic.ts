import { type MarketMs, parseInstant } from "../helpers/instant.ts";
import type { Bar, InstrumentSymbol, Timeframe } from "./bar.ts";
import { decodeBar } from "./bar-decoder.ts";
import { type Fields, findText, readFields, readList } from "./decode.ts";
import type { Topic, TopicName } from "./topic.ts";

/** Who is told of an instrument's bars. */
export interface BarListener {
  onSnapshot(bars: readonly Bar[], asOf: MarketMs | null): void;
  onBar(bar: Bar, asOf: MarketMs | null): void;
  onRefused(code: string, message: string): void;
}

/** The bars of an instrument in one width: its closed bars are numbered. */
export function makeBarTopic(
  symbol: InstrumentSymbol,
  timeframe: Timeframe,
  listener: BarListener,
): Topic {
  return {
    name: `bars:${symbol}:${timeframe}` as TopicName,
    isEvent(fields) {
      return readFields(fields["bar"])["is_forming"] !== true;
    },
    onSnapshot(fields) {
      const bars = readList(fields["bars"]).map((each) => decodeBar(readFields(each)));
      listener.onSnapshot(bars, findAsOf(fields));
    },
    onNews(fields) {
      listener.onBar(decodeBar(readFields(fields["bar"])), findAsOf(fields));
    },
    onRefused(code, message) {
      listener.onRefused(code, message);
    },
  };
}

function findAsOf(fields: Fields): MarketMs | null {
  const text = findText(fields, "as_of");
  return text === null ? null : parseInstant(text);
}
