import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { ProblemError } from "../../src/client/problem.ts";
import type { MachineMs } from "../../src/helpers/instant.ts";
import { Refresher } from "../../src/model/builder/refresher.svelte.ts";

interface Question {
  readonly about: string;
}

interface Waiting {
  readonly question: Question;
  readonly answer: (text: string) => void;
  readonly fail: (error: Error) => void;
}

const ONE = { about: "one" };
const OTHER = { about: "other" };

describe("an answer that is kept up to date", () => {
  let asked: Waiting[];
  let refresher: Refresher<Question, string>;

  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    refresher = new Refresher<Question, string>({
      ask: (question) =>
        new Promise((answer, fail) => {
          asked.push({ question, answer, fail });
        }),
      clock: () => Date.now() as MachineMs,
      changeGapMs: 200,
      moveGapMs: 1_000,
    });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const pass = async (ms: number): Promise<void> => {
    await vi.advanceTimersByTimeAsync(ms);
  };

  test("is asked for at once, and again as the market moves, no more than once a second", async () => {
    refresher.ask(ONE);
    await pass(0);
    asked[0]?.answer("a");
    await pass(0);
    expect([refresher.answer, refresher.isCurrent, refresher.phase]).toEqual(["a", true, "ready"]);

    for (let moves = 0; moves < 30; moves += 1) {
      refresher.refresh();
      await pass(100);
      asked.at(-1)?.answer(`after ${moves}`);
    }
    expect(asked).toHaveLength(4);
  });

  test("is asked for no faster than five times a second, whatever is typed, and of the last", async () => {
    for (let typed = 0; typed < 20; typed += 1) {
      refresher.ask({ about: `${typed}` });
      await pass(50);
    }
    await pass(200);
    expect(asked.length).toBeLessThanOrEqual(6);
    expect(asked.at(-1)?.question.about).toBe("19");
  });

  test("is that to the last question, whichever comes first", async () => {
    refresher.ask(ONE);
    await pass(0);
    refresher.ask(OTHER);
    await pass(200);
    asked[1]?.answer("to the other");
    asked[0]?.answer("too late");
    await pass(0);
    expect(refresher.answer).toBe("to the other");
  });

  test("to the question before stays until the next has come, and says so", async () => {
    refresher.ask(ONE);
    await pass(0);
    asked[0]?.answer("a");
    await pass(0);
    refresher.ask(OTHER);
    expect([refresher.answer, refresher.isCurrent]).toEqual(["a", false]);
    refresher.ask(null);
    expect([refresher.answer, refresher.phase]).toEqual([null, "empty"]);
    await pass(5_000);
    expect(asked).toHaveLength(1);
  });

  test("to the very same question is not asked for twice", async () => {
    refresher.ask(ONE);
    refresher.ask({ ...ONE });
    await pass(2_000);
    expect(asked).toHaveLength(1);
  });

  test("that moved while it was on its way is asked for once more", async () => {
    refresher.ask(ONE);
    await pass(0);
    refresher.refresh();
    refresher.refresh();
    await pass(3_000);
    expect(asked).toHaveLength(1);
    asked[0]?.answer("a");
    await pass(0);
    expect(asked).toHaveLength(2);
  });

  test("of other legs is forgotten where these cannot be analysed", async () => {
    refresher.ask(ONE);
    await pass(0);
    asked[0]?.answer("a");
    await pass(0);
    refresher.ask(OTHER);
    await pass(200);
    asked[1]?.fail(new ProblemError("refused", "no whole lots"));
    await pass(0);
    expect([refresher.answer, refresher.phase]).toEqual([null, "problem"]);
    expect(refresher.problem?.message).toBe("no whole lots");

    // What was refused may be right once the market has moved.
    refresher.refresh();
    await pass(1_000);
    asked[2]?.answer("b");
    await pass(0);
    expect([refresher.answer, refresher.problem]).toEqual(["b", null]);
  });

  test("stays where nobody answers, who is asked again in five seconds", async () => {
    refresher.ask(ONE);
    await pass(0);
    asked[0]?.answer("a");
    await pass(1_000);
    refresher.refresh();
    await pass(0);
    asked[1]?.fail(new ProblemError("away", "nobody answers"));
    await pass(0);
    expect([refresher.answer, refresher.problem?.kind]).toEqual(["a", "away"]);
    refresher.refresh();
    await pass(4_999);
    expect(asked).toHaveLength(2);
    await pass(1);
    expect(asked).toHaveLength(3);
  });
});
