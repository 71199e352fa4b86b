"""Who is let in by the sockets' door, how, how many, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import replace

import msgpack
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from strikewire.api.config import ApiConfig, GateConfig, SocketConfig
from strikewire.api.ws.close_codes import CloseCode
from strikewire.auth.credentials import Caller
from strikewire.auth.scopes import Scope
from strikewire.core.errors import NotAuthenticatedError
from strikewire.settings import load_settings
from tests.api.conftest import serve_runtime
from tests.api.desks import MASTER, MASTER_KEY, open_desk, show
from tests.eventually import eventually

LISTENING = frozenset({Scope.BARS_READ, Scope.STREAMS_OPEN})


@pytest.fixture(scope="module")
async def desk(postgres_url):
    async with open_desk(postgres_url, socket_recheck_s=0.2) as desk:
        yield desk


@contextlib.asynccontextmanager
async def beside(desk, **sockets):
    """Serve the same once more, with other limits."""
    config = ApiConfig(sockets=SocketConfig(**sockets))
    async with serve_runtime(desk.service.runtime, config) as service:
        yield replace(desk, service=service)


def locate(desk, path="/ws/bars", **query):
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return desk.service.url.replace("http", "ws") + path + (f"?{text}" if text else "")


async def read(client, kind):
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await client.recv())
            if message["type"] == kind:
                return message


async def hear_close(client):
    """Return the code that a socket is closed with."""
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                await client.recv()
    return client.close_code


async def get_refusal(url, **options):
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, proxy=None, **options)
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"]["code"]


async def get_ticket(desk, headers):
    answer = await desk.client.post("/api/v1/auth/stream-tickets", headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["ticket"]


async def introduce(client, **fields):
    await client.send(json.dumps({"action": "authenticate", **fields}))


@pytest.mark.promise("S13")
@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_key_in_the_handshake_opens_a_socket(desk, header):
    key = await desk.make_key(scopes=LISTENING)
    value = key.text.text if header == "X-API-Key" else f"Bearer {key.text.text}"

    async with connect(locate(desk), additional_headers={header: value}, proxy=None) as client:
        assert await read(client, "welcome")


@pytest.mark.promise("S13")
async def test_bad_credential_in_the_handshake_is_refused_before_it(desk, caplog):
    key = await desk.make_key(scopes=frozenset({Scope.COVERAGE_READ}))
    url = locate(desk)

    assert await get_refusal(url, additional_headers=show(key)) == (403, "not_permitted")
    for headers in ({"X-API-Key": "x"}, {"Authorization": "Bearer a.b.c"}):
        assert await get_refusal(url, additional_headers=headers) == (401, "not_authenticated")
    for query in ("ticket=", "ticket=x", "ticket=swt_x", "ticket=a&ticket=b"):
        assert await get_refusal(f"{url}?{query}") == (401, "not_authenticated")
    basic = {"Authorization": "Basic YTpi"}
    assert await get_refusal(url, additional_headers=basic) == (401, "not_authenticated")
    # Who knocks with nothing must not be able to fill the log.
    assert caplog.records == []


@pytest.mark.promise("S13")
async def test_ticket_opens_one_socket_and_no_route(desk, caplog):
    key = await desk.make_key(scopes=LISTENING)
    ticket = await get_ticket(desk, show(key))

    for headers in ({"Authorization": f"Bearer {ticket}"}, {"X-API-Key": ticket}):
        assert (await desk.client.get("/api/v1/bars", headers=headers)).status_code == 401
    answer = await desk.client.get("/api/v1/market-rules", params={"ticket": ticket})
    assert answer.status_code == 401
    async with connect(locate(desk, ticket=ticket), proxy=None) as client:
        assert await read(client, "welcome")
    assert await get_refusal(locate(desk, ticket=ticket)) == (401, "not_authenticated")
    assert ticket not in caplog.text


@pytest.mark.promise("S13")
async def test_ticket_gives_no_more_than_what_asked_for_it(desk):
    key = await desk.make_key(scopes=frozenset({Scope.STREAMS_OPEN}))
    ticket = await get_ticket(desk, show(key))
    assert await get_refusal(locate(desk, ticket=ticket)) == (403, "not_permitted")

    without = await desk.make_key(scopes=frozenset({Scope.BARS_READ}))
    refused = await desk.client.post("/api/v1/auth/stream-tickets", headers=show(without))
    assert refused.status_code == 403
    assert (await desk.client.post("/api/v1/auth/stream-tickets")).status_code == 401


@pytest.mark.promise("S13")
async def test_ticket_of_a_revoked_key_is_worth_nothing(desk):
    key = await desk.make_key(scopes=LISTENING)
    ticket = await get_ticket(desk, show(key))
    await desk.client.delete(f"/api/v1/keys/{key.key.id}", headers=MASTER)

    assert await get_refusal(locate(desk, ticket=ticket)) == (401, "not_authenticated")


@pytest.mark.promise("S13")
async def test_ticket_ends_after_thirty_seconds(desk):
    key = await desk.make_key(scopes=LISTENING)
    ticket = await get_ticket(desk, show(key))
    lifetime = "extract(epoch from expires_at - now())"
    await desk.execute(
        f"DO $$ BEGIN ASSERT (SELECT max({lifetime}) BETWEEN 25 AND 30 FROM stream_ticket); END $$"
    )
    await desk.execute("UPDATE stream_ticket SET expires_at = now()")

    assert await get_refusal(locate(desk, ticket=ticket)) == (401, "not_authenticated")


@pytest.mark.promise("S13")
@pytest.mark.parametrize("kind", ["api_key", "token", "ticket", "master"])
async def test_first_message_says_who_it_is(desk, kind):
    key = await desk.make_key(scopes=LISTENING)
    field, secret = {
        "api_key": ("api_key", key.text.text),
        "token": ("token", key.text.text),
        "ticket": ("ticket", await get_ticket(desk, show(key))),
        "master": ("api_key", MASTER_KEY),
    }[kind]

    async with connect(locate(desk), proxy=None) as client:
        await introduce(client, **{field: secret})
        assert json.loads(await client.recv())["type"] == "welcome"
        await introduce(client, **{field: secret})
        assert (await read(client, "error"))["code"] == "conflict"


async def test_first_message_may_be_packed(desk):
    key = await desk.make_key(scopes=LISTENING)
    async with connect(locate(desk, encoding="msgpack"), proxy=None) as client:
        await client.send(msgpack.packb({"action": "authenticate", "api_key": key.text.text}))
        assert msgpack.unpackb(await client.recv())["type"] == "welcome"
    async with connect(locate(desk, encoding="msgpack"), proxy=None) as client:
        await client.send(msgpack.packb({"action": "authenticate", "api_key": "x", "id": 7}))
        error = msgpack.unpackb(await client.recv())
        assert (error["code"], error["id"]) == ("not_authenticated", 7)
        assert await hear_close(client) == CloseCode.NOT_AUTHENTICATED


@pytest.mark.promise("S13")
@pytest.mark.parametrize(
    ("message", "error", "code"),
    [
        ({"action": "authenticate", "api_key": "x"}, "not_authenticated", 4401),
        ({"action": "authenticate", "ticket": "swt_x"}, "not_authenticated", 4401),
        ({"action": "authenticate", "token": "a.b.c"}, "not_authenticated", 4401),
        ({"action": "authenticate"}, "validation_failed", 4401),
        ({"action": "authenticate", "token": "a", "api_key": "b"}, "validation_failed", 4401),
        ({"action": "subscribe", "symbol": "NSE:NIFTY 50"}, "not_authenticated", 4401),
        ({"action": "ping"}, "not_authenticated", 4401),
        ([], "malformed_request", 4400),
        ("no scope", "not_permitted", 4403),
        (b"{}", None, 1003),
        ("x" * 20_000, None, 1009),
    ],
    ids=repr,
)
async def test_whoever_says_something_else_is_told_nothing_and_closed(desk, message, error, code):
    if message == "no scope":
        key = await desk.make_key(scopes=frozenset({Scope.COVERAGE_READ}))
        message = {"action": "authenticate", "api_key": key.text.text}
    raw = message if isinstance(message, bytes) else json.dumps(message)

    async with connect(locate(desk), proxy=None) as client:
        await client.send(raw)
        if error is not None:
            assert json.loads(await client.recv())["code"] == error
        assert await hear_close(client) == code


@pytest.mark.promise("S13")
async def test_silent_socket_is_told_nothing_and_closed_in_five_seconds(desk):
    assert SocketConfig().first_message_s == 5.0
    async with connect(locate(desk), proxy=None) as client:
        started = time.monotonic()
        with pytest.raises(ConnectionClosed):
            await client.recv()
        took_s = time.monotonic() - started
        assert client.close_code == CloseCode.NOT_AUTHENTICATED
    assert 4.5 < took_s < 6.5


@pytest.mark.promise("S13")
async def test_silent_sockets_cannot_take_every_place(desk):
    key = await desk.make_key(scopes=LISTENING)
    async with beside(desk, max_strangers=2) as small, contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(connect(locate(small), proxy=None))
        assert await get_refusal(locate(small)) == (503, "dependency_unavailable")
        known = connect(locate(small), additional_headers=show(key), proxy=None)
        assert await read(await stack.enter_async_context(known), "welcome")


@pytest.mark.promise("S13")
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://desk.example.com:444"])
async def test_page_of_another_site_opens_no_socket_whatever_it_brings(desk, origin):
    ticket = await get_ticket(desk, show(await desk.make_key(scopes=LISTENING)))
    url = locate(desk, ticket=ticket)

    assert await get_refusal(url, origin=origin) == (403, "not_permitted")
    # The ticket was not even looked at.
    async with connect(url, origin=desk.service.url, proxy=None) as client:
        assert await read(client, "welcome")


async def test_page_of_a_listed_origin_opens_a_socket(desk):
    config = ApiConfig(gate=GateConfig(cors_origins=("https://desk.example.com",)))
    key = await desk.make_key(scopes=LISTENING)
    async with serve_runtime(desk.service.runtime, config) as service:
        url = locate(replace(desk, service=service))
        async with connect(url, origin="https://desk.example.com", proxy=None) as client:
            await introduce(client, api_key=key.text.text)
            assert await read(client, "welcome")


@pytest.mark.promise("S13")
async def test_one_user_has_so_many_sockets_whatever_the_key(desk):
    keys = [await desk.make_key(scopes=LISTENING) for _ in range(3)]
    other = await desk.make_key("bela", scopes=LISTENING)
    async with beside(desk, max_per_user=2) as small, contextlib.AsyncExitStack() as stack:
        url = locate(small)
        clients = [
            await stack.enter_async_context(connect(url, additional_headers=show(key), proxy=None))
            for key in keys[:2]
        ]
        for client in clients:
            await read(client, "welcome")
        assert await get_refusal(url, additional_headers=show(keys[2])) == (429, "rate_limited")
        late = await stack.enter_async_context(connect(url, proxy=None))
        await introduce(late, api_key=keys[2].text.text)
        assert (await read(late, "error"))["code"] == "rate_limited"
        assert await hear_close(late) == CloseCode.TOO_OFTEN
        bela = await stack.enter_async_context(
            connect(url, additional_headers=show(other), proxy=None)
        )
        assert await read(bela, "welcome")
        # A place that is left is free.
        await clients[0].close()
        again = connect(url, additional_headers=show(keys[2]), proxy=None)
        assert await read(await stack.enter_async_context(again), "welcome")


@pytest.mark.promise("S13")
async def test_one_address_has_so_many_sockets(desk):
    async with beside(desk, max_per_address=2) as small, contextlib.AsyncExitStack() as stack:
        for login in ("asha", "bela"):
            key = await desk.make_key(login, scopes=LISTENING)
            client = connect(locate(small), additional_headers=show(key), proxy=None)
            await read(await stack.enter_async_context(client), "welcome")
        assert await get_refusal(locate(small)) == (429, "rate_limited")
    async with beside(desk, max_per_address=2) as small:
        for _ in range(5):
            async with connect(locate(small), proxy=None) as client:
                await client.close()


@pytest.mark.promise("W8")
@pytest.mark.parametrize("cause", ["revoked", "disabled", "scope", "network", "expired", "ticket"])
async def test_what_is_taken_away_closes_its_sockets(desk, cause):
    leaver = f"leaver-{cause}"
    await desk.add_user(leaver)
    key = await desk.make_key(leaver, scopes=LISTENING)
    other = await desk.make_key(leaver if cause != "disabled" else "asha", scopes=LISTENING)
    if cause == "ticket":
        url, headers = locate(desk, ticket=await get_ticket(desk, show(key))), {}
    else:
        url, headers = locate(desk), show(key)
    async with (
        connect(url, additional_headers=headers, proxy=None) as client,
        connect(locate(desk), additional_headers=show(other), proxy=None) as untouched,
    ):
        await read(client, "welcome")
        # As another process does it: this one has to find out.
        statement = {
            "revoked": "UPDATE api_keys SET revoked_at = now() WHERE id = $1",
            "ticket": "UPDATE api_keys SET revoked_at = now() WHERE id = $1",
            "scope": "UPDATE api_keys SET scopes = '{streams:open}' WHERE id = $1",
            "network": "UPDATE api_keys SET networks = '{192.0.2.0/24}' WHERE id = $1",
            "expired": "UPDATE api_keys SET created_at = '2000-01-01', expires_at = now() "
            "WHERE id = $1",
            "disabled": "UPDATE users SET is_active = false "
            "WHERE id = (SELECT user_id FROM api_keys WHERE id = $1)",
        }[cause]
        await desk.execute(statement, key.key.id)
        wanted = CloseCode.NOT_PERMITTED if cause == "scope" else CloseCode.NOT_AUTHENTICATED
        assert await hear_close(client) == wanted
        await untouched.send(json.dumps({"action": "ping"}))
        assert await read(untouched, "pong")


@pytest.mark.promise("W8")
def test_credentials_are_asked_about_often_enough():
    sockets = SocketConfig()
    slowest_s = load_settings(socket_recheck_s=45).socket_recheck_s + sockets.close_timeout_s

    # Half a second is believed, and two rounds never take longer than the rest.
    assert slowest_s + 0.5 < 60


async def test_sockets_and_known_keys_stay_while_the_database_is_away(postgres_url, data_dirs):
    settings = {"socket_recheck_s": 0.05, "database_watch_interval_s": 0.05}
    async with open_desk(postgres_url, way_folder=data_dirs(), **settings) as desk:
        known, unknown = [
            await desk.make_key(scopes=LISTENING | {Scope.MARKET_RULES_READ}) for _ in range(2)
        ]
        rules = "/api/v1/market-rules"
        async with connect(locate(desk), additional_headers=show(known), proxy=None) as client:
            await read(client, "welcome")
            ticket = await get_ticket(desk, show(known))
            await desk.way.cut()

            async def is_away():
                return (await desk.client.get("/api/v1/ready")).status_code == 503

            await eventually(is_away)
            # Longer than what is believed with a database, and many rounds.
            over = asyncio.get_running_loop().time() + 0.7
            await eventually(lambda: asyncio.get_running_loop().time() > over)
            assert (await desk.client.get(rules, headers=show(known))).status_code == 200
            assert (await desk.client.get(rules, headers=show(unknown))).status_code == 503
            assert (await get_refusal(locate(desk, ticket=ticket)))[0] == 503
            async with connect(locate(desk), proxy=None) as late:
                await introduce(late, api_key=unknown.text.text)
                assert await hear_close(late) == CloseCode.TRY_LATER
            await client.send(json.dumps({"action": "ping"}))
            assert await read(client, "pong")

            await desk.way.open()
            await desk.execute("UPDATE api_keys SET revoked_at = now()")
            assert await hear_close(client) == CloseCode.NOT_AUTHENTICATED


async def test_socket_that_has_closed_is_not_asked_for_any_more(desk):
    watch = desk.service.runtime.credential_watch
    key = await desk.make_key(scopes=LISTENING)
    async with connect(locate(desk), additional_headers=show(key), proxy=None) as client:
        await read(client, "welcome")
        assert len(watch) >= 1
    await eventually(lambda: not len(watch))


async def test_renewal_of_a_key_asks_where_its_socket_is(desk):
    key = await desk.make_key(networks=("127.0.0.0/8",))
    here = Caller("127.0.0.1", "GET", "localhost", is_forwarded=False, is_cross_site=False)
    identity = desk.service.runtime.identity
    principal = await identity.authenticate(
        replace(here, credentials=replace(here.credentials, api_key=key.text.text))
    )

    assert await identity.renew(principal, here) == principal
    with pytest.raises(NotAuthenticatedError):
        await identity.renew(principal, replace(here, address="192.0.2.7"))
