import { beforeEach, expect, test } from "vitest";

import type { Bar, InstrumentSymbol, Price } from "../../src/client/bar.ts";
import { ProblemError } from "../../src/client/problem.ts";
import type { Topic } from "../../src/client/topic.ts";
import type { SymbolInfo } from "../../src/client/udf.ts";
import type { MarketMs } from "../../src/helpers/instant.ts";
import {
  type ChartClient,
  ChartModel,
  type ChartSink,
  type TopicSource,
} from "../../src/model/chart.svelte.ts";
import { makeBar, makeMinutes, writeBar } from "../bars.ts";

const INFO: SymbolInfo = {
  symbol: "NFO:NIFTY26NOVFUT" as InstrumentSymbol,
  name: "NIFTY26NOVFUT",
  description: "NIFTY 23 Nov 2026 FUT",
  exchange: "NFO",
  kind: "futures",
  timezone: "Asia/Kolkata",
  corrections: "",
  decimals: 2,
  hasVolume: true,
  isExpired: false,
};

/** A server that has the bars of one day, from 09:15 to 10:14 in India. */
class Server implements TopicSource, ChartClient {
  readonly stored = makeMinutes("2026-11-16T03:45:00Z", 60);
  readonly topics: Topic[] = [];
  asked: string[] = [];
  problem: ProblemError | null = null;

  listen(topic: Topic): () => void {
    this.asked.push(topic.name);
    this.topics.push(topic);
    return () => {
      this.topics.splice(this.topics.indexOf(topic), 1);
    };
  }

  loadSymbol(): Promise<SymbolInfo> {
    return this.problem === null ? Promise.resolve(INFO) : Promise.reject(this.problem);
  }

  loadSessionRules(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  loadBarsBefore(
    _symbol: InstrumentSymbol,
    _timeframe: string,
    before: MarketMs,
    count: number,
  ): Promise<readonly Bar[]> {
    this.asked.push(`${count} before ${new Date(before).toISOString()}`);
    return this.problem === null
      ? Promise.resolve(this.stored.filter((bar) => bar.ts < before).slice(-count))
      : Promise.reject(this.problem);
  }

  /** Say what the topic's bars are. */
  tell(bars: readonly Bar[]): void {
    this.topics[0]?.onSnapshot({ bars: bars.map(writeBar), as_of: null });
  }

  tellBar(bar: Bar): void {
    this.topics[0]?.onNews({ bar: writeBar(bar), as_of: null });
  }
}

class Drawing implements ChartSink {
  drawn: string[] = [];

  redraw(layout: Parameters<ChartSink["redraw"]>[0], options: { keepsView: boolean }): void {
    this.drawn.push(`all ${layout.points.length}${options.keepsView ? " in place" : ""}`);
  }

  update(points: Parameters<ChartSink["update"]>[0]): void {
    this.drawn.push(`last ${points.length}`);
  }
}

let server: Server;
let drawing: Drawing;
let frames: (() => void)[];
let chart: ChartModel;

function drawFrame(): void {
  frames.splice(0).forEach((draw) => {
    draw();
  });
}

beforeEach(async () => {
  server = new Server();
  drawing = new Drawing();
  frames = [];
  chart = new ChartModel(server, server, (draw) => frames.push(draw));
  chart.attach(drawing);
  await chart.open(INFO.symbol, "1m");
  server.tell(server.stored.slice(-10));
});

test("shows a snapshot at once, and the last bar with the one before", () => {
  expect(drawing.drawn).toEqual(["all 10"]);
  expect(chart).toMatchObject({
    phase: "ready",
    last: { bar: { ts: server.stored[59]?.ts }, previous: { ts: server.stored[58]?.ts } },
  });
});

test("draws once a frame, however many bars came", () => {
  drawing.drawn = [];
  const ts = "2026-11-16T04:45:00Z";
  for (const close of [1, 2, 3]) {
    server.tellBar(makeBar(ts, { close: close as Price, isForming: true }));
  }
  server.tellBar(makeBar("2026-11-16T04:46:00Z"));
  expect(drawing.drawn).toEqual([]);

  drawFrame();

  expect(drawing.drawn).toEqual(["last 2"]);
  expect(chart.last?.previous?.close).toBe(3);
});

test("draws everything anew for a bar that was amended, and leaves the view where it is", () => {
  server.tellBar(makeBar("2026-11-16T04:40:00Z", { status: "revised" }));
  expect(drawing.drawn.at(-1)).toBe("all 10 in place");
});

test("puts older bars in front when somebody scrolls back, until there are none", async () => {
  await chart.loadOlder();
  expect(drawing.drawn.at(-1)).toBe("all 60 in place");
  await chart.loadOlder();
  await chart.loadOlder();
  expect(server.asked.filter((each) => each.includes("before"))).toHaveLength(2);
});

test("says why older bars did not come, and shows those that are there", async () => {
  server.problem = new ProblemError("busy", "the database is away");
  await chart.loadOlder();
  expect(chart).toMatchObject({ phase: "ready", historyProblem: "the database is away" });
});

test("keeps what was scrolled to over a new snapshot, and reads it again", async () => {
  await chart.loadOlder();
  server.asked = [];

  server.tell(server.stored.slice(-5));

  expect(drawing.drawn.at(-1)).toBe("all 60 in place");
  expect(server.asked).toEqual(["55 before 2026-11-16T04:40:00.000Z"]);
});

test("forgets everything for a snapshot of an earlier time: somebody sought backwards", async () => {
  await chart.loadOlder();
  server.tell(server.stored.slice(0, 5));
  expect(drawing.drawn.at(-1)).toBe("all 5");
});

test("is empty for a snapshot without bars, and no longer when one comes", () => {
  server.tell([]);
  expect(chart).toMatchObject({ phase: "empty", last: null });
  server.tellBar(makeBar("2026-11-16T05:00:00Z"));
  drawFrame();
  expect(chart.phase).toBe("ready");
});

test("hears one topic at a time", async () => {
  await chart.open(INFO.symbol, "5m");
  expect(server.topics).toHaveLength(1);
  expect(server.asked.at(-1)).toBe(`bars:${INFO.symbol}:5m`);
});

test("tells of an instrument that is unknown", async () => {
  server.problem = new ProblemError("not-found", "no instrument goes by 'X'");
  await chart.open("X", "1m");
  expect(chart).toMatchObject({ phase: "problem", problem: { kind: "not-found" } });
});
