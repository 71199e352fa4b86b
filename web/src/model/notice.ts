import type { ChartPhase, ChartProblem } from "./chart.svelte.ts";
import type { FeedState } from "./feed.ts";

/** What is said over a chart. */
export interface Notice {
  readonly tone: "calm" | "warn" | "bad";
  /** In the middle of an empty chart, at the top of one with bars. */
  readonly place: "top" | "middle";
  readonly title: string;
  readonly text: string;
}

/** How it stands with what is shown. */
export interface Shown {
  readonly phase: ChartPhase;
  readonly problem: ChartProblem | null;
}

/** What depends on what there is to show. */
export interface NoticeWords {
  readonly unknown: string;
  readonly findAnother: string;
  readonly empty: string;
}

export const CHART_WORDS: NoticeWords = {
  unknown: "Unknown instrument.",
  findAnother: "Press / to find another.",
  empty: "There are no bars of this instrument in this timeframe yet.",
};

export const OPTION_WORDS: NoticeWords = {
  unknown: "Not there.",
  findAnother: "Another underlying, expiry or minute may do.",
  empty: "Nothing is recorded of it yet.",
};

export const BUILDER_WORDS: NoticeWords = {
  unknown: "It cannot be priced.",
  findAnother: "Other legs may do.",
  empty: "There are no legs yet.",
};

/** Why there is no instrument to begin with. */
export type StartProblem = ChartProblem | "no-instruments";

const PROBLEM_TITLES: Readonly<Record<Exclude<ChartProblem["kind"], "not-found">, string>> = {
  away: "No answer.",
  "sign-in": "Sign-in needed.",
  forbidden: "Not allowed.",
  busy: "Not now.",
  refused: "The server refused.",
  fault: "Something went wrong.",
};

/** What can be done about it. */
const PROBLEM_HINTS: Readonly<Record<Exclude<ChartProblem["kind"], "not-found">, string>> = {
  away: "It is tried again by itself.",
  "sign-in": "A sign-in is needed to see prices.",
  forbidden: "This account may not see that.",
  busy: "It is tried again by itself.",
  refused: "Another instrument or timeframe may do.",
  fault: "Loading the page again may help.",
};

/** Choose the one thing to say: what stops everything first, what is merely so last. */
export function describeNotice(
  feed: FeedState,
  shown: Shown,
  start: StartProblem | null,
  words = CHART_WORDS,
): Notice | null {
  const place = shown.phase === "ready" ? "top" : "middle";
  switch (feed.condition) {
    case "denied":
    case "disconnected":
      return { tone: "bad", place, title: `${feed.label}.`, text: feed.detail };
    case "stalled":
      return { tone: "bad", place: "top", title: "Stalled.", text: feed.detail };
    case "connecting":
    case "playing":
    case "paused":
    case "ended":
    case "closed":
    case "no-feed":
      break;
  }
  if (start === "no-instruments") {
    const text = "The server knows none yet. Import a file, or start it with a feed.";
    return { tone: "warn", place: "middle", title: "No instruments.", text };
  }
  const problem = shown.problem ?? start;
  if (problem !== null) {
    const { kind } = problem;
    const title = kind === "not-found" ? words.unknown : PROBLEM_TITLES[kind];
    const hint = kind === "not-found" ? words.findAnother : PROBLEM_HINTS[kind];
    const text = `${hint} The server says: ${problem.message}.`;
    return { tone: "warn", place: "middle", title, text };
  }
  if (shown.phase === "loading") {
    return { tone: "calm", place, title: "Loading", text: "" };
  }
  if (shown.phase === "empty") {
    return { tone: "calm", place, title: "No data.", text: words.empty };
  }
  if (feed.detail !== "" && feed.condition !== "no-feed") {
    return { tone: "warn", place: "top", title: `${feed.label}.`, text: feed.detail };
  }
  return null;
}
