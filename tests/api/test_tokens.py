"""Access and refresh tokens over HTTP: what is refused, what is revoked, what is stolen."""

from __future__ import annotations

import asyncio
import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strikewire.auth.scopes import Role
from tests.api.people import (
    OPERATOR,
    add_user,
    bearer,
    get_me,
    issue_tokens,
    log_in,
    serve_people,
)
from tests.clients import open_client

REFRESH = "/api/v1/auth/refresh"


@pytest.fixture(scope="module")
async def desk(postgres_url):
    async with serve_people(postgres_url) as service:
        await add_user(service, "asha", Role.TRADER)
        await add_user(service, "root", Role.ADMIN)
        yield service


async def refresh(service, token):
    async with open_client(service.url, timeout=30) as client:
        return await client.post(REFRESH, json={"refresh_token": token})


def read(token, part):
    raw = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))


async def test_access_token_is_what_rfc_9068_wants_and_verifies_by_the_key_set(desk):
    token = (await issue_tokens(desk, "asha"))["access_token"]
    keys = (await desk.client.get("/api/v1/auth/jwks.json")).json()

    header, claims = read(token, 0), read(token, 1)
    (key,) = [each for each in keys["keys"] if each["kid"] == header["kid"]]
    verified = jwt.decode(
        token, jwt.PyJWK(key), algorithms=["EdDSA"], audience="strikewire", issuer="strikewire"
    )

    assert header.keys() == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    assert verified == claims
    assert claims["exp"] - claims["iat"] == 600
    # What somebody may do is looked up, so that a change of it acts at once.
    assert claims.keys() == {"iss", "aud", "sub", "sid", "stamp", "jti", "iat", "exp"}
    assert all("d" not in each for each in keys["keys"])


@pytest.mark.promise("S6")
async def test_credentials_are_not_taken_for_each_other(desk):
    tokens = await issue_tokens(desk, "asha")
    cookie = (await log_in(desk, "asha")).cookies["strikewire"]

    for wrong in (tokens["refresh_token"], cookie, "null", "undefined", "a.b.c", "."):
        assert (await get_me(desk, **bearer(wrong))).status_code == 401
    for wrong in (tokens["access_token"], cookie, "swr_", "swr_" + "x" * 100):
        assert (await refresh(desk, wrong)).status_code == 401
    for wrong in (tokens["access_token"], tokens["refresh_token"]):
        assert (await get_me(desk, Cookie=f"strikewire={wrong}")).status_code == 401
    # None of which has harmed the tokens themselves.
    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 200
    assert (await refresh(desk, tokens["refresh_token"])).status_code == 200


@pytest.mark.promise("S6")
async def test_token_of_a_strangers_key_is_refused_like_any_other(desk):
    token = (await issue_tokens(desk, "asha"))["access_token"]
    header, claims = read(token, 0), read(token, 1)
    stranger = Ed25519PrivateKey.generate()

    def forge(key, **changes):
        headers = {name: value for name, value in (header | changes).items() if name != "alg"}
        return jwt.encode(claims, key, algorithm="EdDSA", headers=headers)

    forged = [
        forge(stranger),
        forge(stranger, kid="unknown"),
        forge(stranger, jku=f"{desk.url}/api/v1/auth/jwks.json"),
        token[:-2],
        token + "x" * 100_000,
    ]
    answers = [await get_me(desk, **bearer(each)) for each in forged[:4]]
    long = await get_me(desk, **bearer(forged[4]))

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    assert {answer.json()["error"]["code"] for answer in answers} == {"not_authenticated"}
    assert answers[0].headers["www-authenticate"] == "Bearer"
    # The gate refuses a head of that size before anybody reads it.
    assert long.status_code in (400, 401, 431)


