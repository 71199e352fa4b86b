import { findText, readFields } from "./decode.ts";
import { findProblemKind, ProblemError } from "./problem.ts";

export type Query = Readonly<Record<string, string>>;

/** What is done once, however often it is asked for: the server knows it again by its key. */
export interface Once {
  readonly key: string;
  /** After so long nobody waits for the answer any more; what became of it is not known then. */
  readonly timeoutMs: number;
}

/** Requests to the server, as a page of its own makes them. Every call throws a ProblemError. */
export class Transport {
  /** Of the browser's session: what shows the server that a page of its own wants a change. */
  csrfToken: string | null = null;
  /** Is told when the server asked who this is. */
  onStranger: () => void = () => undefined;
  readonly #base: string;

  /** `base` is where the server is, without a slash at its end; empty is where the page is from. */
  constructor(base = "") {
    this.#base = base;
  }

  /** The type is the document's word for what the route answers; the server is held to it by its tests. */
  async get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    const tail = new URLSearchParams(query).toString();
    const init = signal === undefined ? {} : { signal };
    const response = await this.#ask(tail === "" ? path : `${path}?${tail}`, init);
    return (await response.json()) as T;
  }

  /** Have something changed, and return what the route answers. */
  async send<T>(method: "POST" | "PUT" | "PATCH", path: string, body?: object): Promise<T> {
    return (await (await this.#change(method, path, body)).json()) as T;
  }

  /** Ask what needs more words than an address has room for. Nothing is changed by it. */
  async ask<T>(path: string, body: object, signal: AbortSignal): Promise<T> {
    return (await (await this.#change("POST", path, body, { signal })).json()) as T;
  }

  /** Have something made that is not to be there twice, and return what the route answers. */
  async sendOnce<T>(path: string, body: object, { key, timeoutMs }: Once): Promise<T> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#change("POST", path, body, { key, signal });
      return (await response.json()) as T;
    } catch (error) {
      if (signal.aborted) {
        throw new ProblemError("away", `no answer within ${timeoutMs / 1_000} s`);
      }
      throw error;
    }
  }

  /** Have something changed where the route answers nothing, or nothing of interest. */
  async do(method: "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<void> {
    await this.#change(method, path, body);
  }

  #change(
    method: string,
    path: string,
    body: object | undefined,
    { key, signal }: { readonly key?: string; readonly signal?: AbortSignal } = {},
  ): Promise<Response> {
    const headers: Record<string, string> = {};
    const init = signal === undefined ? {} : { signal };
    if (key !== undefined) {
      headers["idempotency-key"] = key;
    }
    if (this.csrfToken !== null) {
      headers["x-csrf-token"] = this.csrfToken;
    }
    if (body === undefined) {
      return this.#ask(path, { ...init, method, headers });
    }
    headers["content-type"] = "application/json";
    return this.#ask(path, { ...init, method, headers, body: JSON.stringify(body) });
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.#base}${path}`, init);
    } catch (error) {
      if (init.signal?.aborted === true) {
        throw error;
      }
      throw new ProblemError("away", "nobody answers");
    }
    if (!response.ok) {
      if (response.status === 401) {
        this.onStranger();
      }
      const { message, code } = await readRefusal(response);
      throw new ProblemError(findProblemKind(response.status), message, code);
    }
    return response;
  }
}

/** The words of REST's one error body, or of UDF's. */
async function readRefusal(
  response: Response,
): Promise<{ readonly message: string; readonly code: string | null }> {
  try {
    const body = readFields(await response.json());
    const inner = body["error"] === undefined ? body : readFields(body["error"]);
    const message = findText(inner, "message") ?? findText(inner, "errmsg");
    return { message: message ?? response.statusText, code: findText(inner, "code") };
  } catch {
    return { message: response.statusText, code: null };
  }
}
