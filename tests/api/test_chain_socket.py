"""`/ws/fo/stream` over real sockets: a chain, told by its changes, is what REST says of it."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from websockets.asyncio.client import connect

from strikewire.bootstrap import SimulationRequest
from strikewire.client import Stream
from strikewire.core.instants import MINUTE_NS, parse_rfc3339
from tests.api.conftest import make_database, make_settings, serve
from tests.api.test_replay import command
from tests.eventually import eventually
from tests.oracles.documents import follow

SIMULATED = {"simulated_underlyings": "NIFTY", "simulated_strikes": 6, "simulated_sessions": 1}


@pytest.fixture
async def market(postgres_url, data_dirs):
    """Serve an invented market that has begun."""
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs(), chain_interval_s=0.05, **SIMULATED)
        async with serve(settings, replay=SimulationRequest(speed=300.0)) as service:

            async def has_begun():
                chain = await ask_rest(service)
                return chain.status_code == 200 and chain.json()["figures"]["atm_iv"] is not None

            await eventually(has_begun)
            yield service


async def ask_rest(service, **params):
    return await service.client.get("/api/v1/fo/chain", params={"underlying": "NIFTY"} | params)


class Follower:
    """A client of one chain that believes nothing but what is documented."""

    def __init__(self, client):
        self.client = client
        self.first = None
        self.state = self.rev = self.epoch = self.seq = None
        self.minutes = []
        self.kinds = []

    async def ask(self, **body):
        await self.client.send(json.dumps(body))

    async def read(self):
        """Take in one message; returns it."""
        message = json.loads(await self.client.recv())
        kind = message["type"]
        if message.get("topic", "market") == "market" or kind == "unsubscribed":
            return message
        self.kinds.append(kind)
        if kind in ("snapshot", "resumed"):
            self.first = message
            self.epoch = message["epoch"]
            self.seq = message["seq"] if kind == "snapshot" else self.seq
        assert message["epoch"] == self.epoch
        if kind == "minute":
            assert message["seq"] == self.seq + 1
            self.seq += 1
            self.minutes.append(message)
        elif kind == "delta":
            assert (message["rev"], message["seq"]) == (self.rev + 1, self.seq)
            self.state, self.rev = follow(self.state, message["changes"]), message["rev"]
        elif kind != "resumed":
            assert kind == "snapshot" or message["rev"] >= (self.rev or 0)
            self.state, self.rev = message["state"], message["rev"]
        return message

    async def read_until(self, is_there):
        async with asyncio.timeout(15):
            while not is_there():
                await self.read()

    async def reach(self, state):
        await self.read_until(lambda: self.state == state)


@contextlib.asynccontextmanager
async def listen(service, topic, path="/ws/fo/stream", **seen):
    """Connect and subscribe; yields who follows, after the first answer."""
    async with connect(service.url.replace("http", "ws") + path, proxy=None) as client:
        follower = Follower(client)
        await follower.ask(action="subscribe", topic=topic, **seen)
        await follower.read_until(lambda: follower.first is not None)
        yield follower


async def find_topic(service):
    chain = (await ask_rest(service)).json()
    return f"chain:NIFTY:{chain['expiry']}"


@pytest.mark.promise("W5")
async def test_snapshot_and_changes_are_what_rest_says_at_each_pause(market):
    topic = await find_topic(market)
    async with listen(market, topic) as follower:
        assert follower.first["topic"] == topic.replace("chain:", "chain:NFO:")
        assert not follower.first["recovered"]
        for _ in range(5):
            await follower.read_until(lambda: follower.kinds.count("delta") >= 5)
            await command(market, action="pause")
            wanted = (await ask_rest(market)).json()
            assert wanted["source"] == "live"
            await follower.reach(wanted)
            async with listen(market, topic) as fresh:
                assert fresh.state == wanted
                assert fresh.rev == follower.rev
            follower.kinds.clear()
            await command(market, action="play")
        assert set(follower.kinds) <= {"delta", "minute"}


async def test_changes_are_a_small_part_of_the_whole(market):
    async with listen(market, await find_topic(market)) as follower:
        whole = len(json.dumps(follower.first))
        deltas = []
        async with asyncio.timeout(15):
            while len(deltas) < 10:
                message = await follower.read()
                if message["type"] == "delta":
                    deltas.append(len(json.dumps(message)))
        assert sorted(deltas)[5] < whole


@pytest.mark.promise("W3")
async def test_who_comes_back_is_told_the_minutes_and_the_chain(market):
    topic = await find_topic(market)
    async with listen(market, topic) as follower:
        await follower.read_until(lambda: len(follower.minutes) == 2)
        minutes = follower.minutes
    async with listen(market, topic) as other:
        await other.read_until(lambda: len(other.minutes) == 2)
    async with listen(market, topic, epoch=follower.epoch, seq=minutes[0]["seq"]) as back:
        assert back.first["type"] == "resumed"
        back.seq = minutes[0]["seq"]
        missed = back.first["missed"]
        assert missed >= 3
        await back.read_until(lambda: back.state is not None)
        assert back.kinds == ["resumed", *["minute"] * missed, "state"]
        assert [each["seq"] for each in back.minutes] == [
            minutes[0]["seq"] + n + 1 for n in range(missed)
        ]
        assert back.minutes[0] == minutes[1]
        await command(market, action="pause")
        wanted = (await ask_rest(market)).json()
        await back.reach(wanted)
    async with listen(market, topic, epoch="of nobody", seq=0) as stranger:
        assert stranger.first["type"] == "snapshot"


async def test_minute_is_what_rest_says_of_its_end(market):
    topic = await find_topic(market)
    async with listen(market, topic) as follower:
        await follower.read_until(lambda: len(follower.minutes) == 3)
    for message in follower.minutes:
        minute = message["minute"]
        assert parse_rfc3339(minute["as_of"]) == parse_rfc3339(message["ts"]) + MINUTE_NS
        told = (await ask_rest(market, expiry=minute["expiry"], as_of=minute["as_of"])).json()
        for name in ("strikes", "calls", "puts"):
            del told[name]
        assert minute == told
        assert minute["source"] == "minute"


async def test_chain_nobody_listens_to_is_not_valued(market):
    topic = await find_topic(market)
    board = market.runtime.chains
    async with listen(market, topic) as one, listen(market, topic, path="/ws"):
        assert board.wanted_count == 1
        await one.ask(action="unsubscribe", topic=topic)
    await eventually(lambda: board.wanted_count == 0)


@pytest.mark.promise("W4")
async def test_replay_that_goes_backwards_starts_the_chain_over(market):
    begins = (await market.client.get("/api/v1/market")).json()["begins"]
    async with listen(market, await find_topic(market)) as follower:
        await follower.read_until(lambda: follower.kinds.count("delta") >= 5)
        epoch, as_of = follower.epoch, follower.state["as_of"]
        await command(market, action="seek", to=begins)
        await command(market, action="play")
        await follower.read_until(lambda: follower.epoch != epoch)
        assert follower.kinds[-1] == "snapshot"
        assert follower.state["as_of"] < as_of
        await follower.read_until(lambda: follower.kinds[-1] == "delta")


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("chain:NOBODY:2025-07-24", "unknown_underlying"),
        ("chain:NIFTY:1999-01-01", "unknown_expiry"),
        ("chain:NIFTY", "validation_failed"),
        ("chain:", "validation_failed"),
        ("bars:NSE:NIFTY 50:1m", "not_found"),
    ],
)
async def test_what_is_not_there_is_said(market, topic, code):
    async with connect(market.url.replace("http", "ws") + "/ws/fo/stream", proxy=None) as client:
        follower = Follower(client)
        await follower.ask(action="subscribe", topic=topic, id=7)
        async with asyncio.timeout(15):
            while (message := await follower.read())["type"] != "error":
                pass
        assert (message["code"], message["id"]) == (code, 7)


async def test_client_of_ours_follows_a_chain(market):
    topic = await find_topic(market)
    kinds, state = set(), None
    async with asyncio.timeout(20), Stream(market.url, [topic]) as stream:
        async for message in stream:
            if message["type"] == "status":
                continue
            if message["type"] == "delta":
                state = follow(state, message["changes"])
            elif message["type"] == "snapshot":
                state = message["state"]
            kinds.add(message["type"])
            if kinds == {"snapshot", "delta", "minute"}:
                break
    assert state["underlying"] == "NIFTY"


@pytest.mark.promise("W5")
async def test_monitor_and_its_changes_are_what_rest_says(market):
    async with listen(market, "monitor:NIFTY", path="/ws/nifty-monitor") as follower:
        assert follower.first["topic"] == "monitor:NFO:NIFTY"
        assert len(follower.state["chains"]) == 2
        for _ in range(2):
            await follower.read_until(lambda: follower.kinds.count("delta") >= 2)
            await command(market, action="pause")
            told = await market.client.get("/api/v1/fo/monitor", params={"underlying": "NIFTY"})
            await follower.reach(told.json())
            follower.kinds.clear()
            await command(market, action="play")
        begins = (await market.client.get("/api/v1/market")).json()["begins"]
        epoch, as_of = follower.epoch, follower.state["as_of"]
        await command(market, action="seek", to=begins)
        await follower.read_until(lambda: follower.epoch != epoch)
        assert follower.state["as_of"] < as_of
        assert market.runtime.chains.wanted_count == 2
    await eventually(lambda: market.runtime.chains.wanted_count == 0)
