"""Accounts over HTTP: made, changed, deleted, and never all locked out."""

from __future__ import annotations

import asyncio

import pytest

from strikewire.auth.scopes import Role
from tests.api.people import (
    OPERATOR,
    PASSWORD,
    add_user,
    bearer,
    browse,
    get_me,
    issue_tokens,
    log_in,
    serve_people,
)
from tests.clients import open_client
from tests.eventually import eventually

USERS = "/api/v1/users"
SETUP = "/api/v1/auth/setup"


@pytest.fixture(scope="module")
async def desk(postgres_url):
    async with serve_people(postgres_url) as service:
        await add_user(service, "root", Role.ADMIN)
        yield service


@pytest.fixture
async def root(desk):
    async with browse(desk, "root") as client:
        yield client


async def redeem(service, url, **body):
    async with open_client(service.url, timeout=30) as client:
        token = url.partition("#")[2]
        return await client.post(SETUP, json={"token": token, "password": PASSWORD, **body})


async def test_made_user_chooses_a_password_by_the_link_and_signs_in(desk, root):
    body = {"login": "Asha@Example.com", "display_name": "Asha", "roles": ["trader"]}
    created = await root.post(USERS, json=body)
    user = created.json()
    before = await log_in(desk, "asha@example.com")

    first = await redeem(desk, user["setup_link"]["url"])
    again = await redeem(desk, user["setup_link"]["url"])
    after = await log_in(desk, "asha@example.com")
    shown = (await root.get(created.headers["location"])).json()

    assert created.status_code == 201
    assert created.headers["location"] == f"{USERS}/{user['id']}"
    assert user["setup_link"]["url"].startswith(f"{desk.url}/password#swl_")
    assert (user["login"], user["roles"], user["has_password"]) == (
        "asha@example.com", ["trader"], False,
    )  # fmt: skip
    assert (before.status_code, first.status_code, again.status_code) == (401, 204, 401)
    assert after.json()["roles"] == ["trader"]
    assert shown["has_password"]
    assert shown["last_login_at"] is not None


async def test_request_sent_twice_makes_one_user_and_shows_the_link_once(root):
    headers = {"Idempotency-Key": "one"}
    body = {"login": "once", "roles": ["viewer"]}

    first = await root.post(USERS, json=body, headers=headers)
    second = await root.post(USERS, json=body, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["setup_link"] is not None
    assert second.json()["setup_link"] is None


async def test_login_name_is_given_once(root):
    body = {"login": "twice", "roles": ["viewer"]}
    assert (await root.post(USERS, json=body)).status_code == 201

    answer = await root.post(USERS, json=body | {"login": "TWICE"})

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "conflict"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"login": "x"},
        {"login": "x", "roles": []},
        {"login": "x", "roles": ["king"]},
        {"login": "", "roles": ["viewer"]},
        {"login": "no spaces", "roles": ["viewer"]},
        {"login": "demo", "roles": ["viewer"]},
        {"login": "x" * 300, "roles": ["viewer"]},
        {"login": "x", "roles": ["viewer"], "password": "not by an administrator"},
        {"login": "x", "roles": ["viewer"], "display_name": "x" * 101},
    ],
)
async def test_user_that_makes_no_sense_is_refused(root, body):
    assert (await root.post(USERS, json=body)).status_code == 422