@pytest.mark.promise("S8")
async def test_refresh_token_is_good_once(desk):
    first = await issue_tokens(desk, "asha")
    second = (await refresh(desk, first["refresh_token"])).json()
    third = (await refresh(desk, second["refresh_token"])).json()

    assert len({each["refresh_token"] for each in (first, second, third)}) == 3
    # Each belongs to the one login.
    assert len({read(each["access_token"], 1)["sid"] for each in (first, second, third)}) == 1
    assert (await get_me(desk, **bearer(third["access_token"]))).status_code == 200


@pytest.mark.promise("S8")
async def test_refresh_token_shown_twice_ends_the_whole_family(desk):
    first = await issue_tokens(desk, "asha")
    second = (await refresh(desk, first["refresh_token"])).json()
    other = await issue_tokens(desk, "asha")
    assert (await get_me(desk, **bearer(second["access_token"]))).status_code == 200

    stolen = await refresh(desk, first["refresh_token"])

    assert stolen.status_code == 401
    assert (await refresh(desk, second["refresh_token"])).status_code == 401
    for tokens in (first, second):
        assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 401
    # Another login of the same person goes on.
    assert (await get_me(desk, **bearer(other["access_token"]))).status_code == 200


@pytest.mark.promise("S8")
async def test_of_two_at_the_same_time_one_is_the_thief(desk):
    tokens = await issue_tokens(desk, "asha")

    answers = await asyncio.gather(*(refresh(desk, tokens["refresh_token"]) for _ in range(8)))

    winners = [answer for answer in answers if answer.status_code == 200]
    assert len(winners) == 1
    assert {answer.status_code for answer in answers} == {200, 401}
    won = winners[0].json()
    assert (await get_me(desk, **bearer(won["access_token"]))).status_code == 401
    assert (await refresh(desk, won["refresh_token"])).status_code == 401


@pytest.mark.promise("S5")
async def test_changed_role_wants_a_new_access_token(desk):
    user = await add_user(desk, "moved")
    tokens = await issue_tokens(desk, "moved")

    await desk.runtime.people.accounts.change(user.id, actor=OPERATOR, roles=[Role.TRADER])

    assert (await get_me(desk, **bearer(tokens["access_token"]))).status_code == 401
    renewed = (await refresh(desk, tokens["refresh_token"])).json()
    me = (await get_me(desk, **bearer(renewed["access_token"]))).json()
    assert me["roles"] == ["trader"]


@pytest.mark.promise("S5")
async def test_disabled_account_is_out_everywhere_and_stays_out(desk):
    user = await add_user(desk, "leaver")
    tokens = await issue_tokens(desk, "leaver")
    cookie = f"strikewire={(await log_in(desk, 'leaver')).cookies['strikewire']}"
    accounts = desk.runtime.people.accounts

    await accounts.change(user.id, actor=OPERATOR, is_active=False)
    during = [
        (await get_me(desk, **bearer(tokens["access_token"]))).status_code,
        (await get_me(desk, Cookie=cookie)).status_code,
        (await refresh(desk, tokens["refresh_token"])).status_code,
        (await log_in(desk, "leaver")).status_code,
    ]
    await accounts.change(user.id, actor=OPERATOR, is_active=True)
    after = [
        (await get_me(desk, **bearer(tokens["access_token"]))).status_code,
        (await get_me(desk, Cookie=cookie)).status_code,
        (await log_in(desk, "leaver")).status_code,
    ]

    assert during == [401] * 4
    assert after == [401, 401, 200]


async def test_access_token_expires(postgres_url):
    async with serve_people(postgres_url, access_token_ttl_s=30) as service:
        await add_user(service, "asha")
        tokens = await issue_tokens(service, "asha")

    assert tokens["expires_in"] == 30
    claims = read(tokens["access_token"], 1)
    assert claims["exp"] - claims["iat"] == 30


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"refresh_token": ""},
        {"refresh_token": 1},
        {"refresh_token": "x" * 8_193},
        {"refresh_token": "x", "scope": "admin"},
    ],
)
async def test_rubbish_is_refused(desk, body):
    async with open_client(desk.url, timeout=30) as client:
        answer = await client.post(REFRESH, json=body)

    assert answer.status_code == 422
