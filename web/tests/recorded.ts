import { readFileSync } from "node:fs";

/** What a running server said on `/ws/bars`: the simulated market at 60x. */
export type Recording = Readonly<
  Record<
    "live" | "pong" | "resumed" | "refused" | "unsubscribed" | "sought",
    readonly Readonly<Record<string, unknown>>[]
  >
>;

export const RECORDED = JSON.parse(
  readFileSync(new URL("recorded/bar-messages.json", import.meta.url), "utf8"),
) as Recording;
