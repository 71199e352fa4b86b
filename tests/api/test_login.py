"""Signing in and out, as browsers and programs do it."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from strikewire.auth.scopes import ROLE_SCOPES, Role
from strikewire.store.users import UserStore
from tests.api.conftest import make_database, serve
from tests.api.cut import CuttableWay
from tests.api.people import (
    OPERATOR,
    PASSWORD,
    add_user,
    bearer,
    browse,
    get_me,
    issue_tokens,
    log_in,
    make_people_settings,
    serve_people,
)
from tests.clients import open_client
from tests.eventually import eventually

AUTH = "/api/v1/auth"


@pytest.fixture(scope="module")
async def desk_url(postgres_url):
    async with make_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
async def desk(desk_url):
    """Serve a database with a trader in it."""
    async with serve(make_people_settings(desk_url)) as service:
        await add_user(service, "asha", Role.TRADER, display_name="Asha")
        await add_user(service, "root", Role.ADMIN)
        yield service


@pytest.fixture
async def elsewhere(desk_url):
    """Give a connection of another program's to the same database."""
    connection = await asyncpg.connect(desk_url)
    yield connection
    await connection.close()


async def test_browser_signs_in_and_is_known_by_its_cookie(desk):
    async with browse(desk, "Asha ") as client:
        me = (await client.get(f"{AUTH}/me")).json()
        bars = await client.get("/api/v1/instruments")

    assert bars.status_code == 200
    assert me["subject"] == "asha"
    assert (me["display_name"], me["credential"], me["roles"]) == ("Asha", "session", ["trader"])
    assert set(me["scopes"]) == {str(each) for each in ROLE_SCOPES[Role.TRADER]}
    assert me["csrf_token"] == client.headers["X-CSRF-Token"]


async def test_cookie_is_out_of_reach_of_scripts_and_other_sites(desk):
    answer = await log_in(desk, "asha")
    cookie = answer.headers["set-cookie"]

    assert cookie.startswith("strikewire=sws_")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert cookie.split("=", 1)[1].split(";")[0] not in answer.text


async def test_cookie_is_secure_where_browsers_come_by_https(postgres_url):
    async with serve_people(postgres_url, public_url="https://desk.example.com") as service:
        await add_user(service, "asha")
        cookie = (await log_in(service, "asha")).headers["set-cookie"]
        value = cookie.split(";")[0]
        known = await get_me(service, Cookie=value)
        # A sibling domain can set this one, but not the other.
        plain = await get_me(service, Cookie=value.removeprefix("__Host-"))

    assert value.startswith("__Host-strikewire=")
    assert "Secure" in cookie.split("; ")
    assert (known.status_code, plain.status_code) == (200, 401)


@pytest.mark.promise("S10")
async def test_wrong_name_and_wrong_password_are_told_alike(desk):
    gone = await add_user(desk, "gone")
    await desk.runtime.people.accounts.change(gone.id, actor=OPERATOR, is_active=False)
    await add_user(desk, "no-password", password=None)

    answers = [
        await log_in(desk, login, password)
        for login, password in (
            ("asha", "not her password"),
            ("nobody", PASSWORD),
            ("gone", PASSWORD),
            ("no-password", PASSWORD),
            ("not a login name", PASSWORD),
            ("demo", PASSWORD),
        )
    ]

    def strip(answer):
        error = answer.json()["error"]
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("date", "x-correlation-id", "x-process-time")
        }
        return error["code"], error["message"], error["details"], headers

    assert {answer.status_code for answer in answers} == {401}
    assert all(strip(answer) == strip(answers[0]) for answer in answers)
    assert strip(answers[0])[0] == "not_authenticated"


