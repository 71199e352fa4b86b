"""API keys over HTTP: what they open, what they never do, and when they end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import asyncpg
import pytest

from strikewire.auth.key_format import draw_key
from strikewire.auth.scopes import KEY_SCOPES, ROLE_SCOPES, Role, Scope
from strikewire.core.errors import ConflictError
from strikewire.core.instants import DAY_NS, SECOND_NS, format_rfc3339, parse_rfc3339
from strikewire.store.users import UserStore
from tests.api.conftest import make_database, make_settings, serve
from tests.api.desks import MASTER, MASTER_KEY, Desk, open_desk, show
from tests.api.people import OPERATOR
from tests.eventually import eventually

RULES = "/api/v1/market-rules?limit=1"
READING = frozenset({Scope.MARKET_RULES_READ})


@pytest.fixture(scope="module")
async def desk(postgres_url):
    async with open_desk(postgres_url) as desk:
        yield desk


async def create(desk, headers=MASTER, **body):
    body = {"name": "robot", "user_id": desk.users["asha"].id, **body}
    return await desk.client.post("/api/v1/keys", json=body, headers=headers)


async def is_taken(desk, key, **headers):
    answer = await desk.client.get(RULES, headers={**show(key), **headers})
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


@pytest.mark.promise("S11")
@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_key_opens_what_its_scopes_say(desk, header):
    key = await desk.make_key(scopes=READING)
    value = key.text.text if header == "X-API-Key" else f"Bearer {key.text.text}"

    for path, status in ((RULES, 200), ("/api/v1/instruments", 403), ("/api/v1/keys", 403)):
        answer = await desk.client.get(path, headers={header: value})
        assert answer.status_code == status, answer.text


@pytest.mark.promise("S11")
async def test_key_is_shown_once_and_only_its_hash_is_stored(desk, caplog):
    answer = await create(desk)
    body = answer.json()
    text = body.pop("key")

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert text.startswith(f"swk_{body['id']}_")
    got = await desk.client.get(answer.headers["location"], headers=MASTER)
    assert got.json() == body
    assert (await desk.client.get(RULES, headers={"X-API-Key": text})).status_code == 200
    listed = await desk.client.get(
        "/api/v1/keys", params={"user_id": body["user_id"]}, headers=MASTER
    )
    secret = text.split("_")[2]
    assert body in listed.json()["items"]
    assert secret not in listed.text
    assert secret not in caplog.text
    assert not await _find_in_database(desk, secret)
    assert await _find_in_database(desk, body["id"])


async def _find_in_database(desk, text):
    """Look for a text in every column of every table."""
    connection = await asyncpg.connect(desk.url)
    try:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return [
            name
            for (name,) in tables
            if await connection.fetchval(
                f'SELECT count(*) FROM "{name}" t WHERE t::text LIKE $1',
                f"%{text}%",
            )
        ]
    finally:
        await connection.close()


@pytest.mark.promise("S11")
async def test_repeated_creation_makes_no_second_key_and_shows_no_secret(desk):
    headers = {**MASTER, "Idempotency-Key": "make-it-once"}
    first = (await create(desk, headers, name="once")).json()
    again = (await create(desk, headers, name="once")).json()

    assert first["key"] is not None
    assert again == first | {"key": None}
    total = await desk.client.get(
        "/api/v1/keys", params={"user_id": first["user_id"], "limit": 1_000}, headers=MASTER
    )
    assert [each["name"] for each in total.json()["items"]].count("once") == 1


@pytest.mark.promise("S11")
async def test_every_bad_key_is_refused_alike(desk):
    good, revoked, expired = [await desk.make_key() for _ in range(3)]
    elsewhere = await desk.make_key(networks=("192.0.2.0/24",))
    await desk.service.runtime.keys.revoke(revoked.key.id, principal=None, actor=OPERATOR)
    await _age(desk, expired)
    wrong = replace(good.text, secret=draw_key().secret).text
    typo = good.text.text[:-1] + ("a" if good.text.text[-1] != "a" else "b")
    answers = []
    for text in (
        draw_key().text, wrong, typo, revoked.text.text, expired.text.text, elsewhere.text.text,
        "swk_", "x", MASTER_KEY[:-1], MASTER_KEY + "x", "é" * 70,
    ):  # fmt: skip
        for headers in ({"X-API-Key": text}, {"Authorization": f"Bearer {text}"}):
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = await desk.client.get(RULES, headers=encoded)
            assert answer.status_code == 401, text
            answers.append(answer.json()["error"])

    assert {(each["code"], each["message"], str(each["details"])) for each in answers} == {
        (answers[0]["code"], answers[0]["message"], "{}")
    }
    assert answers[0]["code"] == "not_authenticated"
    assert await is_taken(desk, good)


async def _age(desk, key):
    """Move a key into the past, which no interface allows."""
    await desk.execute(
        "UPDATE api_keys SET created_at = now() - interval '2 day', "
        "expires_at = now() - interval '1 day' WHERE id = $1",
        key.key.id,
    )


async def test_key_is_taken_from_its_networks_only(desk):
    here = await desk.make_key(networks=("127.0.0.0/8", "2001:db8::/32"))
    changed = await desk.client.patch(
        f"/api/v1/keys/{here.key.id}", json={"networks": ["192.0.2.7"]}, headers=MASTER
    )

    assert changed.json()["networks"] == ["192.0.2.7/32"]
    assert not await is_taken(desk, here)
    # A header that anybody can write says nothing about where somebody is.
    assert not await is_taken(desk, here, **{"X-Forwarded-For": "192.0.2.7"})
    body = {"networks": ["127.0.0.1"]}
    await desk.client.patch(f"/api/v1/keys/{here.key.id}", json=body, headers=MASTER)
    assert await is_taken(desk, here)


async def test_key_that_expires_while_it_is_remembered_ends_on_time(desk):
    clock = desk.service.runtime.clock
    expires_ns = clock.now_ns() + SECOND_NS // 2
    key = await desk.make_key(expires_ns=expires_ns)
    taken_ns = []

    assert await is_taken(desk, key)

    async def is_over():
        asked_ns = clock.now_ns()
        is_good = await is_taken(desk, key)
        if is_good:
            taken_ns.append(asked_ns)
        return not is_good

    # However long an answer takes: what counts is when it was asked for.
    await eventually(is_over)
    assert max(taken_ns, default=0) <= expires_ns


@pytest.mark.promise("S5")
async def test_revoked_key_is_refused_here_at_once(desk):
    key = await desk.make_key()
    assert await is_taken(desk, key)

    answer = await desk.client.delete(f"/api/v1/keys/{key.key.id}", headers=MASTER)

    assert answer.status_code == 204
    assert not await is_taken(desk, key)
    for method in ("GET", "DELETE", "PATCH"):
        body = {"json": {"name": "back"}} if method == "PATCH" else {}
        again = await desk.client.request(
            method, f"/api/v1/keys/{key.key.id}", headers=MASTER, **body
        )
        assert again.status_code == 404
    listed = await desk.client.get(
        "/api/v1/keys",
        params={"user_id": desk.users["asha"].id, "include_revoked": True, "limit": 1_000},
        headers=MASTER,
    )
    (found,) = [each for each in listed.json()["items"] if each["id"] == key.key.id]
    assert found["status"] == "revoked"
    assert found["revoked_at"] is not None


@pytest.mark.promise("S5")
@pytest.mark.parametrize("cause", ["revoked", "disabled", "role"])
async def test_what_another_process_takes_away_is_gone_here_within_a_second(desk, cause):
    await desk.add_user(f"leaver-{cause}")
    key = await desk.make_key(f"leaver-{cause}", scopes=frozenset({Scope.REPLAY_CONTROL, *READING}))
    asked = asyncio.Event()
    refused: list[float] = []

    async def ask_without_pause():
        while not refused:
            path = "/api/v1/replay"
            answer = await desk.client.post(path, json={"action": "play"}, headers=show(key))
            if answer.status_code in (401, 403):
                refused.append(time.monotonic())
            else:
                assert answer.json()["error"]["message"].startswith("no replay runs")
            asked.set()

    asking = asyncio.create_task(ask_without_pause())
    await asked.wait()
    if cause == "revoked":
        await desk.execute("UPDATE api_keys SET revoked_at = now() WHERE id = $1", key.key.id)
    elif cause == "disabled":
        await desk.change_user(f"leaver-{cause}", is_active=False)
    else:
        await desk.change_user(f"leaver-{cause}", roles=[Role.VIEWER])
    done = time.monotonic()
    async with asyncio.timeout(5):
        await asking

    assert refused[0] - done < 1.0


@pytest.mark.promise("S12")
async def test_key_gets_no_scope_that_its_owner_lacks_and_loses_what_the_owner_loses(desk):
    beyond = await create(
        desk, user_id=desk.users["vijay"].id, scopes=["bars:read", "replay:control"]
    )
    every = await create(desk, user_id=desk.users["vijay"].id)

    assert beyond.status_code == 403
    assert beyond.json()["error"]["details"] == {"scopes": ["replay:control"]}
    assert set(every.json()["scopes"]) == {
        scope.value for scope in ROLE_SCOPES[Role.VIEWER] & KEY_SCOPES
    }


@pytest.mark.promise("S12")
@pytest.mark.parametrize("scope", ["keys:write", "self:write", "users:write"])
async def test_no_key_may_make_keys_passwords_or_users(desk, scope):
    owner = {"user_id": desk.users["root"].id}
    made = await create(desk, **owner, scopes=[scope, "keys:read"])
    assert made.status_code == 403

    # Neither does one that got the scope in some other way, by a restored dump for instance.
    key = await desk.make_key("root")
    changed = await desk.client.patch(
        f"/api/v1/keys/{key.key.id}", json={"scopes": [scope]}, headers=MASTER
    )
    assert changed.status_code == 403
    await desk.execute(
        "UPDATE api_keys SET scopes = scopes || $2::text WHERE id = $1", key.key.id, scope
    )
    for attempt in (
        desk.client.post("/api/v1/keys", json={"name": "child"}, headers=show(key)),
        desk.client.patch(
            f"/api/v1/keys/{key.key.id}", json={"scopes": ["audit:read"]}, headers=show(key)
        ),
        desk.client.delete(f"/api/v1/keys/{key.key.id}", headers=show(key)),
    ):
        assert (await attempt).status_code == 403
    assert (await desk.client.get("/api/v1/keys", headers=show(key))).status_code == 200


@pytest.mark.promise("S12")
async def test_key_of_an_administrator_changes_no_key_password_or_account(desk):
    key = await desk.make_key("root")
    document = (await desk.client.get("/api/v1/openapi.json")).json()
    tried = 0
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            if operation["x-required-scope"] in ("keys:write", "self:write", "users:write"):
                tried += 1
                url = path.replace("{key_id}", key.key.id).replace("{user_id}", "1")
                answer = await desk.client.request(verb, url, json={}, headers=show(key))
                assert answer.status_code == 403, (verb, path, answer.text)
    assert tried >= 10


@pytest.mark.promise("S2")
async def test_key_shows_its_owners_keys_and_nobody_elses(desk):
    mine, others = await desk.make_key("asha"), await desk.make_key("bela")
    headers = show(mine)

    seen = await desk.client.get("/api/v1/keys", params={"limit": 1_000}, headers=headers)
    assert mine.key.id in {each["id"] for each in seen.json()["items"]}
    assert {each["user_id"] for each in seen.json()["items"]} == {desk.users["asha"].id}
    theirs = await desk.client.get(f"/api/v1/keys/{others.key.id}", headers=headers)
    missing = await desk.client.get("/api/v1/keys/nosuchkey", headers=headers)
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert (
        theirs.json()["error"]["message"].replace(others.key.id, "nosuchkey")
        == (missing.json()["error"]["message"])
    )
    listed = await desk.client.get(
        "/api/v1/keys", params={"user_id": desk.users["bela"].id}, headers=headers
    )
    assert listed.status_code == 403


async def test_last_use_is_written_behind_the_requests(postgres_url):
    async with make_database(postgres_url) as url:
        settings = make_settings(url, master_api_key=MASTER_KEY)
        async with serve(settings) as service:
            async with service.runtime.database.write() as session:
                user = await UserStore().create(session, login="asha", roles=[Role.TRADER])
            desk = Desk(service, url, {"asha": user})
            key = await desk.make_key()
            started_ns = service.runtime.clock.now_ns()
            for _ in range(3):
                assert await is_taken(desk, key)
            path = f"/api/v1/keys/{key.key.id}"
            unwritten = (await desk.client.get(path, headers=MASTER)).json()
        async with serve(settings) as service:
            written = (await service.client.get(path, headers=MASTER)).json()

    assert (unwritten["last_used_at"], unwritten["last_used_address"]) == (None, None)
    assert written["last_used_address"] == "127.0.0.1"
    assert parse_rfc3339(written["last_used_at"]) >= started_ns - 1_000


@pytest.mark.promise("S4")
@pytest.mark.parametrize(
    "body",
    [
        {"nmae": "x"}, {"name": ""}, {"name": "a\nb"}, {"scopes": []}, {"scopes": ["everything"]},
        {"networks": ["desk.example.com"]}, {"networks": ["192.0.2.7/24"]},
        {"expires_at": "2001-01-01T00:00:00Z"}, {"expires_at": "2999-01-01T00:00:00Z"},
        {"expires_at": "tomorrow"}, {"user_id": 0}, {"user_id": 2**31}, {"id": "mine"},
    ],
)  # fmt: skip
async def test_key_that_makes_no_sense_is_refused(desk, body):
    answer = await create(desk, **body)

    assert answer.status_code == 422, answer.text


async def test_changes_that_make_no_sense_are_refused(desk):
    key = await desk.make_key()
    for body in ({}, {"name": None}, {"secret": "x"}, {"user_id": 1}, {"scopes": []}):
        answer = await desk.client.patch(f"/api/v1/keys/{key.key.id}", json=body, headers=MASTER)
        assert answer.status_code == 422, body
    for key_id in ("nosuchkey", "a'b", "x" * 33):
        answer = await desk.client.patch(
            f"/api/v1/keys/{key_id}", json={"name": "x"}, headers=MASTER
        )
        assert answer.status_code in (404, 422)


async def test_every_key_ends(desk):
    now_ns = desk.service.runtime.clock.now_ns()
    by_default = (await create(desk)).json()
    wanted = format_rfc3339((now_ns + 30 * DAY_NS) // SECOND_NS * SECOND_NS)
    chosen = (await create(desk, expires_at=wanted)).json()

    assert 364 * DAY_NS < parse_rfc3339(by_default["expires_at"]) - now_ns < 366 * DAY_NS
    assert chosen["expires_at"] == wanted


async def test_one_user_has_so_many_keys_and_no_more(desk):
    keys = [await desk.make_key("many") for _ in range(100)]
    with pytest.raises(ConflictError, match="at most 100 keys"):
        await desk.make_key("many")
    await desk.service.runtime.keys.revoke(keys[0].key.id, principal=None, actor=OPERATOR)
    await desk.make_key("many")


async def test_master_key_may_do_everything_and_owns_nothing(desk):
    assert (await desk.client.get("/api/v1/keys", headers=MASTER)).json()["items"] == []
    own = await desk.client.post("/api/v1/keys", json={"name": "x"}, headers=MASTER)
    assert own.status_code == 422
    nobody = await create(desk, user_id=2_000_000)
    assert nobody.status_code == 404
    bearer = {"Authorization": f"Bearer {MASTER_KEY}"}
    assert (await desk.client.get(RULES, headers=bearer)).status_code == 200
    cookie = {"Cookie": "; ".join(f"{name}={MASTER_KEY}" for name in ("session", "X-API-Key"))}
    assert (await desk.client.get(RULES, headers=cookie)).status_code == 401
    query = {"api_key": MASTER_KEY, "X-API-Key": MASTER_KEY}
    assert (await desk.client.get(RULES, params=query)).status_code == 401


async def test_every_use_of_the_master_key_is_in_the_audit_log(desk):
    async def count():
        query = {"action": "master_key.use", "limit": 1}
        return (await desk.client.get("/api/v1/audit", params=query, headers=MASTER)).json()

    before = await count()
    await desk.client.get(RULES, headers=MASTER)
    await desk.client.get(RULES, headers={"X-API-Key": MASTER_KEY + "x"})
    after = await count()

    assert after["total"] == before["total"] + 2
    assert after["items"][0]["credential"] == "master"
    assert after["items"][0]["address"] == "127.0.0.1"
    assert MASTER_KEY not in str(after)
