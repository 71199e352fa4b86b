import type { Bar } from "../client/bar.ts";
import type { MarketMs } from "../helpers/instant.ts";

/** What became of the series when a bar came. */
export type Placement = "appended" | "replaced-last" | "amended";

/** The bars of one topic, oldest first, one for each opening time. */
export class BarSeries {
  #bars: Bar[] = [];

  get bars(): readonly Bar[] {
    return this.#bars;
  }

  get first(): Bar | undefined {
    return this.#bars[0];
  }

  get last(): Bar | undefined {
    return this.#bars.at(-1);
  }

  reset(bars: readonly Bar[]): void {
    this.#bars = [...bars];
  }

  /** Put older bars in front; what is there already stays. */
  prepend(older: readonly Bar[]): void {
    const first = this.first;
    const before = first === undefined ? older : older.filter((bar) => bar.ts < first.ts);
    this.#bars = [...before, ...this.#bars];
  }

  /** Put a bar in the place of the one with its `ts`, or where its `ts` belongs. */
  apply(bar: Bar): Placement {
    const last = this.last;
    if (last === undefined || bar.ts > last.ts) {
      this.#bars.push(bar);
      return "appended";
    }
    if (bar.ts === last.ts) {
      this.#bars[this.#bars.length - 1] = bar;
      return "replaced-last";
    }
    const index = this.findIndex(bar.ts);
    const isThere = this.#bars[index]?.ts === bar.ts;
    this.#bars.splice(index, isThere ? 1 : 0, bar);
    return "amended";
  }

  /** The index of the first bar that opens at `ts` or later. */
  findIndex(ts: MarketMs): number {
    let low = 0;
    let high = this.#bars.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const bar = this.#bars[middle];
      if (bar !== undefined && bar.ts < ts) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** The bar that opens at `ts`, with the one before it. */
  find(ts: MarketMs): { bar: Bar; previous: Bar | undefined } | null {
    const index = this.findIndex(ts);
    const bar = this.#bars[index];
    return bar?.ts === ts ? { bar, previous: this.#bars[index - 1] } : null;
  }
}
