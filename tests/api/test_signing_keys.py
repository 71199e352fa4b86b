"""Keys that sign access tokens, rotated under a server that goes on running."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from strikewire.core.instants import DAY_NS, SECOND_NS
from strikewire.store.signing_keys import KeyState
from tests.api.conftest import make_database, serve
from tests.api.people import OPERATOR, add_user, bearer, get_me, issue_tokens, make_people_settings
from tests.eventually import eventually

JWKS = "/api/v1/auth/jwks.json"


@pytest.fixture
async def own_url(postgres_url):
    async with make_database(postgres_url) as url:
        yield url


@pytest.fixture
async def desk(own_url):
    async with serve(make_people_settings(own_url)) as service:
        await add_user(service, "asha")
        # What the task does at the start, and again and again.
        await service.runtime.people.signing_keys.look_after()
        yield service


async def list_kids(service):
    return [each["kid"] for each in (await service.client.get(JWKS)).json()["keys"]]


def read_kid(tokens):
    return jwt.get_unverified_header(tokens["access_token"])["kid"]


@pytest.mark.promise("S7")
async def test_rotation_moves_each_key_one_place_on(desk):
    before = await issue_tokens(desk, "asha")
    next_kid, current_kid = await list_kids(desk)

    await desk.runtime.people.signing_keys.rotate(actor=OPERATOR)
    after = await issue_tokens(desk, "asha")
    kids = await list_kids(desk)

    assert read_kid(before) == current_kid
    # It had been published before it signed.
    assert read_kid(after) == next_kid
    assert kids[1:] == [next_kid, current_kid]
    assert kids[0] not in (next_kid, current_kid)
    for tokens in (before, after):
        assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 200


@pytest.mark.promise("S7")
async def test_tokens_stay_good_while_keys_rotate_under_load(desk):
    tokens = await issue_tokens(desk, "asha")

    async def ask():
        shown = bearer(tokens["access_token"])
        return {(await get_me(desk, **shown)).status_code for _ in range(20)}

    async def rotate():
        for _ in range(3):
            await desk.runtime.people.signing_keys.rotate(actor=OPERATOR)

    first, second, _ = await asyncio.gather(ask(), ask(), rotate())

    assert first | second == {200}


@pytest.mark.promise("S7")
async def test_two_programs_on_one_database_know_each_others_keys(own_url, desk):
    async with serve(make_people_settings(own_url)) as other:
        tokens = await issue_tokens(other, "asha")
        assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 200
        # As `strikewire signing-keys rotate` does it: in a program of its own.
        await other.runtime.people.signing_keys.rotate(actor=OPERATOR)
        later = await issue_tokens(other, "asha")
        assert (await get_me(desk, **bearer(later["access_token"]))).status_code == 200

        async def signs_with_the_new_key():
            return read_kid(await issue_tokens(desk, "asha")) == read_kid(later)

        await eventually(signs_with_the_new_key)


@pytest.mark.promise("S7")
async def test_compromised_key_is_refused_everywhere_within_a_second(own_url, desk):
    async with serve(make_people_settings(own_url)) as other:
        tokens = await issue_tokens(desk, "asha")
        assert (await get_me(other, **bearer(tokens["access_token"]))).status_code == 200
        old = await list_kids(desk)
        await desk.runtime.people.signing_keys.rotate(actor=OPERATOR, is_compromised=True)
        here = await get_me(desk, **bearer(tokens["access_token"]))

        async def is_refused_there():
            return (await get_me(other, **bearer(tokens["access_token"]))).status_code == 401

        await eventually(is_refused_there, timeout_s=1.0)
        kids = await list_kids(desk)
        fresh = await issue_tokens(desk, "asha")

    assert here.status_code == 401
    assert set(kids).isdisjoint(old)
    assert len(kids) == 2
    assert (await get_me(desk, **bearer(fresh["access_token"]))).status_code == 200


async def age(service, state, by_ns):
    """Let a key have been in its state for so much longer."""
    async with service.runtime.database.write() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(
            f"UPDATE signing_key SET state_since = state_since - interval '{by_ns // SECOND_NS} s'"
            f" WHERE state = '{state}'"
        )


@pytest.mark.promise("S7")
async def test_old_key_is_replaced_and_a_dead_one_dropped(desk):
    keys = desk.runtime.people.signing_keys
    next_kid, current_kid = await list_kids(desk)

    await keys.look_after()
    assert await list_kids(desk) == [next_kid, current_kid]

    await age(desk, KeyState.CURRENT, 31 * DAY_NS)
    await keys.look_after()
    assert (await list_kids(desk))[1:] == [next_kid, current_kid]

    # As long as what it signed may be good it stays: ten minutes, and a margin.
    await age(desk, KeyState.PREVIOUS, 11 * 60 * SECOND_NS)
    await keys.look_after()
    assert current_kid in await list_kids(desk)

    await age(desk, KeyState.PREVIOUS, 2 * 60 * SECOND_NS)
    await keys.look_after()
    kids = await list_kids(desk)
    assert current_kid not in kids
    assert kids[1] == next_kid


async def test_many_that_look_after_the_keys_rotate_once(desk):
    await age(desk, KeyState.CURRENT, 31 * DAY_NS)

    await asyncio.gather(*(desk.runtime.people.signing_keys.look_after() for _ in range(4)))

    assert len(await list_kids(desk)) == 3


async def test_private_halves_are_ciphertext_in_the_database(desk):
    async with desk.runtime.database.read() as session:
        connection = await session.connection()
        found = await connection.exec_driver_sql("SELECT sealed_private_key FROM signing_key")
        sealed = found.scalars().all()

    assert len(sealed) == 2
    assert all(each.startswith(b"SWS\x01") for each in sealed)


async def test_key_set_is_public_and_may_be_cached_for_a_minute(desk):
    answer = await desk.client.get(JWKS)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert {each["use"] for each in answer.json()["keys"]} == {"sig"}
