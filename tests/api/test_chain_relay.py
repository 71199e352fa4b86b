"""Chains over a real Redis: one program hears the market, another only serves."""

from __future__ import annotations

import contextlib

import pytest

from tests.api.conftest import make_database
from tests.api.redis_server import RedisServer
from tests.api.test_chain_socket import SIMULATED, Follower, connect
from tests.api.test_serving import start
from tests.eventually import eventually

VARIABLES = {f"STRIKEWIRE_{name.upper()}": str(value) for name, value in SIMULATED.items()}


@pytest.fixture
async def redis(require_part):
    server = RedisServer(require_part("redis-server"))
    await server.start()
    yield server
    server.kill()


@contextlib.asynccontextmanager
async def follow(program, topic):
    url = str(program.client.base_url).replace("http", "ws").rstrip("/") + "/ws/fo/stream"
    async with connect(url, proxy=None) as client:
        follower = Follower(client)
        await follower.ask(action="subscribe", topic=topic)
        await follower.read_until(lambda: follower.first is not None)
        yield follower


@pytest.mark.promise("W5")
async def test_program_without_a_feed_tells_the_chain_as_the_feed_does(
    postgres_url, data_dirs, redis
):
    async with make_database(postgres_url) as url, contextlib.AsyncExitStack() as stack:
        variables = {"DATABASE_URL": url, "REDIS_URL": redis.url, **VARIABLES}
        simulating = ("serve", "--data-dir", data_dirs(), "--simulate", "--speed", "120x")
        feed = await stack.enter_async_context(start(*simulating, **variables))
        api = await stack.enter_async_context(
            start("serve", "--data-dir", data_dirs(), **variables)
        )

        async def ask():
            return await feed.client.get("/api/v1/fo/chain", params={"underlying": "NIFTY"})

        async def has_begun():
            return (await ask()).status_code == 200

        await eventually(has_begun, timeout_s=60.0)
        topic = f"chain:NIFTY:{(await ask()).json()['expiry']}"
        async with follow(feed, topic) as own, follow(api, topic) as relayed:
            await relayed.read_until(lambda: relayed.kinds.count("delta") >= 5)
            await relayed.read_until(lambda: len(relayed.minutes) >= 1)
            await feed.client.post("/api/v1/replay", json={"action": "pause"})
            wanted = (await ask()).json()
            await own.reach(wanted)
            await relayed.reach(wanted)
            assert (relayed.epoch, relayed.rev, relayed.seq) == (own.epoch, own.rev, own.seq)
            async with follow(api, topic) as late:
                assert late.state == wanted
                assert late.kinds == ["snapshot"]