async def test_users_are_listed_by_what_is_asked_for(desk, root):
    await add_user(desk, "listed-1", display_name="Needle <b>")
    await add_user(desk, "listed-2", Role.TRADER)

    async def list_logins(**params):
        answer = await root.get(USERS, params=params)
        assert answer.status_code == 200
        return [each["login"] for each in answer.json()["items"]], answer.json()["total"]

    assert await list_logins(q="needle") == (["listed-1"], 1)
    assert await list_logins(q="listed", limit=1, offset=1) == (["listed-2"], 2)
    assert await list_logins(role="admin") == (["root"], 1)
    assert (await list_logins(is_active=False))[1] == 0
    assert (await root.get(USERS, params={"role": "king"})).status_code == 422


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TRADER])
async def test_only_administrators_see_and_change_users(desk, role):
    user = await add_user(desk, f"plain-{role}", role)
    async with browse(desk, user.login) as client:
        answers = [
            await client.get(USERS),
            await client.post(USERS, json={"login": "new", "roles": ["viewer"]}),
            await client.get(f"{USERS}/{user.id}"),
            await client.get(f"{USERS}/999999"),
            await client.patch(f"{USERS}/{user.id}", json={"roles": ["admin"]}),
            await client.delete(f"{USERS}/{user.id}"),
            await client.post(f"{USERS}/{user.id}/setup-link"),
        ]

    # Alike, whether there is such a user or not.
    assert [answer.status_code for answer in answers] == [403] * 7


async def test_change_is_partial(desk, root):
    user = await add_user(desk, "changing", display_name="Before")

    named = await root.patch(f"{USERS}/{user.id}", json={"display_name": "After"})
    moved = await root.patch(f"{USERS}/{user.id}", json={"roles": ["trader", "viewer"]})
    same = await root.patch(f"{USERS}/{user.id}", json={})

    assert named.json()["display_name"] == "After"
    assert named.json()["roles"] == ["viewer"]
    assert moved.json()["roles"] == ["trader", "viewer"]
    assert same.json() == moved.json()


@pytest.mark.promise("S5")
async def test_disabled_user_is_out_with_the_answer(desk, root):
    user = await add_user(desk, "leaving")
    tokens = await issue_tokens(desk, "leaving")
    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 200

    answer = await root.patch(f"{USERS}/{user.id}", json={"is_active": False})

    assert answer.json()["is_active"] is False
    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 401


