import { afterEach, describe, expect, test, vi } from "vitest";

import { BrokerLoginClient, type BrokerLoginStatus } from "../../src/client/broker-login.ts";
import { Transport } from "../../src/client/transport.ts";
import { BrokerLogin, describeLogin } from "../../src/model/broker-login.svelte.ts";
import { Preferences } from "../../src/model/preferences.ts";
import { formatRoute, isPublic, parseRoute } from "../../src/model/route.ts";
import { answerWith, refuse } from "../server.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const NONE: BrokerLoginStatus = {
  broker: "kite",
  is_configured: true,
  state: "none",
  broker_user: null,
  issued_at: null,
  dies_at: null,
  refused_at: null,
  reason: null,
  login_url: "https://broker.test/login?v=3&api_key=abc",
};
const VALID: BrokerLoginStatus = {
  ...NONE,
  state: "valid",
  broker_user: "AB1234",
  dies_at: "2026-11-22T00:30:00Z",
};

function makeStorage(): Pick<Storage, "getItem" | "setItem"> {
  const kept = new Map<string, string>();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
  };
}

let drawn = 0;

function makeLogin(storage = makeStorage()): BrokerLogin {
  const client = new BrokerLoginClient(new Transport());
  return new BrokerLogin(client, new Preferences(storage), () => `drawn-${++drawn}`);
}

function readState(url: string | null): string | null {
  const carried = new URL(url ?? "").searchParams.get("redirect_params") ?? "";
  return new URLSearchParams(carried).get("state");
}

describe("a login with the broker", () => {
  test("is wanted until somebody is logged in", async () => {
    const login = makeLogin();
    expect(login.isWanted).toBe(false);
    answerWith(
      [200, NONE],
      [200, { ...VALID, state: "expired" }],
      [200, { ...VALID, state: "refused" }],
      [200, VALID],
      [200, { ...NONE, is_configured: false, login_url: null }],
    );
    const wanted: boolean[] = [];
    for (let round = 0; round < 5; round += 1) {
      await login.load();
      wanted.push(login.isWanted);
    }
    expect(wanted).toEqual([true, true, true, false, false]);
    expect(login.url).toBeNull();
  });

  test("is known by what the broker brings back, also in another tab", async () => {
    const storage = makeStorage();
    const begun = makeLogin(storage);
    answerWith([200, NONE], [200, NONE], [200, VALID]);
    await begun.load();
    await begun.load();
    expect(begun.url).toContain("api_key=abc");
    const state = readState(begun.url);
    expect(state).toBe(`drawn-${drawn}`);

    const back = makeLogin(storage);
    expect([back.isOurs(state), back.isOurs("made up"), back.isOurs(null)]).toEqual([
      true,
      false,
      false,
    ]);
    await back.finish("token");
    expect(back.isOurs(state)).toBe(false);
    expect(back.isOurs("")).toBe(false);
    expect(readState(back.url)).not.toBe(state);
  });

  test("is made with the token, and tells why it was not", async () => {
    const login = makeLogin();
    const asked = answerWith([409, refuse("begin the login again")], [200, VALID]);
    expect(await login.finish("used")).toBe(false);
    expect(login.problem).toContain("begin the login again");
    expect(await login.finish("fresh")).toBe(true);
    expect(login.problem).toBeNull();
    expect(login.status).toEqual(VALID);
    expect(asked.map(({ method, path, body }) => [method, path, body])).toEqual([
      ["POST", "/api/v1/feed/login", { request_token: "used" }],
      ["POST", "/api/v1/feed/login", { request_token: "fresh" }],
    ]);
  });

  test("stays as it was known while the server is away", async () => {
    const login = makeLogin();
    answerWith([200, VALID], [503, refuse("away")]);
    await login.load();
    await login.load();
    expect(login.status).toEqual(VALID);
  });

  test("is told in words", () => {
    expect(describeLogin(NONE)).toContain("Nobody");
    expect(describeLogin({ ...NONE, reason: "another key" })).toBe("another key");
    expect(describeLogin(VALID)).toContain("AB1234");
    expect(describeLogin({ ...VALID, state: "expired" })).toContain("every morning");
    expect(describeLogin({ ...VALID, state: "refused" })).toContain("any more");
  });
});

describe("the address the broker leads back to", () => {
  const parse = (path: string): ReturnType<typeof parseRoute> =>
    parseRoute(new URL(path, "http://127.0.0.1:8081"));

  test("carries the token, past a sign-in too", () => {
    const route = parse("/login/kite?request_token=abc&action=login&status=success&state=s1");
    expect(route).toEqual({ page: "broker-login", requestToken: "abc", state: "s1" });
    expect(formatRoute(route)).toBe("/login/kite?request_token=abc&state=s1");
    expect(isPublic(route)).toBe(false);
    const signIn = parse(formatRoute({ page: "sign-in", returnTo: route }));
    expect(signIn).toMatchObject({ returnTo: route });
  });

  test("is bare once the token was taken", () => {
    expect(formatRoute({ page: "broker-login", requestToken: null, state: null })).toBe(
      "/login/kite",
    );
  });
});
