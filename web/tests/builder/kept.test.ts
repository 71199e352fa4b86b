import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { BuilderOrdersClient } from "../../src/client/builder-orders.ts";
import type { Topic } from "../../src/client/topic.ts";
import { Transport } from "../../src/client/transport.ts";
import type { MachineMs } from "../../src/helpers/instant.ts";
import { RETRY_MS } from "../../src/model/chart.svelte.ts";
import { KeptStrategyView } from "../../src/model/builder/kept-strategy.svelte.ts";
import { takeHeld } from "../../src/model/builder/orders.ts";
import { answerWith, type Asked } from "../server.ts";

const CONTRACT = {
  symbol: "NFO:NIFTY26N1725100CE",
  kind: "call",
  expiry: "2026-11-17",
  strike: 25_100,
  lotSize: 65,
} as const;

const LEG = {
  ...CONTRACT,
  lot_size: 65,
  lots: -1,
  quantity: -65,
  average_price: "44.925",
  realised: "0.00",
  charges: "20.50",
};
const PROFIT = {
  realised: "0.00",
  unrealised: "30.50",
  charges: "20.50",
  net: "10.00",
  legs: [LEG, { ...LEG, symbol: "NFO:X", quantity: 0, realised: "5.00" }],
};
/** What is streamed of the same entries, once the market has moved. */
const MARK = {
  strategy_id: 7,
  as_of: null,
  m2m: "12.50",
  realised: "0.00",
  charges: "20.50",
  peak: "12.50",
  drawdown: "0.00",
  flags: [],
  legs: [
    { symbol: "NFO:X", units: 0, mark: "1", realised: "5.00", charges: "20.50", m2m: "0.00" },
    { ...LEG, units: -65, mark: "44.4", m2m: "12.50" },
  ],
};

describe("a strategy that is kept", () => {
  let topics: Topic[];
  let kept: KeptStrategyView;

  beforeEach(() => {
    vi.useFakeTimers();
    topics = [];
    kept = new KeptStrategyView({
      connection: {
        listen(topic) {
          topics.push(topic);
          return () => {
            topics = topics.filter((each) => each !== topic);
          };
        },
      },
      client: new BuilderOrdersClient(new Transport()),
      clock: () => Date.now() as MachineMs,
    });
  });

  afterEach(() => {
    kept.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const show = async (...told: readonly object[]): Promise<Asked[]> => {
    const asked = answerWith([200, { id: 7, name: "Condor" }], ...told.map(answer));
    kept.show(7);
    await vi.advanceTimersByTimeAsync(0);
    return asked;
  };
  const answer = (told: object): readonly [number, object] => [200, told];
  const stream = (state: object): void => topics[0]?.onSnapshot({ rev: 1, state });

  test("is told with what it makes as that is streamed, and its legs are asked for once", async () => {
    const asked = await show(PROFIT);
    expect(kept.strategy.value?.name).toBe("Condor");
    expect(kept.total?.m2m).toBe(1_000);
    stream(MARK);
    kept.refresh();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(kept.total).toMatchObject({ m2m: 1_250, unrealised: 3_300, charges: 2_050 });
    expect(asked.map((each) => each.path)).toEqual([
      "/api/v1/strategies/7",
      "/api/v1/strategies/7/pnl",
    ]);
  });

  test("has its legs asked for until they are what is streamed: a fill is stored later", async () => {
    const sold = [{ ...LEG, quantity: -130 }];
    const asked = await show(PROFIT, PROFIT, { ...PROFIT, legs: sold });
    stream({ ...MARK, legs: [{ ...MARK.legs[1], units: -130 }] });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(kept.held?.map((each) => each.quantity)).toEqual([-130]);
    expect(asked).toHaveLength(4);
  });

  test("that is not streamed is asked for as the market moves, until it is", async () => {
    const asked = await show(PROFIT, { ...PROFIT, net: "11.00" });
    topics[0]?.onRefused("not_found", "there is none of that number that is marked");
    kept.refresh();
    await vi.advanceTimersByTimeAsync(1_000);
    expect([kept.total?.m2m, asked.length]).toEqual([1_100, 3]);
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(topics.map((each) => each.name)).toEqual(["strategy:7", "strategy:7"]);
    kept.close();
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect([topics.length, asked.length]).toEqual([1, 3]);
  });

  test("holds what is open, at what it cost", async () => {
    await show(PROFIT);
    expect(kept.held).toEqual([{ ...CONTRACT, quantity: -65, average: "44.925" }]);
    expect(takeHeld(kept.held ?? [])[0]).toMatchObject({
      isSold: true,
      lots: "1",
      price: "44.925",
    });
  });

  test("that nothing came into yet says nothing of what is held", async () => {
    await show({ ...PROFIT, legs: [] });
    expect(kept.held).toBeNull();
    kept.show(null);
    expect([kept.strategy.value, kept.total, topics]).toEqual([null, null, []]);
  });
});