@pytest.mark.promise("S10")
async def test_time_of_a_login_tells_nothing_about_who_exists(postgres_url):
    # As slow as in earnest, so that what is told apart is not lost in the noise.
    slow = {"password_memory_kib": 32 * 1024, "password_time_cost": 3}
    async with serve_people(postgres_url, **slow) as service:
        await add_user(service, "asha")
        took = {"asha": [], "nobody": [], "not a login name": []}
        for _ in range(9):
            for login, times in took.items():
                started = time.perf_counter()
                await log_in(service, login, "a wrong password")
                times.append(time.perf_counter() - started)

    known = min(took.pop("asha"))
    # Without the hash that nobody has, the others take a tenth of it. The machine may be busy for
    # one of the three and not for the next: hence the room.
    assert all(known / 3 < min(times) < 3 * known for times in took.values()), (known, took)


@pytest.mark.promise("S9")
async def test_others_are_answered_while_a_password_is_hashed(postgres_url):
    async with serve_people(postgres_url, password_time_cost=100) as service:
        await add_user(service, "asha")
        login = asyncio.create_task(log_in(service, "asha"))
        answered = 0
        while not login.done():
            assert (await service.client.get("/health/live")).status_code == 200
            answered += 1

    assert login.result().status_code == 200
    # Hashed on the event loop, nobody is answered but those who came before it began.
    assert answered > 20


@pytest.mark.promise("S9")
async def test_more_logins_than_can_wait_are_sent_away(postgres_url):
    narrow = {"password_workers": 1, "password_queue": 2, "password_time_cost": 30}
    async with serve_people(postgres_url, **narrow) as service:
        await add_user(service, "asha")
        answers = await asyncio.gather(*(log_in(service, "asha", "wrong") for _ in range(12)))
        after = await log_in(service, "asha")

    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) in range(1, 10)
    assert {answer.status_code for answer in answers} == {401, 429}
    assert all(answer.json()["error"]["code"] == "rate_limited" for answer in refused)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert after.status_code == 200


@pytest.mark.promise("S9")
async def test_password_is_hashed_anew_at_login_when_parameters_have_changed(postgres_url):
    async def read_hash(service):
        async with service.runtime.database.read() as session:
            return (await UserStore().find_with_password_hash(session, "asha"))[1]

    async with make_database(postgres_url) as url:
        async with serve(make_people_settings(url)) as service:
            await add_user(service, "asha")
            old = await read_hash(service)
        async with serve(make_people_settings(url, password_time_cost=2)) as service:
            assert (await log_in(service, "asha", "wrong")).status_code == 401
            assert await read_hash(service) == old
            tokens = await issue_tokens(service, "asha")
            new = await read_hash(service)
            again = await issue_tokens(service, "asha")
            me = await get_me(service, **bearer(tokens["access_token"]))

    assert old.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert new.startswith("$argon2id$v=19$m=8192,t=2,p=1$")
    # It is the same password: what was issued before stays good.
    assert me.status_code == 200
    assert again


async def test_program_signs_in_with_a_token(desk):
    tokens = await issue_tokens(desk, "asha")

    me = (await get_me(desk, **bearer(tokens["access_token"]))).json()

    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert (me["subject"], me["credential"], me["csrf_token"]) == ("asha", "token", None)


async def test_bad_credential_beside_a_good_cookie_is_not_passed_over(desk):
    cookie = (await log_in(desk, "asha")).headers["set-cookie"].split(";")[0]

    assert (await get_me(desk, Cookie=cookie)).status_code == 200
    assert (await get_me(desk, Cookie=cookie, Authorization="Bearer a.b.c")).status_code == 401
    assert (await get_me(desk, Cookie=cookie, **{"X-API-Key": "nope"})).status_code == 401


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "sws_", f"sws_{'0' * 32}_{'A' * 43}", f"sws_{'0' * 32}_" + "A" * 9_000, "\xff"],
)
async def test_cookie_that_is_none_of_ours_is_nobody(desk, cookie):
    answer = await get_me(desk, Cookie=f"strikewire={cookie}".encode("latin-1"))

    assert answer.status_code == 401


