import { vi } from "vitest";

/** What a page asked for. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Stand in for the network: answer each request in turn, and keep what was asked. */
export function answerWith(
  ...answers: readonly (readonly [status: number, body: unknown])[]
): Asked[] {
  const asked: Asked[] = [];
  const left = [...answers];
  vi.stubGlobal("fetch", (path: string, init: RequestInit = {}) => {
    asked.push({
      method: init.method ?? "GET",
      path,
      headers: new Headers(init.headers),
      body: typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : undefined,
    });
    const [status, body] = left.shift() ?? [500, {}];
    return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(body), { status }));
  });
  return asked;
}

export function refuse(message: string): object {
  return { error: { code: "x", message, details: {} } };
}