@pytest.mark.promise("S5")
async def test_deleted_user_is_gone_with_everything(desk, root):
    user = await add_user(desk, "deleted")
    tokens = await issue_tokens(desk, "deleted")

    answer = await root.delete(f"{USERS}/{user.id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 401
    assert (await root.get(f"{USERS}/{user.id}")).status_code == 404
    assert (await root.delete(f"{USERS}/{user.id}")).status_code == 404
    # The name is free, and whoever has it next has none of the other's.
    again = await add_user(desk, "deleted")
    assert again.id != user.id


@pytest.mark.parametrize("user_id", ["0", "-1", "abc", "2147483648", "1e3"])
async def test_what_is_no_id_is_refused(root, user_id):
    assert (await root.get(f"{USERS}/{user_id}")).status_code == 422


async def test_last_administrator_stays(desk, root):
    me = (await root.get("/api/v1/auth/me")).json()
    one = f"{USERS}/{me['user_id']}"
    # Who cannot log in does not count.
    await add_user(desk, "second-admin", Role.ADMIN, password=None)

    answers = [
        await root.patch(one, json={"is_active": False}),
        await root.patch(one, json={"roles": ["trader"]}),
        await root.delete(one),
    ]

    assert [answer.status_code for answer in answers] == [409] * 3
    assert (await root.get("/api/v1/auth/me")).json()["roles"] == ["admin"]


async def test_two_administrators_cannot_lock_each_other_out(postgres_url):
    async with serve_people(postgres_url) as service:
        users = [await add_user(service, login, Role.ADMIN) for login in ("one", "two")]
        async with browse(service, "one") as one, browse(service, "two") as two:
            answers = await asyncio.gather(
                one.patch(f"{USERS}/{users[1].id}", json={"is_active": False}),
                two.patch(f"{USERS}/{users[0].id}", json={"is_active": False}),
            )
        left = [await service.runtime.people.accounts.get(user.id) for user in users]

    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert sum(user.is_active for user in left) == 1


async def test_new_link_makes_the_old_one_worthless(desk, root):
    user = await add_user(desk, "linked")
    tokens = await issue_tokens(desk, "linked")
    old = (await root.post(f"{USERS}/{user.id}/setup-link")).json()["url"]
    new = (await root.post(f"{USERS}/{user.id}/setup-link")).json()["url"]

    assert (await redeem(desk, old)).status_code == 401
    short = await redeem(desk, new, password="short")
    named = await redeem(desk, new, login="other")
    used = await redeem(desk, new, password="a password of their own")

    # What is refused does not use the link up.
    assert (short.status_code, named.status_code, used.status_code) == (422, 422, 204)
    assert (await log_in(desk, "linked")).status_code == 401
    assert (await log_in(desk, "linked", "a password of their own")).status_code == 200
    # And whoever was signed in is not any more.
    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 401


async def test_first_administrator_is_made_by_the_link_and_only_once(postgres_url):
    async with serve_people(postgres_url) as service:
        links = service.runtime.people.setup_links
        stale = await links.make_first(actor=OPERATOR)
        link = await links.make_first(actor=OPERATOR)
        nameless = await redeem(service, link.path)
        answers = await asyncio.gather(
            *(redeem(service, link.path, login=f"root-{n}") for n in range(4))
        )
        late = await redeem(service, stale.path, login="late")
        listed = await service.runtime.people.accounts.has_any()

    assert link.path.startswith("/setup#swl_")
    assert nameless.status_code == 422
    assert sorted(answer.status_code for answer in answers) == [204, 401, 401, 401]
    assert late.status_code == 401
    assert listed


async def test_link_expires(postgres_url):
    async with serve_people(postgres_url) as service:
        link = await service.runtime.people.setup_links.make_first(actor=OPERATOR)
        async with service.runtime.database.write() as session:
            connection = await session.connection()
            await connection.exec_driver_sql(
                "UPDATE setup_link SET expires_at = now() - interval '1 second'"
            )
        answer = await redeem(service, link.path, login="root")
        await service.runtime.people.setup_links.purge()
        async with service.runtime.database.read() as session:
            connection = await session.connection()
            left = (await connection.exec_driver_sql("SELECT count(*) FROM setup_link")).scalar()

    assert answer.status_code == 401
    assert left == 0


@pytest.mark.parametrize("token", ["", "x", "swl_", "swl_" + "A" * 43, "\x00", "ü"])
async def test_made_up_link_is_refused(desk, token):
    answer = await redeem(desk, f"#{token}", login="x")

    assert answer.status_code in (400, 401, 422)


async def test_demo_principal_ends_with_the_first_account(postgres_url):
    async with serve_people(postgres_url, demo_principal=True) as service:
        before = await service.client.get("/api/v1/auth/me")
        added = await add_user(service, "root", Role.ADMIN)

        async def is_over():
            return (await service.client.get("/api/v1/auth/me")).status_code == 401

        await eventually(is_over, timeout_s=1.0)
        demo = await service.runtime.people.accounts.get_by_login("demo")

    assert before.json()["credential"] == "demo"
    assert before.json()["user_id"] == demo.id != added.id
    assert not demo.has_password


async def test_demo_principal_of_the_demo_goes_on_beside_users(postgres_url):
    settings = {"demo_principal": True, "demo_beside_users": True}
    async with serve_people(postgres_url, **settings) as service:
        await add_user(service, "root", Role.ADMIN)
        me = await service.client.get("/api/v1/auth/me")
        changed = await service.client.put(
            "/api/v1/auth/password",
            json={"current_password": "x", "new_password": "a password for demo"},
        )
        out = await service.client.post("/api/v1/auth/logout")
        # A cookie of another server on this machine is the same as none.
        stale = f"strikewire=sws_{'0' * 32}_{'A' * 43}"
        with_cookie = await service.client.get("/api/v1/auth/me", headers={"Cookie": stale})

    assert me.json()["subject"] == "demo"
    assert (changed.status_code, out.status_code) == (409, 409)
    assert with_cookie.json()["credential"] == "demo"
