"""Streams over a real Redis: one program hears the market, two others only serve."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from strikewire.bootstrap import ReplayRequest
from strikewire.stream.relay import RelayConfig
from strikewire.stream.relay_store import RelayStore
from tests.api.conftest import SYMBOL, make_database, make_settings, serve
from tests.api.redis_server import RedisServer
from tests.api.test_serving import start
from tests.eventually import eventually


@pytest.fixture
async def redis(require_part):
    server = RedisServer(require_part("redis-server"))
    await server.start()
    yield server
    server.kill()


@contextlib.asynccontextmanager
async def run_site(postgres_url, data_dirs, redis, recording):
    """Run a program that plays the recording and two that serve; all know one Redis."""
    async with make_database(postgres_url) as url, contextlib.AsyncExitStack() as stack:
        variables = {"DATABASE_URL": url, "REDIS_URL": redis.url}
        first, second = [
            await stack.enter_async_context(start("serve", "--data-dir", data_dirs(), **variables))
            for _ in range(2)
        ]
        # Last, for the recording lasts two minutes.
        arguments = ("serve", "--data-dir", data_dirs(), "--replay", recording, "--speed", "60x")
        feed = await stack.enter_async_context(start(*arguments, **variables))
        yield feed, first, second


@pytest.fixture
async def site(postgres_url, data_dirs, redis, recording):
    async with run_site(postgres_url, data_dirs, redis, recording) as programs:
        yield programs


class Listener:
    """A client that notes every closed bar it is told of, and where it stands."""

    def __init__(self, program):
        self.url = str(program.client.base_url).replace("http", "ws").rstrip("/") + "/ws"
        self.closed = {}
        self.seen = {}
        self.first = None
        self.status = None
        self.errors = []
        self.following = None

    def start(self):
        self.following = asyncio.create_task(self.follow())

    async def follow(self):
        with contextlib.suppress(ConnectionClosed):
            async with connect(self.url, proxy=None) as client:
                await client.send(
                    json.dumps({"action": "subscribe", "topic": f"bars:{SYMBOL}:1m", **self.seen})
                )
                async for text in client:
                    self.take(json.loads(text))

    def take(self, message):
        kind = message["type"]
        if kind == "status":
            self.status = message
        elif kind == "error":
            self.errors.append(message)
        elif kind in ("snapshot", "resumed", "bar"):
            if kind != "bar":
                self.first = message
                assert kind == "resumed" or not self.closed, "everything was to be recovered"
            elif not message["bar"]["is_forming"]:
                assert message["seq"] not in self.closed, "told twice"
                self.closed[message["seq"]] = message["bar"]
            self.seen = {"epoch": message["epoch"], "seq": message["seq"]}

    def find_holes(self):
        numbers = sorted(self.closed)
        return set(range(numbers[0], numbers[-1] + 1)) - set(numbers)


@contextlib.asynccontextmanager
async def listening(*programs):
    listeners = [Listener(program) for program in programs]
    for each in listeners:
        each.start()
    try:
        yield listeners
    finally:
        for each in listeners:
            each.following.cancel()
        await asyncio.gather(*(each.following for each in listeners), return_exceptions=True)


def has_heard(*listeners, bars):
    def has():
        for each in listeners:
            if each.following.done():
                # What it was told and should not have been.
                each.following.result()
        return all(len(each.closed) >= bars for each in listeners)

    return has


@pytest.mark.promise("W3")
async def test_clients_of_every_program_hear_one_sequence_and_move_on_when_theirs_dies(site):
    feed, first, second = site
    async with listening(feed, first, second) as listeners:
        own, mover, stayer = listeners
        await eventually(has_heard(*listeners, bars=5), timeout_s=30.0)
        assert mover.status["mode"] == stayer.status["mode"] == "replay"
        body = (await first.client.get("/api/v1/market")).json()
        assert (body["mode"], body["state"]) == ("replay", "playing")

        first.process.send_signal(signal.SIGKILL)
        await first.process.wait()
        count = len(stayer.closed)
        await eventually(has_heard(own, stayer, bars=count + 3), timeout_s=30.0)

        mover.url = stayer.url
        mover.start()
        await eventually(has_heard(*listeners, bars=count + 6), timeout_s=30.0)

        assert mover.first["recovered"]
        assert mover.first["missed"] >= 3
        for each in listeners:
            assert each.find_holes() == set()
            assert each.seen["epoch"] == own.seen["epoch"]
        shared = own.closed.keys() & mover.closed.keys() & stayer.closed.keys()
        assert len(shared) >= 8
        for number in shared:
            assert own.closed[number] == mover.closed[number] == stayer.closed[number]


@pytest.mark.promise("D1")
async def test_redis_that_dies_and_comes_back_empty_costs_nobody_a_bar(site, redis):
    feed, first, _ = site
    async with listening(feed, first) as (own, other):
        await eventually(has_heard(own, other, bars=3), timeout_s=30.0)
        redis.kill()

        async def is_told():
            ready = await first.client.get("/api/v1/ready")
            health = (await first.client.get("/health")).json()
            assert ready.status_code == 200
            return ready.json()["dependencies"]["redis"] == "disconnected" and health["status"]

        assert await eventually(is_told, timeout_s=10.0) == "degraded"
        count = len(own.closed)
        await eventually(has_heard(own, bars=count + 4), timeout_s=30.0)
        # Its market has not been heard of for a while, and it says so.
        await eventually(lambda: other.status["mode"] == "none", timeout_s=10.0)

        await redis.start()
        count = len(own.closed)
        await eventually(has_heard(own, other, bars=count + 2), timeout_s=30.0)

        assert own.find_holes() == other.find_holes() == set()
        await eventually(lambda: other.status["mode"] == "replay", timeout_s=10.0)


async def test_command_that_is_cancelled_at_whatever_moment_is_not_gone_on_with(redis):
    store = RelayStore.connect(RelayConfig(url=redis.url))

    async def ask():
        while True:
            await store.find_last_id("nothing")

    await store.ping()
    for moments in range(200):
        asking = asyncio.create_task(ask())
        for _ in range(moments):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking], timeout=5.0)
        assert asking.cancelled(), f"{moments} turns of the loop after its start"
    await store.aclose()


async def test_topic_nobody_hears_is_an_error_and_so_is_one_there_is_not(
    postgres_url, data_dirs, redis, recording
):
    async with run_site(postgres_url, data_dirs, redis, recording) as (feed, first, _):
        listener = Listener(first)
        async with connect(listener.url, proxy=None) as client:

            async def ask(topic):
                await client.send(json.dumps({"action": "subscribe", "topic": topic}))
                while True:
                    message = json.loads(await client.recv())
                    if message["type"] in ("error", "snapshot"):
                        return message

            assert (await ask("bars:NSE:NOBODY:1m"))["code"] == "unknown_symbol"
            assert (await ask("bars:BANKNIFTY-I:3m"))["topic"] == f"bars:{SYMBOL}:3m"
            feed.process.kill()
            await feed.process.wait()
            found = await ask(f"bars:{SYMBOL}:15m")
            assert found["code"] == "dependency_unavailable"


async def test_program_that_ends_lets_its_lease_go_and_leaves_no_connection(
    postgres_url, data_dirs, redis, recording
):
    lease = RelayConfig(redis.url).lease_key
    async with make_database(postgres_url) as url, Redis.from_url(redis.url) as client:
        settings = make_settings(url, data_dir=data_dirs(), redis_url=redis.url)
        async with serve(settings, replay=ReplayRequest(path=recording, speed=60.0)):
            await eventually(lambda: client.exists(lease), timeout_s=20.0)

        # It is let go by having it expire within a millisecond.
        assert await client.pttl(lease) <= 1
        assert len(await client.client_list()) == 1
