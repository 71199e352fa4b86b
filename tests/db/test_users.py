"""Accounts in the database."""

from __future__ import annotations

import asyncio

import pytest

from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import parse_rfc3339
from strikewire.core.users import Role, UserOrigin
from strikewire.store.users import UserFilter, UserStore

STORE = UserStore()
ISSUER = "https://people.example.com"


async def create(session, login="asha", *, roles=(Role.TRADER,), **given):
    return await STORE.create(session, login=login, roles=roles, **given)


async def test_created_user_is_found_by_id_and_login(write_session):
    user = await create(write_session, display_name="Asha", password_hash="$argon2id$...")

    assert await STORE.find(write_session, user.id) == user
    assert await STORE.find_by_login(write_session, "asha") == user
    assert (user.roles, user.origin, user.is_active) == ({Role.TRADER}, UserOrigin.LOCAL, True)
    assert (user.has_password, user.last_login_ns, user.security_stamp) == (True, None, 1)
    assert await STORE.find_with_password_hash(write_session, "asha") == (user, "$argon2id$...")
    assert "argon2id" not in repr(user)


async def test_login_names_are_given_once(write_session):
    await create(write_session)

    with pytest.raises(ConflictError, match="'asha' is taken"):
        await create(write_session)


async def test_nobody_is_found(write_session):
    assert await STORE.find(write_session, 999) is None
    assert await STORE.find_by_login(write_session, "asha") is None
    assert not await STORE.has_accounts(write_session)
    for attempt in (
        STORE.get(write_session, 999),
        STORE.change(write_session, 999, display_name="x"),
        STORE.delete(write_session, 999),
    ):
        with pytest.raises(NotFoundError, match="no user 999"):
            await attempt


@pytest.mark.parametrize(
    ("changes", "stamp"),
    [
        ({"display_name": "Asha R"}, 1),
        ({"roles": [Role.VIEWER]}, 2),
        ({"is_active": False}, 2),
        ({"password_hash": "$argon2id$new"}, 2),
    ],
    ids=["name", "roles", "active", "password"],
)
async def test_change_of_what_somebody_may_do_raises_the_stamp(write_session, changes, stamp):
    user = await create(write_session)

    changed = await STORE.change(write_session, user.id, **changes)

    assert changed.security_stamp == stamp
    assert changed == await STORE.get(write_session, user.id)


async def test_external_user_is_made_once_and_follows_its_roles(write_session):
    await create(write_session, "asha")

    async def ensure(*roles):
        return await STORE.ensure(
            write_session, origin=UserOrigin.EXTERNAL, issuer=ISSUER, login="asha", roles=roles
        )

    first = await ensure(Role.TRADER)
    again = await ensure(Role.TRADER)
    demoted = await ensure(Role.VIEWER)

    # Another one than the local user of that name.
    assert await STORE.find_by_login(write_session, "asha") != first
    assert again == first
    assert (demoted.id, demoted.roles, demoted.security_stamp) == (first.id, {Role.VIEWER}, 2)


async def test_demo_user_is_no_account(write_session):
    await STORE.ensure(write_session, origin=UserOrigin.DEMO, login="demo", roles=list(Role))

    assert not await STORE.has_accounts(write_session)
    await create(write_session)
    assert await STORE.has_accounts(write_session)


async def test_users_are_listed_by_what_is_asked_for(write_session):
    asha = await create(write_session, display_name="Asha 100%", roles=[Role.ADMIN])
    ravi = await create(write_session, "ravi")
    await STORE.change(write_session, ravi.id, is_active=False)

    async def list_logins(*, limit=10, offset=0, **wanted):
        page = await STORE.list_page(
            write_session, UserFilter(**wanted), limit=limit, offset=offset
        )
        return [each.login for each in page[0]], page[1]

    assert await list_logins() == (["asha", "ravi"], 2)
    assert await list_logins(limit=1, offset=1) == (["ravi"], 2)
    assert await list_logins(text="100%") == ([asha.login], 1)
    assert await list_logins(text="RAV") == (["ravi"], 1)
    assert await list_logins(text="%") == ([asha.login], 1)
    assert await list_logins(role=Role.ADMIN) == (["asha"], 1)
    assert await list_logins(is_active=True) == (["asha"], 1)


async def test_login_is_noted_without_a_change_of_stamp(write_session):
    user = await create(write_session, password_hash="old")
    at_ns = parse_rfc3339("2026-11-20T09:00:00Z")

    await STORE.note_login(write_session, user.id, at_ns, rehashed="new")

    noted = await STORE.get(write_session, user.id)
    assert (noted.last_login_ns, noted.security_stamp) == (at_ns, 1)
    assert (await STORE.find_with_password_hash(write_session, "asha"))[1] == "new"


async def test_administrators_are_those_who_can_log_in(write_session):
    asha = await create(write_session, roles=[Role.ADMIN], password_hash="x")
    gone = await create(write_session, "gone", roles=[Role.ADMIN], password_hash="x")
    await STORE.change(write_session, gone.id, is_active=False)
    await create(write_session, "no-password", roles=[Role.ADMIN])
    await create(write_session, "trader", password_hash="x")
    await STORE.ensure(
        write_session, origin=UserOrigin.EXTERNAL, issuer=ISSUER, login="x", roles=[Role.ADMIN]
    )

    assert await STORE.lock_administrators(write_session) == {asha.id}


async def test_second_of_two_removals_sees_the_first(database):
    async with database.write() as session:
        users = [
            await create(session, login, roles=[Role.ADMIN], password_hash="x")
            for login in ("asha", "ravi")
        ]
    both = asyncio.Barrier(2)

    async def remove(user):
        async with database.write() as session:
            await both.wait()
            others = await STORE.lock_administrators(session) - {user.id}
            if others:
                await STORE.change(session, user.id, roles=[Role.TRADER])
            return len(others)

    assert sorted(await asyncio.gather(*map(remove, users))) == [0, 1]