async def test_cookie_with_another_secret_is_nobody(desk):
    cookie = (await log_in(desk, "asha")).headers["set-cookie"].split(";")[0]
    forged = cookie[:-1] + ("A" if cookie[-1] != "A" else "B")

    assert (await get_me(desk, Cookie=forged)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Origin": "OWN", "Sec-Fetch-Site": "same-origin"}, 204),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": ""}, 403),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_cookie_alone_changes_nothing(desk, headers, status):
    async with browse(desk, "asha") as client:
        given = {name: desk.url if value == "OWN" else value for name, value in headers.items()}
        answer = await client.post(f"{AUTH}/logout", headers=given)
        after = await client.get(f"{AUTH}/me")

    assert answer.status_code == status
    assert after.status_code == (401 if status == 204 else 200)
    if status == 403:
        assert answer.json()["error"]["code"] == "csrf_rejected"


async def test_without_the_token_the_cookie_changes_nothing(desk):
    async with browse(desk, "asha") as client:
        del client.headers["X-CSRF-Token"]
        answer = await client.post(f"{AUTH}/logout")

    assert answer.status_code == 403


async def test_page_of_a_listed_origin_is_as_good_as_ours_and_no_better(postgres_url):
    origin = "https://charts.example.com"
    async with serve_people(postgres_url, cors_origins=origin) as service:
        await add_user(service, "asha")
        async with browse(service, "asha") as client:
            token = client.headers.pop("X-CSRF-Token")
            for without in ({}, {"X-CSRF-Token": "0" * len(token)}):
                refused = await client.post(f"{AUTH}/logout", headers={"Origin": origin, **without})
                assert refused.json()["error"]["code"] == "csrf_rejected"
                # The page may read why.
                assert refused.headers["access-control-allow-origin"] == origin
            assert (await client.get(f"{AUTH}/me")).status_code == 200
            answer = await client.post(
                f"{AUTH}/logout", headers={"Origin": origin, "X-CSRF-Token": token}
            )

    assert answer.status_code == 204


async def test_page_of_another_origin_cannot_sign_anybody_in(desk):
    answer = await log_in(desk, "asha", Origin="https://evil.example.com")

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.promise("S5")
async def test_logout_ends_the_session_at_once(desk):
    async with browse(desk, "asha") as client:
        cookie = {"Cookie": f"strikewire={client.cookies['strikewire']}"}
        assert (await get_me(desk, **cookie)).status_code == 200
        answer = await client.post(f"{AUTH}/logout")

    assert answer.status_code == 204
    assert 'strikewire=""' in answer.headers["set-cookie"]
    assert (await get_me(desk, **cookie)).status_code == 401


@pytest.mark.promise("S5")
async def test_ended_login_takes_its_tokens_along(desk):
    tokens = await issue_tokens(desk, "asha")
    me = await get_me(desk, **bearer(tokens["access_token"]))
    async with browse(desk, "asha") as client:
        listed = (await client.get(f"{AUTH}/sessions")).json()
        ended = await client.delete(f"{AUTH}/sessions/{me.json()['session_id']}")

    assert {each["kind"] for each in listed["items"]} >= {"browser", "program"}
    assert sum(each["is_current"] for each in listed["items"]) == 1
    assert listed["total"] == len(listed["items"])
    assert ended.status_code == 204
    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 401
    async with open_client(desk.url) as client:
        again = await client.post(
            f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]}
        )
    assert again.status_code == 401


async def test_session_of_somebody_else_is_not_found(desk):
    await add_user(desk, "ravi")
    tokens = await issue_tokens(desk, "asha")
    me = (await get_me(desk, **bearer(tokens["access_token"]))).json()
    async with browse(desk, "ravi") as client:
        other = await client.delete(f"{AUTH}/sessions/{me['session_id']}")
        missing = await client.delete(f"{AUTH}/sessions/00000000-0000-4000-8000-000000000000")

    assert (other.status_code, missing.status_code) == (404, 404)
    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 200


