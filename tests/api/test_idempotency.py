"""A creating route under `Idempotency-Key`, on a real server and a real database."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

import asyncpg
import pytest
from pydantic import BaseModel, Field

from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.errors import ConflictError
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import make_database, make_settings, serve

PATH = "/api/v1/listings"


class Listing(BaseModel):
    tradingsymbol: str = Field(max_length=32)


class Listed(BaseModel):
    id: int
    tradingsymbol: str
    password: str | None


@dataclass
class Exchange:
    """A route that lists an equity and makes up a password that is shown once."""

    begun: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    fault: Exception | None = None

    async def create(self, once: OnceDep, listing: Listing):
        async def effect(session):
            self.begun.append(listing.tradingsymbol)
            spec = InstrumentSpec("NSE", listing.tradingsymbol, InstrumentKind.EQUITY)
            (made,) = await InstrumentStore().upsert(session, [spec])
            if self.gate is not None:
                await self.gate.wait()
            if self.fault is not None:
                raise self.fault
            body = Listed(
                id=made.id, tradingsymbol=listing.tradingsymbol, password=secrets.token_hex(16)
            )
            return Created(body, f"{PATH}/{made.id}", concealed=frozenset({"password"}))

        return await once.create(effect)

    def add_routes(self, app):
        Routes(app).add(
            "POST", PATH, self.create, access=Scope.MARKET_RULES_WRITE, tag="test",
            audit="listing.create", status_code=201, response_model=Listed,
        )  # fmt: skip


@pytest.fixture
def exchange():
    return Exchange()


@pytest.fixture
async def database_url(postgres_url):
    # Of its own: what is listed here would be found by everybody else's searches.
    async with make_database(postgres_url) as url:
        yield url


@pytest.fixture
async def client(database_url, exchange):
    async with serve(make_settings(database_url), adapt=exchange.add_routes) as service:
        yield service.client


async def post(client, name, *, key=None):
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(PATH, json={"tradingsymbol": name}, headers=headers)


async def count(database_url, name):
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(
            "SELECT count(*) FROM instrument_registry WHERE tradingsymbol = $1", name
        )
    finally:
        await connection.close()


async def test_request_sent_again_creates_nothing_and_is_answered_alike(client, exchange):
    first = await post(client, "ONCE", key="k-1")
    again = await post(client, "ONCE", key="k-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() | {"password": None}
    assert again.headers["location"] == first.headers["location"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (
        None,
        "true",
    )
    assert exchange.begun == ["ONCE"]


async def test_fields_in_another_order_are_the_same_request(client, exchange):
    headers = {"Idempotency-Key": "spelling", "Content-Type": "application/json"}
    for text in (b'{"tradingsymbol": "SPELT"}', b'{ "tradingsymbol" : "SP\\u0045LT" }'):
        assert (await client.post(PATH, content=text, headers=headers)).status_code == 201

    assert exchange.begun == ["SPELT"]


async def test_same_key_with_another_body_is_refused(client, exchange):
    await post(client, "FIRST", key="k-2")
    answer = await post(client, "SECOND", key="k-2")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert exchange.begun == ["FIRST"]


async def test_second_request_while_the_first_is_under_way_is_refused(client, exchange):
    exchange.gate = asyncio.Event()
    first = asyncio.create_task(post(client, "SLOW", key="k-3"))
    while not exchange.begun:
        await asyncio.sleep(0)
    second = await post(client, "SLOW", key="k-3")
    exchange.gate.set()

    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_busy")
    assert (await first).status_code == 201
    assert exchange.begun == ["SLOW"]


async def test_effect_that_failed_leaves_nothing_and_may_be_tried_again(
    client, exchange, database_url
):
    exchange.fault = ConflictError("not today")
    refused = await post(client, "LATER", key="k-4")
    found = await count(database_url, "LATER")
    exchange.fault = None
    answer = await post(client, "LATER", key="k-4")

    assert (refused.status_code, found) == (409, 0)
    assert answer.status_code == 201
    assert await count(database_url, "LATER") == 1


async def test_without_a_key_each_request_stands_for_itself(client, exchange):
    for _ in range(2):
        assert (await post(client, "TWICE")).status_code == 201

    assert exchange.begun == ["TWICE", "TWICE"]


@pytest.mark.parametrize("key", ["", "x" * 129, "with space"])
async def test_key_that_is_none_is_refused(client, exchange, key):
    answer = await post(client, "NEVER", key=key)

    assert (answer.status_code, exchange.begun) == (422, [])


async def test_what_is_shown_once_is_not_kept(client, database_url):
    shown = (await post(client, "SECRET", key="k-5")).json()["password"]
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT * FROM idempotency_keys WHERE key = 'k-5'")
    await connection.close()

    assert len(rows) == 1
    assert shown.encode() not in rows[0]["response"]
    assert shown not in str(dict(rows[0]))
