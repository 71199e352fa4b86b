/** What went wrong, as far as the person in front of the page can do something about it. */
export type ProblemKind =
  /** Nobody answers. */
  | "away"
  /** 401: nobody is asking. */
  | "sign-in"
  /** 403: somebody who may not. */
  | "forbidden"
  /** The thing does not exist. */
  | "not-found"
  /** The server cannot now: a dependency is away, or too much is asked at once. */
  | "busy"
  /** The request makes no sense to the server, in its own words. */
  | "refused"
  /** A bug, of the server or of the page. */
  | "fault";

/** A request that was not done. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly kind: ProblemKind;
  /** The server's stable word for it; null where it did not answer, or not in its own words. */
  readonly code: string | null;

  constructor(kind: ProblemKind, message: string, code: string | null = null) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

export function findProblemKind(status: number): ProblemKind {
  switch (status) {
    case 401:
      return "sign-in";
    case 403:
      return "forbidden";
    case 404:
      return "not-found";
    case 429:
    case 502:
    case 503:
    case 504:
      return "busy";
    default:
      return status < 500 ? "refused" : "fault";
  }
}
