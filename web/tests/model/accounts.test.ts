import { afterEach, describe, expect, test, vi } from "vitest";

import { AuditClient } from "../../src/client/audit.ts";
import { KeysClient } from "../../src/client/keys.ts";
import { Transport } from "../../src/client/transport.ts";
import { type User, UsersClient } from "../../src/client/users.ts";
import { AuditLog, formatState } from "../../src/model/audit-log.svelte.ts";
import { formatStamp } from "../../src/model/format.ts";
import { KeyList, listGivable, makeKeyWish } from "../../src/model/key-list.svelte.ts";
import { formatRoute, isPublic, parseRoute } from "../../src/model/route.ts";
import { UserList } from "../../src/model/user-list.svelte.ts";
import { answerWith, refuse } from "../server.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const parse = (path: string): ReturnType<typeof parseRoute> =>
  parseRoute(new URL(path, "http://127.0.0.1:8081"));

describe("an address", () => {
  test.each([
    "/sign-in",
    "/sign-in?return=%2Fkeys%3Fuser%3D3",
    "/setup#swl_x",
    "/password#swl_x",
    "/account",
    "/users",
    "/keys",
    "/keys?user=3",
    "/audit",
    "/audit?subject=asha&action=user.create&since=2026-11-21",
  ])("%s comes back as it was", (path) => {
    expect(formatRoute(parse(path))).toBe(path);
  });

  test.each(["//evil.example/x", "https://evil.example", "/sign-in?return=/keys", "/nowhere", "%"])(
    "never leads from the sign-in to %s",
    (path) => {
      const route = parse(`/sign-in?return=${encodeURIComponent(path)}`);
      expect(route).toMatchObject({ returnTo: { page: "chart", symbol: null } });
    },
  );

  test("of a way in is open to everybody", () => {
    const open = ["/sign-in", "/setup", "/password", "/about"].map((path) => isPublic(parse(path)));
    expect(open).toEqual([true, true, true, true]);
    expect(
      ["/", "/users", "/keys", "/audit", "/account"].some((path) => isPublic(parse(path))),
    ).toBe(false);
  });
});

describe("users", () => {
  const user: User = {
    id: 2,
    login: "ravi",
    display_name: "",
    roles: ["viewer"],
    origin: "local",
    is_active: true,
    has_password: false,
    created_at: "2026-11-21T09:00:00Z",
    last_login_at: null,
  };

  test("are added with a link that is shown until it is put away", async () => {
    const list = new UserList(new UsersClient(new Transport()));
    const link = { url: "http://x/password#swl_1", expires_at: "2026-11-22T09:00:00Z" };
    answerWith([200, { items: [], total: 0 }], [201, { ...user, setup_link: link }]);
    await list.find("");
    expect(await list.add({ login: "ravi", display_name: "", roles: ["viewer"] })).toBe(true);
    expect(list.link).toEqual({ login: "ravi", url: link.url, expiresAt: link.expires_at });
    expect([list.users, list.total]).toEqual([[user], 1]);
    list.forgetLink();
    expect(list.link).toBeNull();
  });

  test("keep what they were where a change is refused", async () => {
    const list = new UserList(new UsersClient(new Transport()));
    const asked = answerWith(
      [200, { items: [user], total: 1 }],
      [409, refuse("nobody would be left to administer")],
      [200, { ...user, roles: ["viewer", "trader"] }],
    );
    await list.find("ra");
    expect(await list.setActive(user, false)).toBe(false);
    expect(list.problem).toContain("nobody would be left to administer");
    expect(await list.setRole(user, "trader", true)).toBe(true);
    expect(list.users[0]?.roles).toEqual(["viewer", "trader"]);
    expect(asked.map((each) => `${each.method} ${each.path}`)).toEqual([
      "GET /api/v1/users?q=ra&offset=0",
      "PATCH /api/v1/users/2",
      "PATCH /api/v1/users/2",
    ]);
    expect(asked[2]?.body).toEqual({ roles: ["viewer", "trader"] });
  });
});

describe("keys", () => {
  test("are wished for in the route's words", () => {
    const form = { name: " nightly ", scopes: [], lastDay: "", networks: "" };
    expect(makeKeyWish(form, null)).toEqual({
      name: "nightly",
      scopes: null,
      networks: [],
      expires_at: null,
      user_id: null,
    });
    const networks = "192.0.2.7, 2001:db8::/32\n10.0.0.0/8";
    expect(makeKeyWish({ ...form, lastDay: "2027-01-31", networks }, 3)).toMatchObject({
      networks: ["192.0.2.7", "2001:db8::/32", "10.0.0.0/8"],
      expires_at: "2027-01-31T23:59:59Z",
      user_id: 3,
    });
  });

  test("cannot be given what would make more of them", () => {
    expect(listGivable(["bars:read", "keys:write", "self:write", "users:write"])).toEqual([
      "bars:read",
    ]);
  });

  test("are shown once, and kept nowhere in the list", async () => {
    const list = new KeyList(new KeysClient(new Transport()), 3);
    const key = { id: "7h", name: "nightly" };
    const asked = answerWith(
      [201, { ...key, key: "swk_7h_secret" }],
      [200, { items: [key], total: 1 }],
    );
    const form = { name: "nightly", scopes: [], lastDay: "", networks: "" };
    expect(await list.create(form)).toBe(true);
    expect(list.shown).toEqual({ name: "nightly", text: "swk_7h_secret" });
    expect(JSON.stringify(list.keys)).not.toContain("secret");
    expect(asked[1]?.path).toBe("/api/v1/keys?user_id=3&include_revoked=false&offset=0");
    list.forgetShown();
    expect(list.shown).toBeNull();
  });
});

describe("the audit log", () => {
  test("goes back by pages that end where the next begins", async () => {
    const log = new AuditLog(new AuditClient(new Transport()));
    const asked = answerWith(
      [200, { items: [{ id: 9 }], total: 2, next_before_id: 9 }],
      [200, { items: [{ id: 4 }], total: 2, next_before_id: null }],
    );
    await log.show({ action: "user.create" });
    await log.loadOlder();
    await log.loadOlder();
    expect(log.rows.map((row) => row.id)).toEqual([9, 4]);
    expect(asked.map((each) => each.path)).toEqual([
      "/api/v1/audit?action=user.create",
      "/api/v1/audit?action=user.create&before_id=9",
    ]);
  });

  test("shows states as text, and times by UTC", () => {
    expect(formatState(null)).toBe("nothing");
    expect(formatState({ name: "<b>" })).toBe('{\n  "name": "<b>"\n}');
    expect(formatStamp("2026-11-21T09:00:05.123Z")).toBe("2026-11-21 09:00:05 UTC");
    expect(formatStamp(null)).toBe("—");
  });
});
