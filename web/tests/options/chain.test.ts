import { describe, expect, test } from "vitest";

import type { Chain, ChainDelta } from "../../src/client/chain.ts";
import { decodeChain } from "../../src/client/chain-decoder.ts";
import { type ChainListener, makeChainTopic } from "../../src/client/chain-topic.ts";
import { DecodeError } from "../../src/client/decode.ts";
import { formatInstant, type MarketMs, parseInstant } from "../../src/helpers/instant.ts";
import { Zone } from "../../src/helpers/zone.ts";
import { describeCell } from "../../src/model/options/cell-words.ts";
import { ChainStore, packCell, unpackCell } from "../../src/model/options/chain-store.ts";
import { writeChain } from "./chains.ts";

class Listener implements ChainListener {
  readonly chains: Chain[] = [];
  readonly deltas: ChainDelta[] = [];
  readonly minutes: string[] = [];
  onChain(chain: Chain): void {
    this.chains.push(chain);
  }
  onDelta(delta: ChainDelta): void {
    this.deltas.push(delta);
  }
  onMinute(ts: MarketMs): void {
    this.minutes.push(formatInstant(ts));
  }
  onRefused(): void {
    throw new Error("nothing is refused here");
  }
}

describe("a chain's topic", () => {
  test("tells the whole, then what changes, and minutes as events", () => {
    const listener = new Listener();
    const topic = makeChainTopic("NFO:NIFTY", "2026-11-24", listener);
    expect(topic.name).toBe("chain:NFO:NIFTY:2026-11-24");
    topic.onSnapshot({ rev: 7, state: writeChain() });
    topic.onNews({
      type: "delta",
      rev: 8,
      changes: {
        as_of: "2026-11-16T04:00:06Z",
        forward: { value: 24_541 },
        figures: { pcr_oi: 0.91, gex: null },
        calls: { ltp: { i: [2], v: [9.5] }, reason: { i: [1], v: [null] } },
      },
    });
    const minute = { type: "minute", ts: "2026-11-16T04:00:00Z" };
    expect([topic.isEvent(minute), topic.isEvent({ type: "delta" })]).toEqual([true, false]);
    topic.onNews(minute);
    expect(listener.minutes).toEqual(["2026-11-16T04:00:00.000Z"]);

    const [chain] = listener.chains;
    const [delta] = listener.deltas;
    if (chain === undefined || delta === undefined) {
      throw new Error("a chain and a change were wanted");
    }
    const store = new ChainStore(chain);
    const changed = store.apply(delta);
    expect(changed.map(unpackCell)).toEqual([{ row: 2, side: "calls", column: "ltp" }]);
    expect(store.find({ row: 2, side: "calls", column: "ltp" })).toBe(9.5);
    expect(store.calls.reasons[1]).toBeNull();
    expect(store.moment.forward).toEqual({ value: 24_541, source: "future" });
    expect(store.figures).toMatchObject({ pcr_oi: 0.91, atm_iv: 0.1345 });
    expect(formatInstant(store.moment.asOf)).toBe("2026-11-16T04:00:06.000Z");
  });

  test("has no change left out", () => {
    const listener = new Listener();
    const topic = makeChainTopic("NFO:NIFTY", "2026-11-24", listener);
    topic.onSnapshot({ rev: 7, state: writeChain() });
    const change = { type: "delta", rev: 9, changes: { spot: 1 } };
    expect(() => {
      topic.onNews(change);
    }).toThrow("change 8 was wanted, found 9");
    topic.onNews({ type: "state", rev: 8, state: writeChain({ spot: 5 }) });
    topic.onNews(change);
    expect(listener.chains.map((each) => each.moment.spot)).toEqual([24_512.4, 5]);
    expect(listener.deltas).toHaveLength(1);
  });
});

describe("a chain", () => {
  test.each([
    ["a column too short", { calls: { ...(writeChain()["calls"] as object), oi: [1, 2] } }],
    ["a text for a number", { strikes: [1, "2", 3] }],
    ["a source there is not", { source: "dreams" }],
  ])("is not one with %s", (_, changes) => {
    expect(() => decodeChain(writeChain(changes))).toThrow(DecodeError);
  });

  test("has its money where the figures say, else at the forward, else nowhere", () => {
    const figures = { ...(writeChain()["figures"] as object), atm_strike: null };
    const find = (changes: object): number =>
      new ChainStore(decodeChain(writeChain({ ...changes }))).moneyRow;
    expect(find({})).toBe(1);
    expect(find({ figures, forward: { value: 24_590, source: "parity" } })).toBe(2);
    const unknown = { value: null, source: null };
    expect(find({ figures, forward: unknown, spot: 100 })).toBe(0);
    expect(find({ figures, forward: unknown, spot: null })).toBe(-1);
  });

  test("refuses a change outside its rows, and tells of none where nothing changed", () => {
    const store = new ChainStore(decodeChain(writeChain()));
    const nothing = { numbers: {}, reasons: null, traded: null };
    const delta = (rows: number[], values: number[]): ChainDelta => ({
      moment: {},
      forward: {},
      figures: {},
      calls: nothing,
      puts: { ...nothing, numbers: { oi: { rows, values } } },
    });
    expect(() => store.apply(delta([3], [1]))).toThrow(DecodeError);
    expect(store.apply(delta([0, 1], [1, 7]))).toEqual([
      packCell({ row: 1, side: "puts", column: "oi" }),
    ]);
  });

  test("knows whether another has its rows", () => {
    const store = new ChainStore(decodeChain(writeChain()));
    expect(store.hasRowsOf(decodeChain(writeChain({ spot: 1 })))).toBe(true);
    expect(store.hasRowsOf(decodeChain(writeChain({ strikes: [1, 2, 3] })))).toBe(false);
    expect(store.hasRowsOf(decodeChain(writeChain({ expiry: "2026-12-01" })))).toBe(false);
  });
});

describe("each number says what it is, when it was so and how old that is", () => {
  const chain = new ChainStore(decodeChain(writeChain()));
  const now = parseInstant("2026-11-16T04:00:08Z");
  const zone = new Zone("Asia/Kolkata");

  test("of the last trade", () => {
    expect(describeCell(chain, { row: 0, side: "calls", column: "ltp" }, now, zone)).toEqual({
      option: "24,500 CE",
      text: "last traded price 1.00",
      source: "traded 09:30:01 IST",
      age: "7.0 s",
    });
    expect(describeCell(chain, { row: 1, side: "puts", column: "ltp" }, now, zone)).toMatchObject({
      source: "not traded yet",
      age: "—",
    });
  });

  test("of the chain's moment, with the reason where it is unknown", () => {
    expect(describeCell(chain, { row: 0, side: "puts", column: "iv" }, now, zone)).toEqual({
      option: "24,500 PE",
      text: "implied volatility 14.00 %",
      source: "as of 09:30:05 IST",
      age: "3.0 s",
    });
    expect(describeCell(chain, { row: 1, side: "calls", column: "iv" }, now, zone).text).toBe(
      "implied volatility unknown (the premium is below what exercising would pay)",
    );
  });
});
