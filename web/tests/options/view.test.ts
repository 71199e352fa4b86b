import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { decodeChain } from "../../src/client/chain-decoder.ts";
import type { Expiry, OptionsClient, Underlying } from "../../src/client/options.ts";
import { ProblemError } from "../../src/client/problem.ts";
import type { Topic } from "../../src/client/topic.ts";
import {
  formatInstant,
  type MarketMs,
  MINUTE_MS,
  parseInstant,
} from "../../src/helpers/instant.ts";
import type { CellId } from "../../src/model/options/chain-store.ts";
import { type ChainSink, ChainView } from "../../src/model/options/chain-view.svelte.ts";
import {
  OptionDesk,
  pickExpiry,
  pickUnderlying,
} from "../../src/model/options/option-desk.svelte.ts";
import { Preferences } from "../../src/model/preferences.ts";
import { formatRoute, type OptionRoute, parseRoute } from "../../src/model/route.ts";
import { writeChain } from "./chains.ts";

const NOW = parseInstant("2026-11-16T04:00:10Z");
const LIVE = { underlying: "NFO:NIFTY", expiry: "2026-11-24", asOf: null };

class Server {
  readonly topics: Topic[] = [];
  problem: ProblemError | null = null;
  asked: (MarketMs | null)[] = [];

  listen(topic: Topic): () => void {
    this.topics.push(topic);
    return () => {
      this.topics.splice(this.topics.indexOf(topic), 1);
    };
  }

  loadChain({ asOf }: { asOf: MarketMs | null }): ReturnType<OptionsClient["loadChain"]> {
    this.asked.push(asOf);
    return this.problem === null
      ? Promise.resolve(decodeChain(writeChain({ source: "minute", spot: 7 })))
      : Promise.reject(this.problem);
  }
}

class Drawing implements ChainSink {
  readonly drawn: string[] = [];
  left: CellId[] = [];

  redraw(_: unknown, { keepsView }: { keepsView: boolean }): void {
    this.drawn.push(keepsView ? "all in place" : "all");
  }

  patch(cells: ReadonlySet<CellId>): ReadonlySet<CellId> {
    this.drawn.push(`${cells.size} cells`);
    return new Set(this.left.splice(0));
  }
}

