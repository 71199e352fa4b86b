import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Transport } from "../../src/client/transport.ts";
import { Intent } from "../../src/model/desk/intent.svelte.ts";
import { answerWith, refuse } from "../server.ts";

interface Placed {
  readonly id: number;
}

const BODY = { symbol: "NFO:NIFTY25NOV26000CE", quantity: 75 };

function makeIntent(): Intent<object, Placed> {
  const transport = new Transport();
  let drawn = 0;
  return new Intent({
    drawKey: () => `key-${(drawn += 1)}`,
    send: (body, once) => transport.sendOnce<Placed>("/api/v1/orders", body, once),
  });
}

const keys = (asked: readonly { readonly headers: Headers }[]): (string | null)[] =>
  asked.map((each) => each.headers.get("idempotency-key"));

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("an intent", () => {
  test("that is submitted twice at once is sent once", async () => {
    const asked = answerWith([201, { id: 7 }], [201, { id: 8 }]);
    const intent = makeIntent();

    await Promise.all([intent.submit(BODY), intent.submit(BODY)]);
    await intent.submit(BODY);

    expect([intent.phase, intent.result, asked.length]).toEqual(["done", { id: 7 }, 1]);
  });

  test.each([
    ["nobody answered", 503, refuse("not now")],
    ["the server broke", 500, refuse("a bug")],
    ["too often", 429, refuse("slower")],
    ["the first is under way", 409, { error: { code: "idempotency_key_busy", message: "busy" } }],
  ])("is tried again with its own key and body: %s", async (_, status, answer) => {
    const asked = answerWith([status, answer], [201, { id: 7 }]);
    const intent = makeIntent();

    await intent.submit(BODY);
    expect(intent.phase).toBe("unclear");
    await intent.submit({ ...BODY, quantity: 150 });
    expect(asked).toHaveLength(1);
    await intent.retry();

    expect([intent.phase, keys(asked)]).toEqual(["done", ["key-1", "key-1"]]);
    expect(asked.map((each) => each.body)).toEqual([BODY, BODY]);
  });

  test("that nobody answers in time is unclear, not undone", async () => {
    vi.useRealTimers();
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(AbortSignal.abort());
    vi.stubGlobal("fetch", (_: string, { signal }: RequestInit) =>
      Promise.reject(signal?.reason as Error),
    );
    const intent = makeIntent();

    await intent.submit(BODY);

    expect(intent.phase).toBe("unclear");
    expect(intent.problem).toContain("does not answer");
    vi.restoreAllMocks();
  });

  test("whose answer is cut off is unclear", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response('{"id":', { status: 201 })));
    const intent = makeIntent();

    await intent.submit(BODY);

    expect(intent.phase).toBe("unclear");
  });

  test.each([
    ["refused", 422],
    ["not allowed", 403],
    ["no longer there", 404],
  ])("that was %s was not done: the next one has another key", async (_, status) => {
    const asked = answerWith([status, refuse("no")], [201, { id: 7 }]);
    const intent = makeIntent();

    await intent.submit(BODY);
    expect([intent.phase, intent.problem]).toEqual(["open", expect.stringContaining("no")]);
    await intent.retry();
    expect(asked).toHaveLength(1);
    await intent.submit(BODY);

    expect(keys(asked)).toEqual(["key-1", "key-2"]);
  });

  test("is renewed once it is known what became of it, and never while it is on its way", async () => {
    const asked = answerWith([201, { id: 7 }], [201, { id: 8 }]);
    const intent = makeIntent();

    const sending = intent.submit(BODY);
    intent.renew();
    expect(intent.phase).toBe("sending");
    await sending;
    intent.renew();
    expect([intent.phase, intent.result]).toEqual(["open", null]);
    await intent.submit(BODY);

    expect(keys(asked)).toEqual(["key-1", "key-2"]);
  });
});
