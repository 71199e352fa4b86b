import { type Timeframe, TIMEFRAMES } from "../client/bar.ts";

/** What a key can ask of the page, wherever the focus is. */
export type Command =
  | {
      readonly name:
        "search" | "help" | "theme" | "play-pause" | "slower" | "faster" | "table" | "order";
    }
  | { readonly name: "expiry-before" | "expiry-after" }
  | { readonly name: "timeframe"; readonly timeframe: Timeframe };

/** A pressed key, as far as it matters. */
export interface Stroke {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}

/** What has the focus: text takes letters, a button takes the space bar. */
export type FocusKind = "text" | "control" | "none";

const SINGLE_KEYS: Readonly<Record<string, Exclude<Command["name"], "timeframe">>> = {
  "/": "search",
  "?": "help",
  d: "theme",
  t: "table",
  o: "order",
  " ": "play-pause",
  ",": "slower",
  ".": "faster",
  "[": "expiry-before",
  "]": "expiry-after",
};

/** Find what a key means. `allowsSingle` is off where somebody wants no keys without Ctrl. */
export function findCommand(
  stroke: Stroke,
  focus: FocusKind,
  allowsSingle: boolean,
): Command | null {
  if (stroke.altKey) {
    return null;
  }
  if (stroke.ctrlKey || stroke.metaKey) {
    return stroke.key.toLowerCase() === "k" ? { name: "search" } : null;
  }
  if (!allowsSingle || focus === "text" || (focus === "control" && stroke.key === " ")) {
    return null;
  }
  const timeframe = TIMEFRAMES[Number(stroke.key) - 1];
  if (timeframe !== undefined && /^[1-9]$/.test(stroke.key)) {
    return { name: "timeframe", timeframe };
  }
  const name = SINGLE_KEYS[stroke.key];
  return name === undefined ? null : { name };
}

/** All keys with their meaning, for the dialog that tells of them. */
export const SHORTCUTS: readonly {
  readonly title: string;
  readonly keys: readonly (readonly [string, string])[];
}[] = [
  {
    title: "Anywhere",
    keys: [
      ["/ or Ctrl K", "Find an instrument"],
      ["1 to 7", "Timeframe: 1m 3m 5m 15m 30m 1h 1d"],
      ["T", "The newest bars as a table"],
      ["O", "Order what is looked at"],
      ["D", "Theme: system, light, dark"],
      ["?", "This list"],
      ["Esc", "Close what is open"],
    ],
  },
  {
    title: "On the chart",
    keys: [
      ["← →", "Bar by bar"],
      ["Shift ← →", "Ten bars"],
      ["Page Up, Page Down", "A screen back, forward"],
      ["+ −", "Closer, further"],
      ["End", "The newest bar"],
    ],
  },
  {
    title: "On the pages of options",
    keys: [
      ["[ ]", "The expiry before, after"],
      ["↑ ↓ ← →", "From number to number of the chain"],
      ["Page Up, Page Down", "A screen of strikes up, down"],
      ["Home, End", "The money, the last strike"],
    ],
  },
  {
    title: "Replay and simulation",
    keys: [
      ["Space", "Play or pause"],
      [", .", "Slower, faster"],
    ],
  },
];
