import { ProblemError, type ProblemKind } from "../client/problem.ts";

const WORDS: Readonly<Record<ProblemKind, string>> = {
  away: "The server does not answer. Try again.",
  "sign-in": "You are not signed in any more.",
  forbidden: "You may not do that.",
  "not-found": "It is not there any more.",
  busy: "Not now. Wait a little and try again.",
  refused: "That cannot be.",
  fault: "Something went wrong at the server.",
};

/** What went wrong with something that somebody asked for, and what the server says of it. */
export function formatProblem(error: unknown): string {
  if (!(error instanceof ProblemError)) {
    return error instanceof Error ? error.message : String(error);
  }
  const words = WORDS[error.kind];
  return error.kind === "away" ? words : `${words} The server says: ${error.message}.`;
}
