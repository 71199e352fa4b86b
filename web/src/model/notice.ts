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

interface ChartState {
  readonly phase: ChartPhase;
  readonly problem: ChartProblem | null;
}

/** Why there is no instrument to begin with. */
export type StartProblem = ChartProblem | "no-instruments";

const PROBLEM_TITLES: Readonly<Record<ChartProblem["kind"], string>> = {
  away: "No answer.",
  "sign-in": "Sign-in needed.",
  forbidden: "Not allowed.",
  "not-found": "Unknown instrument.",
  busy: "Not now.",
  refused: "The server refused.",
  fault: "Something went wrong.",
};

/** What can be done about it. */
const PROBLEM_HINTS: Readonly<Record<ChartProblem["kind"], string>> = {
  away: "It is tried again by itself.",
  "sign-in": "A sign-in is needed to see prices.",
  forbidden: "This account may not see that.",
  "not-found": "Press / to find another.",
  busy: "It is tried again by itself.",
  refused: "Another instrument or timeframe may do.",
  fault: "Loading the page again may help.",
};

/** Choose the one thing to say: what stops everything first, what is merely so last. */
export function describeNotice(
  feed: FeedState,
  chart: ChartState,
  start: StartProblem | null,
): Notice | null {
  const place = chart.phase === "ready" ? "top" : "middle";
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
    case "no-feed":
      break;
  }
  if (start === "no-instruments") {
    const text = "The server knows none yet. Import a file, or start it with a feed.";
    return { tone: "warn", place: "middle", title: "No instruments.", text };
  }
  const problem = chart.problem ?? start;
  if (problem !== null) {
    const text = `${PROBLEM_HINTS[problem.kind]} The server says: ${problem.message}.`;
    return { tone: "warn", place: "middle", title: PROBLEM_TITLES[problem.kind], text };
  }
  if (chart.phase === "loading") {
    return { tone: "calm", place, title: "Loading", text: "" };
  }
  if (chart.phase === "empty") {
    const text = "There are no bars of this instrument in this timeframe yet.";
    return { tone: "calm", place, title: "No data.", text };
  }
  if (feed.detail !== "" && feed.condition !== "no-feed") {
    return { tone: "warn", place: "top", title: `${feed.label}.`, text: feed.detail };
  }
  return null;
}
