import { describe, expect, test } from "vitest";

import { DecodeError, type Fields } from "../../src/client/decode.ts";
import { applyChanges } from "../../src/client/document.ts";
import type { Monitor } from "../../src/client/monitor.ts";
import { makeMonitorTopic } from "../../src/client/monitor-topic.ts";
import { writeChain } from "./chains.ts";

function writeMonitor(changes: Fields = {}): Fields {
  return {
    underlying: "NIFTY",
    exchange: "NFO",
    as_of: "2026-11-16T04:00:05Z",
    spot: 24_512.4,
    spot_symbol: "NSE:NIFTY 50",
    rollover: 0.25,
    futures: {
      symbol: ["NFO:NIFTY26NOVFUT", "NFO:NIFTY26DECFUT"],
      expiry: ["2026-11-24", "2026-12-29"],
      price: [24_540, 24_700],
      change: [null, 12],
      volume: [100, 200],
      oi: [300, 100],
      oi_change: [null, null],
      oi_share: [0.75, 0.25],
      basis: [27.6, 187.6],
      carry: [0.06, 0.065],
      spread: [null, 160],
      build_up: [null, "long_build_up"],
      ts: ["2026-11-16T04:00:04Z", null],
    },
    chains: [writeChain()],
    ...changes,
  };
}

describe("a document", () => {
  test("has changed members, changed cells, and what stands in another's stead", () => {
    const state = { spot: 1, deep: { kept: 1, gone: 2 }, list: [1, { a: 1, b: 2 }, 3], word: "x" };
    const changes = { deep: { gone: null }, list: { i: [1, 2], v: [{ b: 5 }, 9] }, word: [1] };
    expect(applyChanges(state, changes)).toEqual({
      spot: 1,
      deep: { kept: 1, gone: null },
      list: [1, { a: 1, b: 5 }, 9],
      word: [1],
    });
    expect(state.list).toEqual([1, { a: 1, b: 2 }, 3]);
    expect(applyChanges(state, { list: [7] })["list"]).toEqual([7]);
  });

  test.each([{ i: [3], v: [1] }, { i: [0], v: [] }, { i: ["0"], v: [1] }, { v: [1] }])(
    "refuses a change of %j in a list of three",
    (change) => {
      expect(() => applyChanges({ list: [1, 2, 3] }, { list: change })).toThrow(DecodeError);
    },
  );
});

describe("a monitor's topic", () => {
  test("tells of the underlying, its futures and chains, and follows their changes", () => {
    const heard: Monitor[] = [];
    const topic = makeMonitorTopic("NFO:NIFTY", {
      onMonitor: (monitor) => heard.push(monitor),
      onRefused: () => undefined,
    });
    expect(topic.name).toBe("monitor:NFO:NIFTY");
    topic.onSnapshot({ rev: 3, state: writeMonitor() });
    topic.onNews({
      type: "delta",
      rev: 4,
      changes: {
        futures: { price: { i: [1], v: [24_701] } },
        chains: { i: [0], v: [{ calls: { iv: { i: [0], v: [0.2] } } }] },
      },
    });
    topic.onNews({ type: "state", rev: 9, state: writeMonitor({ spot: 1 }) });

    expect(heard.map((each) => each.futures[1]?.price)).toEqual([24_700, 24_701, 24_700]);
    expect(heard[0]?.futures[0]).toMatchObject({ change: null, oiShare: 0.75, buildUp: null });
    expect(heard[1]?.chains[0]?.calls.numbers.iv).toEqual([0.2, null, 0.13]);
    expect(heard[2]).toMatchObject({ spot: 1, rollover: 0.25 });
    expect(() => {
      topic.onNews({ type: "delta", rev: 11, changes: {} });
    }).toThrow("change 10 was wanted, found 11");
  });
});