@pytest.mark.promise("S5")
async def test_changed_password_ends_every_other_login(postgres_url):
    async with serve_people(postgres_url) as service:
        await add_user(service, "asha")
        tokens = await issue_tokens(service, "asha")
        other = (await log_in(service, "asha")).headers["set-cookie"].split(";")[0]
        body = {"current_password": PASSWORD, "new_password": "another long password"}
        async with browse(service, "asha") as client:
            wrong = await client.put(f"{AUTH}/password", json=body | {"current_password": "no"})
            short = await client.put(f"{AUTH}/password", json=body | {"new_password": "short"})
            answer = await client.put(f"{AUTH}/password", json=body)
            still = await client.get(f"{AUTH}/me")

        assert (wrong.status_code, short.status_code) == (401, 422)
        assert (answer.status_code, still.status_code) == (204, 200)
        assert (await get_me(service, **bearer(tokens["access_token"]))).status_code == 401
        assert (await get_me(service, Cookie=other)).status_code == 401
        assert (await log_in(service, "asha")).status_code == 401
        assert (await log_in(service, "asha", "another long password")).status_code == 200


@pytest.mark.promise("S5")
@pytest.mark.parametrize("kind", ["session", "token"])
async def test_what_another_program_revokes_ends_here_within_a_second(desk, elsewhere, kind):
    user = await add_user(desk, f"revoked-{kind}")
    if kind == "session":
        cookie = (await log_in(desk, user.login)).headers["set-cookie"].split(";")[0]
        shown = {"Cookie": cookie}
    else:
        shown = bearer((await issue_tokens(desk, user.login))["access_token"])
    assert (await get_me(desk, **shown)).status_code == 200

    await elsewhere.execute("UPDATE users SET is_active = false WHERE id = $1", user.id)
    revoked = time.monotonic()

    async def is_refused():
        return (await get_me(desk, **shown)).status_code == 401

    await eventually(is_refused)
    assert time.monotonic() - revoked < 1.0


@pytest.mark.promise("S5")
async def test_changed_role_acts_on_the_next_request(desk):
    user = await add_user(desk, "promoted")
    async with browse(desk, "promoted") as client:
        before = await client.get("/api/v1/users")
        await desk.runtime.people.accounts.change(user.id, actor=OPERATOR, roles=[Role.ADMIN])
        after = await client.get("/api/v1/users")
        await desk.runtime.people.accounts.change(user.id, actor=OPERATOR, roles=[Role.VIEWER])
        again = await client.get("/api/v1/users")

    assert [each.status_code for each in (before, after, again)] == [403, 200, 403]


async def test_guessing_is_slowed_down_by_name_and_by_address(postgres_url):
    async with serve_people(postgres_url, rate_limit=True) as service:
        await add_user(service, "asha")
        guesses = [await log_in(service, "asha", f"guess {n}") for n in range(12)]
        body = {"refresh_token": "swr_" + "x" * 43}
        tokens = [await service.client.post(f"{AUTH}/refresh", json=body) for _ in range(40)]

        metrics = (await service.client.get("/metrics")).text

    assert 'strikewire_credentials_refused_total{reason="password"} 10.0' in metrics
    assert 'strikewire_credentials_refused_total{reason="unknown_key"}' in metrics
    assert [each.status_code for each in guesses[:10]] == [401] * 10
    assert guesses[-1].status_code == 429
    assert int(guesses[-1].headers["retry-after"]) >= 1
    assert {each.status_code for each in tokens} == {401, 429}


async def test_who_was_known_reads_on_while_the_database_is_away(postgres_url, data_dirs):
    async with make_database(postgres_url) as url:
        way = CuttableWay(data_dirs(), url)
        await way.open()
        async with serve(make_people_settings(way.url)) as service:
            await add_user(service, "asha")
            tokens = await issue_tokens(service, "asha")
            shown = bearer(tokens["access_token"])
            async with browse(service, "asha") as client:
                known = [await client.get(f"{AUTH}/me"), await get_me(service, **shown)]
                await way.cut()
                reading = [await client.get(f"{AUTH}/me"), await get_me(service, **shown)]
                writing = await client.post(f"{AUTH}/logout")
                stranger = await log_in(service, "asha")
        await way.cut()

    assert [answer.status_code for answer in known + reading] == [200] * 4
    assert (writing.status_code, stranger.status_code) == (503, 503)
