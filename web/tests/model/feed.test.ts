import { describe, expect, test } from "vitest";

import type { MarketStatus } from "../../src/client/market.ts";
import { type MachineMs, parseInstant } from "../../src/helpers/instant.ts";
import { describeFeed, type LinkNews } from "../../src/model/feed.ts";
import { computeMarketNow } from "../../src/model/market-clock.ts";
import { describeNotice } from "../../src/model/notice.ts";

const at = (ms: number): MachineMs => ms as MachineMs;
const NOW = parseInstant("2026-11-16T05:00:00Z");

const STATUS: MarketStatus = {
  mode: "simulated",
  state: "playing",
  description: null,
  now: NOW,
  asOf: NOW,
  heardS: 0.1,
  speed: 60,
  span: null,
};

const ready = { phase: "ready", problem: null } as const;

function makeNews(changes: Partial<MarketStatus> = {}, news: Partial<LinkNews> = {}): LinkNews {
  return {
    link: { name: "open" },
    heard: { status: { ...STATUS, ...changes }, at: at(0) },
    newsAt: at(0),
    access: "granted",
    ...news,
  };
}

describe("the badge", () => {
  test.each([
    ["live", "LIVE"],
    ["paper", "PAPER"],
    ["replay", "REPLAY"],
    ["simulated", "SIMULATED"],
    ["none", "NO FEED"],
  ] as const)("of %s says %s", (mode, label) => {
    expect(describeFeed(makeNews({ mode }), at(0)).modeLabel).toBe(label);
  });

  test("is not made up before the server has said", () => {
    const news = makeNews({}, { heard: null, link: { name: "opening" } });
    expect(describeFeed(news, at(0))).toMatchObject({ mode: null, condition: "connecting" });
  });
});

describe("the condition", () => {
  test.each(["playing", "paused", "ended", "stalled"] as const)(
    "is %s when the server says so",
    (state) => {
      expect(describeFeed(makeNews({ state }), at(0)).condition).toBe(state);
    },
  );

  test("is stalled when nothing is heard any more, within three seconds", () => {
    expect(describeFeed(makeNews(), at(2_400)).condition).toBe("playing");
    expect(describeFeed(makeNews(), at(2_600)).condition).toBe("stalled");
  });

  test("goes by bars too: a busy server may be late with its status", () => {
    expect(describeFeed(makeNews({}, { newsAt: at(2_000) }), at(2_600)).condition).toBe("playing");
  });

  test("is disconnected while there is no socket, whatever was heard last", () => {
    const lost = { name: "lost", since: at(0), retryAt: at(1) } as const;
    expect(describeFeed(makeNews({}, { link: lost }), at(1)).condition).toBe("disconnected");
    const opening = { name: "opening" } as const;
    expect(describeFeed(makeNews({}, { link: opening }), at(1)).condition).toBe("disconnected");
  });

  test.each(["sign-in", "forbidden"] as const)("is denied when access is %s", (access) => {
    expect(describeFeed(makeNews({}, { access }), at(0)).condition).toBe("denied");
  });
});

describe("the market's clock", () => {
  const tell = (changes: Partial<MarketStatus>, ms: number): number =>
    computeMarketNow({ status: { ...STATUS, ...changes }, at: at(0) }, at(ms)) - NOW;

  test("goes on by the speed", () => {
    expect(tell({}, 500)).toBe(30_000);
    expect(tell({ mode: "live", speed: null }, 500)).toBe(500);
  });

  test("stands while paused, and where there is no pace", () => {
    expect(tell({ state: "paused" }, 500)).toBe(0);
    expect(tell({ speed: null }, 500)).toBe(0);
  });

  test("stands at the end of a recording, wherever the server's is", () => {
    expect(tell({ state: "ended", now: parseInstant("2027-01-01T00:00:00Z") }, 500)).toBe(0);
  });

  test("is not believed for long", () => {
    expect(tell({ speed: 1 }, 60_000)).toBe(2_000);
  });
});

describe("the notice", () => {
  test("is none while all is well", () => {
    expect(describeNotice(describeFeed(makeNews(), at(0)), ready, null)).toBeNull();
  });

  test("says that a sign-in is needed before anything else", () => {
    const feed = describeFeed(makeNews({}, { access: "sign-in" }), at(0));
    const chart = { phase: "problem", problem: { kind: "sign-in", message: "" } } as const;
    expect(describeNotice(feed, chart, null)?.text).toContain("sign-in is needed");
  });

  test("names an unknown instrument by the server's words", () => {
    const message = "no instrument goes by 'X'";
    const chart = { phase: "problem", problem: { kind: "not-found", message } } as const;
    const notice = describeNotice(describeFeed(makeNews(), at(0)), chart, null);
    expect(notice?.title).toBe("Unknown instrument.");
    expect(notice?.text).toContain(message);
  });

  test("says what to do where the server has no instruments", () => {
    const chart = { phase: "loading", problem: null } as const;
    const notice = describeNotice(describeFeed(makeNews(), at(0)), chart, "no-instruments");
    expect(notice?.title).toBe("No instruments.");
  });

  test("says that a chart is empty rather than show nothing", () => {
    const notice = describeNotice(
      describeFeed(makeNews(), at(0)),
      { phase: "empty", problem: null },
      null,
    );
    expect(notice?.title).toBe("No data.");
  });

  test.each(["paused", "ended", "stalled"] as const)("stands over the chart when %s", (state) => {
    const feed = describeFeed(makeNews({ state }), at(0));
    expect(describeNotice(feed, ready, null)).toMatchObject({ place: "top" });
  });
});
