import type { Bar, InstrumentSymbol } from "../../client/bar.ts";
import { makeBarTopic } from "../../client/bar-topic.ts";
import type { MarketMs } from "../../helpers/instant.ts";
import type { TopicSource } from "../chart.svelte.ts";

/** What an instrument was last traded at, as it moves. */
export class LastPrice {
  price: number | null = $state.raw(null);
  /** Exchange time of the newest thing that is known of it. */
  asOf: MarketMs | null = $state.raw(null);
  readonly #connection: TopicSource;
  #leave: (() => void) | null = null;

  constructor(connection: TopicSource) {
    this.#connection = connection;
  }

  follow(symbol: string): void {
    this.close();
    const take = (bar: Bar | undefined, asOf: MarketMs | null): void => {
      this.price = bar?.close ?? null;
      this.asOf = asOf;
    };
    const topic = makeBarTopic(symbol as InstrumentSymbol, "1m", {
      onSnapshot: (bars, asOf) => {
        take(bars.at(-1), asOf);
      },
      onBar: take,
      onRefused: () => {
        take(undefined, null);
      },
    });
    this.#leave = this.#connection.listen(topic);
  }

  close(): void {
    this.#leave?.();
    this.#leave = null;
    this.price = null;
    this.asOf = null;
  }
}
