import type { MarketMode } from "../client/market.ts";
import type { LinkState } from "../client/stream-socket.ts";
import type { MachineMs } from "../helpers/instant.ts";
import type { HeardStatus } from "./market-clock.ts";

/** Whether the server lets us in, as far as is known. */
export type Access = "unknown" | "granted" | "sign-in" | "forbidden";

export type Condition =
  | "connecting"
  | "playing"
  | "paused"
  | "ended"
  | "closed"
  | "stalled"
  | "no-feed"
  | "disconnected"
  | "denied";

/** How it stands with what is shown, in words. */
export interface FeedState {
  readonly mode: MarketMode | null;
  /** Of the badge: LIVE, PAPER, REPLAY, SIMULATED, NO FEED. */
  readonly modeLabel: string;
  readonly modeTitle: string;
  readonly condition: Condition;
  /** One word for narrow places. */
  readonly label: string;
  /** A sentence; empty while all is well. */
  readonly detail: string;
}

/** A status is due every second; after so long without one, or a price, the server is silent. */
const NEWS_DUE_MS = 2_500;

/** What is known of the connection. */
export interface LinkNews {
  readonly link: LinkState;
  readonly heard: HeardStatus | null;
  /** When a status, or something of a topic, came last. */
  readonly newsAt: MachineMs;
  readonly access: Access;
}

const MODES: Readonly<Record<MarketMode, readonly [label: string, title: string]>> = {
  live: ["LIVE", "Prices come from the market as it trades."],
  paper: ["PAPER", "Prices are the market's; orders are not."],
  replay: ["REPLAY", "A recorded session is played again. This is not the market now."],
  simulated: ["SIMULATED", "An invented market. None of these prices was ever traded."],
  none: ["NO FEED", "Nothing feeds prices into the server. What is shown is what is stored."],
};

const CONNECTING = ["CONNECTING", "The server has not said yet what it plays."] as const;
const NO_ACCESS = ["NO ACCESS", "The server does not say what it plays."] as const;

/** Put together what the link and the last status say. */
export function describeFeed(news: LinkNews, now: MachineMs): FeedState {
  const mode = news.heard?.status.mode ?? null;
  const isDenied = news.access === "sign-in" || news.access === "forbidden";
  const [modeLabel, modeTitle] = mode === null ? (isDenied ? NO_ACCESS : CONNECTING) : MODES[mode];
  return { mode, modeLabel, modeTitle, ...describeCondition(news, now) };
}

type ConditionWords = Pick<FeedState, "condition" | "label" | "detail">;

function describeCondition(
  { link, heard, newsAt, access }: LinkNews,
  now: MachineMs,
): ConditionWords {
  if (access === "sign-in") {
    return {
      condition: "denied",
      label: "Sign-in needed",
      detail: "The server wants to know who you are: a sign-in is needed to see prices.",
    };
  }
  if (access === "forbidden") {
    return {
      condition: "denied",
      label: "Not allowed",
      detail: "You are signed in, and this account may not read prices. Ask an administrator.",
    };
  }
  if (link.name === "lost") {
    return {
      condition: "disconnected",
      label: "Disconnected",
      detail: "There is no connection to the server. What is shown is old.",
    };
  }
  if (link.name === "opening" || heard === null) {
    return heard === null
      ? { condition: "connecting", label: "Connecting", detail: "" }
      : {
          condition: "disconnected",
          label: "Reconnecting",
          detail: "The connection to the server is being made again. What is shown is old.",
        };
  }
  if (now - newsAt > NEWS_DUE_MS) {
    return {
      condition: "stalled",
      label: "Stalled",
      detail: "The server says nothing of the market. What is shown may be old.",
    };
  }
  switch (heard.status.state) {
    case "playing": {
      const { mode } = heard.status;
      const isPlayback = mode === "replay" || mode === "simulated";
      return { condition: "playing", label: isPlayback ? "Playing" : "Streaming", detail: "" };
    }
    case "paused":
      return { condition: "paused", label: "Paused", detail: "The market's clock is paused." };
    case "ended":
      return { condition: "ended", label: "Ended", detail: "The recording is at its end." };
    case "closed":
      return { condition: "closed", label: "Closed", detail: "Nobody trades at this hour." };
    case "stalled":
      return {
        condition: "stalled",
        label: "Stalled",
        detail: "The feed has stopped. What is shown is old.",
      };
    case "none":
      return {
        condition: "no-feed",
        label: "No feed",
        detail: "Nothing feeds prices into the server. What is shown is what is stored.",
      };
  }
}
