import type { MarketMode } from "../../client/market.ts";
import type { OrderMode } from "../../client/order.ts";

/** Whose money an order moves, and against which market. */
export type DressKind = "live" | "paper" | "replay" | "simulated";

/** What an account wears wherever something is ordered: a word, and with it a colour and a pattern. */
export interface Dress {
  readonly kind: DressKind;
  readonly label: string;
  /** What it means, in a sentence. */
  readonly words: string;
}

const DRESSES: Readonly<Record<DressKind, Dress>> = {
  live: {
    kind: "live",
    label: "LIVE",
    words: "Real money. An order goes to the broker, and from there to the exchange.",
  },
  paper: {
    kind: "paper",
    label: "PAPER",
    words: "No real money. Orders are filled on paper, at the market's prices.",
  },
  replay: {
    kind: "replay",
    label: "PAPER · REPLAY",
    words: "No real money. Orders are filled on paper, at the prices of a recorded session.",
  },
  simulated: {
    kind: "simulated",
    label: "PAPER · SIMULATED",
    words: "No real money. Orders are filled on paper, at the prices of an invented market.",
  },
};

/**
 * Dress an account for the market that is played. A broker's account is real money, whatever is played
 * beside it and whether or not it may trade just now.
 */
export function dressAccount(broker: string, mode: MarketMode | null): Dress {
  if (broker !== "paper") {
    return DRESSES.live;
  }
  switch (mode) {
    case "replay":
    case "simulated":
      return DRESSES[mode];
    case "live":
    case "paper":
    case "none":
    case null:
      return DRESSES.paper;
  }
}

/** Dress an order for the market at which it was placed, which may not be the one that is played now. */
export function dressOrder(broker: string, mode: OrderMode): Dress {
  return dressAccount(broker, mode);
}
