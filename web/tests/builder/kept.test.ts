import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { BuilderOrdersClient } from "../../src/client/builder-orders.ts";
import { Transport } from "../../src/client/transport.ts";
import type { MachineMs } from "../../src/helpers/instant.ts";
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

describe("a strategy that is kept", () => {
  const leg = {
    ...CONTRACT,
    lot_size: 65,
    lots: -1,
    quantity: -65,
    average_price: "44.925",
    net: "10.00",
  };
  const profit = { net: "10.00", legs: [leg, { ...leg, symbol: "NFO:X", quantity: 0 }] };
  let kept: KeptStrategyView;

  beforeEach(() => {
    vi.useFakeTimers();
    kept = new KeptStrategyView(
      new BuilderOrdersClient(new Transport()),
      () => Date.now() as MachineMs,
    );
  });

  afterEach(() => {
    kept.close();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const show = async (told: object): Promise<Asked[]> => {
    const asked = answerWith([200, { id: 7, name: "Condor" }], [200, told], [200, told]);
    kept.show(7);
    await vi.advanceTimersByTimeAsync(0);
    return asked;
  };

  test("is told with what it made, again as the market moves", async () => {
    const asked = await show(profit);
    expect(kept.strategy.value?.name).toBe("Condor");
    expect(kept.profit.answer?.net).toBe("10.00");
    kept.profit.refresh();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked.map((each) => each.path)).toEqual([
      "/api/v1/strategies/7",
      "/api/v1/strategies/7/pnl",
      "/api/v1/strategies/7/pnl",
    ]);
  });

  test("holds what is open, at what it cost", async () => {
    await show(profit);
    expect(kept.held).toEqual([{ ...CONTRACT, quantity: -65, average: "44.925" }]);
    expect(takeHeld(kept.held ?? [])[0]).toMatchObject({
      isSold: true,
      lots: "1",
      price: "44.925",
    });
  });

  test("that nothing came into yet says nothing of what is held", async () => {
    await show({ ...profit, legs: [] });
    expect(kept.held).toBeNull();
    kept.show(null);
    expect([kept.strategy.value, kept.profit.answer]).toEqual([null, null]);
  });
});
