import { afterEach, describe, expect, test, vi } from "vitest";

import { IdentityClient, type Me } from "../../src/client/identity.ts";
import { Transport } from "../../src/client/transport.ts";
import { PasswordForm } from "../../src/model/password-form.svelte.ts";
import { Session } from "../../src/model/session.svelte.ts";
import { answerWith, refuse } from "../server.ts";

const ASHA: Me = {
  subject: "asha",
  display_name: "",
  credential: "session",
  user_id: 1,
  session_id: "5f0c",
  roles: ["viewer"],
  scopes: ["bars:read", "keys:read"],
  account_ids: [],
  csrf_token: "c5rf",
};

function build(): { transport: Transport; session: Session } {
  const transport = new Transport();
  const session = new Session(new IdentityClient(transport));
  transport.onStranger = () => void session.load();
  return { transport, session };
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a session", () => {
  test("is nobody's until somebody signs in, whose token goes with what changes something", async () => {
    const { transport, session } = build();
    const asked = answerWith([401, refuse("x")], [200, ASHA], [204, null], [401, refuse("x")]);
    expect(session.phase).toBe("unknown");
    await session.load();
    expect([session.phase, session.key]).toEqual(["nobody", null]);

    expect(await session.signIn("asha", "secret")).toBeNull();
    expect([session.phase, session.canSignOut, session.isDemo]).toEqual(["somebody", true, false]);
    expect([session.allows("keys:read"), session.allows("users:read")]).toEqual([true, false]);

    expect(await session.signOut()).toBeNull();
    expect(asked.map((each) => each.headers.get("x-csrf-token"))).toEqual([
      null,
      null,
      "c5rf",
      null,
    ]);
    expect([session.phase, transport.csrfToken]).toEqual(["nobody", null]);
  });

  test("says the same of a wrong name and a wrong password, and stays whose it was", async () => {
    const { session } = build();
    const demo: Me = { ...ASHA, subject: "demo", credential: "demo", csrf_token: null };
    answerWith([200, demo], [401, refuse("no such user")], [200, demo]);
    await session.load();
    expect(await session.signIn("x", "y")).toBe("The name or the password is wrong.");
    await session.load();
    expect([session.phase, session.isDemo, session.canSignOut]).toEqual(["somebody", true, false]);
  });

  test("that any route does not know any more is asked about", async () => {
    const { transport, session } = build();
    answerWith([200, ASHA], [401, refuse("x")], [401, refuse("x")]);
    await session.load();
    await expect(transport.get("/api/v1/bars")).rejects.toThrow("x");
    await session.load();
    expect(session.phase).toBe("nobody");
  });

  test("is asked about again while nobody answers", async () => {
    vi.useFakeTimers();
    const { session } = build();
    answerWith([503, refuse("starting")], [200, ASHA]);
    await session.load();
    expect(session.phase).toBe("unknown");
    await vi.advanceTimersByTimeAsync(3_000);
    expect(session.phase).toBe("somebody");
  });
});

describe("a password", () => {
  test("is set by a link, which can be no good any more", async () => {
    const form = new PasswordForm(new IdentityClient(new Transport()));
    const asked = answerWith([401, refuse("x")], [204, null]);
    await form.redeemLink("swl_x", "a long one", "root");
    expect(form.problem).toContain("The link is no good any more");
    await form.redeemLink("swl_x", "a long one", null);
    expect([form.isDone, form.problem]).toEqual([true, null]);
    expect(asked[1]?.body).toEqual({ token: "swl_x", password: "a long one", login: null });
  });

  test("is changed by the one it was", async () => {
    const form = new PasswordForm(new IdentityClient(new Transport()));
    answerWith([401, refuse("x")], [422, refuse("12 characters were wanted")]);
    await form.change("wrong", "a long one");
    expect(form.problem).toBe("The present password is wrong.");
    await form.change("right", "short");
    expect(form.problem).toContain("12 characters were wanted");
  });
});
