"""What is said of the market, over REST and over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect

from strikewire.api.config import ApiConfig, SocketConfig
from strikewire.bootstrap import SimulationRequest
from strikewire.core.instants import MINUTE_NS, format_rfc3339, parse_rfc3339
from strikewire.feeds.bar_ticks import BarTicks
from strikewire.live.market_status import MarketBoard, MarketBoardConfig
from strikewire.stream.message import Encoding
from strikewire.stream.subscriber import BacklogConfig
from tests.api.conftest import (
    MORNING_MINUTES,
    OPEN_NS,
    make_database,
    make_settings,
    serve,
    serve_runtime,
)
from tests.api.test_replay import command, reach
from tests.eventually import eventually


async def get_market(service):
    answer = await service.client.get("/api/v1/market")
    assert answer.status_code == 200
    return answer.json()


def listen(service):
    return connect(service.url.replace("http", "ws") + "/ws/bars", proxy=None)


async def read_status(client):
    """Return the next status, which has to come within the second it is promised in."""
    async with asyncio.timeout(2.0):
        while True:
            message = json.loads(await client.recv())
            if message["type"] == "status":
                return message


async def read_until(client, **wanted):
    async with asyncio.timeout(5.0):
        while True:
            status = await read_status(client)
            if wanted.items() <= status.items():
                return status


async def test_server_without_a_feed_says_so(service):
    market = await get_market(service)
    assert (market["mode"], market["state"]) == ("none", "none")
    assert {market[name] for name in ("description", "as_of", "heard_s", "speed", "begins")} == {
        None
    }


async def test_replay_is_told_with_its_own_clock_and_span(playing):
    await reach(playing, 12)
    market = await get_market(playing)
    replay = (await playing.client.get("/api/v1/replay")).json()
    assert (market["mode"], market["state"], market["speed"]) == ("replay", "paused", 600.0)
    assert market["description"] == replay["description"]
    assert (market["begins"], market["ends"]) == (replay["first"], replay["last"])
    assert market["now"] == replay["time"]
    assert parse_rfc3339(market["as_of"]) == playing.runtime.view.as_of_ns
    assert 0 <= market["heard_s"] < 60


async def test_simulated_market_is_told_apart_from_a_replay(postgres_url, data_dirs):
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs(), simulated_underlyings="NIFTY")
        async with serve(settings, replay=SimulationRequest(speed=60.0)) as service:
            assert (await get_market(service))["mode"] == "simulated"
            async with listen(service) as client:
                assert (await read_status(client))["mode"] == "simulated"


async def test_socket_is_told_after_the_welcome_and_then_every_second(playing):
    async with listen(playing) as client:
        kinds = [json.loads(await client.recv()) for _ in range(2)]
        assert [each["type"] for each in kinds] == ["welcome", "status"]
        assert (
            kinds[1].keys() - {"type", "epoch", "topic", "seq"}
            == (await get_market(playing)).keys()
        )
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        for _ in range(3):
            await read_status(client)
        assert loop.time() - started_s < 3.5


async def test_socket_is_told_of_pause_play_and_speed(playing):
    async with listen(playing) as client:
        await command(playing, action="pause")
        paused = await read_until(client, state="paused")
        await command(playing, action="speed", speed="300x")
        assert (await read_until(client, speed=300.0))["now"] == paused["now"]
        await command(playing, action="play")
        assert (await read_until(client, state="playing"))["now"] >= paused["now"]


async def test_socket_is_told_of_the_end(playing):
    async with listen(playing) as client:
        await command(playing, action="speed", speed="max")
        ended = await read_until(client, state="ended")
        assert ended["mode"] == "replay"
        assert ended["speed"] is None
        last_ns = OPEN_NS + MORNING_MINUTES * MINUTE_NS
        assert ended["as_of"] == format_rfc3339(last_ns - 1)


@pytest.mark.promise("U6")
async def test_feed_that_fails_is_stalled_and_its_clock_stands_still(playing, monkeypatch):
    def fail(_ticks, *, after_seq):
        msg = f"the recording cannot be read again behind tick {after_seq}"
        raise OSError(msg)

    await reach(playing, 20)
    # As a disk does that is pulled: the next pass finds nothing to read.
    monkeypatch.setattr(BarTicks, "batches", fail)
    async with listen(playing) as client:
        await read_until(client, state="paused")
        await command(playing, action="seek", to=format_rfc3339(OPEN_NS))
        stalled = await read_until(client, state="stalled")
        again = await read_status(client)
    assert (stalled["mode"], again["state"]) == ("replay", "stalled")
    # The market has not ended: nobody may take its past for today.
    assert parse_rfc3339(again["now"]) <= OPEN_NS + MORNING_MINUTES * MINUTE_NS
    assert again["heard_s"] > stalled["heard_s"]
    assert (await playing.client.get("/health")).json()["status"] == "unhealthy"


class Witness:
    """A listener that counts, and keeps the last."""

    encoding = Encoding.JSON

    def __init__(self):
        self.told = 0
        self.last = None

    def offer(self, message, figures):
        del figures
        self.told += 1
        self.last = message.body
        return True


async def test_client_that_does_not_read_is_kept_the_newest_state_only(service):
    config = MarketBoardConfig(watch_interval_s=0.0, repeat_s=0.0)
    board = MarketBoard(
        config=config,
        clock=service.runtime.market_clock,
        heard=None,
        epoch="run-1",
        figures=service.runtime.hub.figures,
    )
    witness = Witness()
    board.channel.join(witness)
    runtime = replace(service.runtime, market=board)
    config = ApiConfig(sockets=SocketConfig(backlog=BacklogConfig(max_messages=4)))
    async with serve_runtime(runtime, config) as small:
        slow_socket = socket.socket()
        slow_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow_socket.connect(("127.0.0.1", int(small.url.rpartition(":")[2])))
        slow_socket.setblocking(False)  # noqa: FBT003 - it takes nothing else
        url = small.url.replace("http", "ws") + "/ws/bars"
        async with connect(url, sock=slow_socket, max_queue=1, proxy=None) as client:
            running = asyncio.create_task(board.run())
            # Far more than what the kernel holds for it, and its mailbox.
            await eventually(lambda: witness.told > 30_000, timeout_s=30.0)
            running.cancel()
            newest = witness.last["now"]
            got = 1
            async with asyncio.timeout(10.0):
                while (await read_status(client))["now"] != newest:
                    got += 1
            # Had they queued up, the mailbox would have closed the socket.
            assert got < witness.told