describe("the chain that is looked at", () => {
  let server: Server;
  let drawing: Drawing;
  let frames: (() => void)[];
  let view: ChainView;

  beforeEach(() => {
    vi.useFakeTimers();
    server = new Server();
    drawing = new Drawing();
    frames = [];
    view = new ChainView({
      connection: server,
      client: server,
      schedule: (draw) => frames.push(draw),
      onMinute: () => undefined,
    });
    view.attach(drawing);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const draw = (): void => {
    for (const each of frames.splice(0)) {
      each();
    }
  };
  const change = (rev: number, i: number[], v: number[]): void => {
    server.topics[0]?.onNews({ type: "delta", rev, changes: { puts: { oi: { i, v } } } });
  };

  test("is drawn once, then cell by cell, a picture at a time", () => {
    view.show(LIVE);
    server.topics[0]?.onSnapshot({ rev: 0, state: writeChain() });
    change(1, [0], [50]);
    change(2, [0, 1], [51, 60]);
    expect(frames).toHaveLength(1);
    draw();
    expect(drawing.drawn).toEqual(["all", "2 cells"]);
    expect(view.phase).toBe("ready");
  });

  test("has what there was no time for drawn with the next picture", () => {
    view.show(LIVE);
    server.topics[0]?.onSnapshot({ rev: 0, state: writeChain() });
    drawing.left = [3 as CellId];
    change(1, [0], [50]);
    draw();
    draw();
    draw();
    expect(drawing.drawn).toEqual(["all", "1 cells", "1 cells"]);
  });

  test("keeps its place through a reconnection, and is left for another", () => {
    view.show(LIVE);
    server.topics[0]?.onSnapshot({ rev: 0, state: writeChain() });
    server.topics[0]?.onSnapshot({ rev: 0, state: writeChain({ spot: 2 }) });
    view.show({ ...LIVE, expiry: "2026-12-01" });
    expect(server.topics.map((each) => each.name)).toEqual(["chain:NFO:NIFTY:2026-12-01"]);
    server.topics[0]?.onSnapshot({ rev: 0, state: writeChain({ expiry: "2026-12-01" }) });
    expect(drawing.drawn).toEqual(["all", "all in place", "all"]);
  });

  test("as it was is asked for once, and nothing is listened to", async () => {
    view.show({ ...LIVE, asOf: NOW });
    await vi.waitFor(() => {
      expect(view.phase).toBe("ready");
    });
    expect([server.topics, server.asked]).toEqual([[], [NOW]]);
    expect(view.chain?.moment.spot).toBe(7);
  });

  test("says what went wrong, and tries again where that may help", async () => {
    server.problem = new ProblemError("not-found", "nothing recorded");
    view.show({ ...LIVE, asOf: NOW });
    await vi.waitFor(() => {
      expect(view.problem?.message).toBe("nothing recorded");
    });
    view.show(LIVE);
    server.topics[0]?.onRefused("unavailable", "the store is away");
    expect([view.phase, view.problem?.kind]).toEqual(["problem", "busy"]);
    await vi.advanceTimersByTimeAsync(6_000);
    expect([view.phase, server.asked.length]).toEqual(["loading", 1]);
  });
});

describe("what pages of options have in common", () => {
  const nifty = { underlying: "NIFTY", exchange: "NFO", options: 200, spot_symbol: "NSE:X" };
  const bank = { underlying: "BANKNIFTY", exchange: "NFO", options: 100, spot_symbol: "NSE:Y" };
  const share = { underlying: "INFY", exchange: "NFO", options: 0, spot_symbol: null };
  const underlyings = [share, bank, nifty] as unknown as Underlying[];
  const expiries = [
    { expiry: "2026-11-17", options: 0 },
    { expiry: "2026-11-24", options: 90 },
    { expiry: "2026-12-01", options: 50 },
  ] as unknown as Expiry[];
  const first = parseInstant("2026-11-16T03:45:00Z");
  const route = (changes: Partial<OptionRoute> = {}): OptionRoute => ({
    page: "chain",
    underlying: null,
    expiry: null,
    asOf: null,
    ...changes,
  });

  function makeDesk(): { desk: OptionDesk; asked: string[] } {
    const asked: string[] = [];
    const client = {
      loadUnderlyings: () => Promise.resolve(underlyings),
      loadExpiries: ({ underlying }: { underlying: string }) => {
        asked.push(underlying);
        return Promise.resolve(expiries);
      },
      loadMetrics: (_: unknown, from: MarketMs, until: MarketMs) => {
        asked.push(`${formatInstant(from)} ${formatInstant(until)}`);
        return Promise.resolve([{ ts: first, spot: 1, figures: {} }]);
      },
    } as unknown as OptionsClient;
    const desk = new OptionDesk({
      client,
      rest: { loadSymbol: () => Promise.resolve({ timezone: "Asia/Kolkata" } as never) },
      preferences: new Preferences(null),
      marketNow: () => NOW,
    });
    return { desk, asked };
  }

  test("is found from an address that names nothing: the busiest, the nearest, today", async () => {
    const { desk, asked } = makeDesk();
    await desk.follow(route());
    await desk.follow(route({ page: "smile" }));
    expect(desk.choice).toEqual({ underlying: "NFO:NIFTY", expiry: "2026-11-24", asOf: null });
    expect(asked).toEqual(["NFO:NIFTY", "2026-11-15T18:30:00.000Z 2026-11-16T18:30:00.000Z"]);
    expect(desk.minutes).toEqual([first + MINUTE_MS]);
    expect([desk.findNeighbour(1), desk.findNeighbour(2)]).toEqual(["2026-12-01", null]);
  });

  test("grows by each minute, and begins anew with a day", async () => {
    const { desk } = makeDesk();
    await desk.follow(route());
    desk.addMinute((first + MINUTE_MS) as MarketMs);
    desk.addMinute((first + MINUTE_MS) as MarketMs);
    expect(desk.minutes).toEqual([first + MINUTE_MS, first + 2 * MINUTE_MS]);
    const next = parseInstant("2026-11-17T03:45:00Z");
    desk.addMinute(next);
    expect(desk.minutes).toEqual([next + MINUTE_MS]);
  });

  test("is what is named, where there is such a thing", () => {
    expect(pickUnderlying(underlyings, "BANKNIFTY")).toBe("NFO:BANKNIFTY");
    expect(pickUnderlying(underlyings, "NFO:INFY")).toBe("NFO:NIFTY");
    expect(pickUnderlying([], null)).toBeNull();
    expect(pickExpiry(expiries, "2026-12-01")).toBe("2026-12-01");
    expect(pickExpiry(expiries, "2026-11-17")).toBe("2026-11-24");
    expect(pickExpiry([], null)).toBeNull();
  });

  test("stands in the address", () => {
    const text = "/oi?underlying=NFO%3ANIFTY&expiry=2026-11-24&as_of=2026-11-16T04%3A00%3A10.000Z";
    const parsed = parseRoute(new URL(text, "http://127.0.0.1"));
    expect(parsed).toEqual({ page: "oi", ...LIVE, asOf: NOW });
    expect(formatRoute(parsed)).toBe(text);
    expect(parseRoute(new URL("/chain?expiry=soon&as_of=x", "http://127.0.0.1"))).toEqual(route());
    expect(formatRoute(route())).toBe("/chain");
  });
});
