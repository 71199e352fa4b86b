"""`/ws/bars` over real sockets: what a client is told, and that it is what history says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import httpx
import msgpack
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from strikewire.api.config import ApiConfig, SocketConfig
from strikewire.api.ws.close_codes import CloseCode
from strikewire.bootstrap import ReplayRequest
from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import MINUTE_NS, format_rfc3339, parse_rfc3339
from strikewire.engine.view import Update
from strikewire.stream.subscriber import BacklogConfig
from tests.api.conftest import (
    MORNING_GAP,
    MORNING_MINUTES,
    OPEN_NS,
    SYMBOL,
    make_database,
    make_settings,
    serve,
    serve_runtime,
)
from tests.api.test_replay import command, get_bars, reach
from tests.api.test_serving import start
from tests.eventually import eventually


def locate(service):
    return service.url.replace("http", "ws") + "/ws/bars"


async def send(client, **body):
    await client.send(json.dumps(body))


async def read(client, *kinds):
    """Return the next message of a kind; others are passed over."""
    async with asyncio.timeout(15):
        while True:
            message = json.loads(await client.recv())
            if message["type"] in kinds:
                return message


@contextlib.asynccontextmanager
async def listen(service, timeframe="1m", **seen):
    """Connect and subscribe; yields the client and the first answer."""
    async with connect(locate(service), proxy=None) as client:
        assert (await read(client, "welcome"))["heartbeat_s"] == 10
        await send(client, action="subscribe", symbol=SYMBOL, timeframe=timeframe, **seen)
        async with asyncio.timeout(10):
            while True:
                message = json.loads(await client.recv())
                if message["type"] in ("snapshot", "resumed"):
                    break
        yield client, message


async def get_history(service, timeframe):
    resolution = {"1m": "1", "5m": "5", "1h": "60", "1d": "1D"}[timeframe]
    found = await service.client.get(
        "/udf/history",
        params={"symbol": SYMBOL, "resolution": resolution, "countback": 300,
                "to": (await service.client.get("/udf/time")).text},
    )  # fmt: skip
    body = found.json()
    return list(zip(*(body[name] for name in "tohlcv"), strict=True))


def to_rows(bars):
    return [
        (
            parse_rfc3339(bar["ts"]) // 1_000_000_000,
            *(bar[name] for name in ("open", "high", "low", "close", "volume")),
        )
        for bar in bars
    ]


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
@pytest.mark.promise("W5")
async def test_snapshot_and_changes_are_what_history_says(playing, timeframe):
    async with listen(playing, timeframe) as (client, first):
        state = {bar["ts"]: bar for bar in first["bars"]}
        seq = first["seq"]
        for minute in (4, 11, 23, 31, 40):
            await reach(playing, minute)
            wanted = await get_history(playing, timeframe)
            # What had been published by the time of the pause, and its last state.
            for _ in range(1_000):
                if to_rows(sorted(state.values(), key=lambda bar: bar["ts"])) == wanted:
                    break
                message = await read(client, "bar")
                assert message["epoch"] == first["epoch"]
                assert message["seq"] == seq + (not message["bar"]["is_forming"])
                seq = message["seq"]
                state[message["bar"]["ts"]] = message["bar"]
            async with listen(playing, timeframe) as (_, fresh):
                assert to_rows(fresh["bars"]) == wanted
                assert fresh["bars"] == sorted(state.values(), key=lambda bar: bar["ts"])
                assert fresh["bars"][-1]["is_forming"]
            await command(playing, action="play")


async def test_every_bar_of_the_file_arrives_once_in_order(playing):
    await command(playing, action="pause")
    async with listen(playing) as (client, first):
        closed = [bar for bar in first["bars"] if not bar["is_forming"]]
        await command(playing, action="speed", speed="max")
        await command(playing, action="play")
        while len(closed) < MORNING_MINUTES - 1:
            message = await read(client, "bar")
            if not message["bar"]["is_forming"]:
                closed.append(message["bar"])
    stamps = [parse_rfc3339(bar["ts"]) for bar in closed]
    assert stamps == [OPEN_NS + n * MINUTE_NS for n in range(MORNING_MINUTES) if n != MORNING_GAP]
    stored = (await get_bars(playing))["bars"]
    names = ("ts", "open", "high", "low", "close", "volume", "oi", "status")
    assert [[bar[n] for n in names] for bar in closed] == [[b[n] for n in names] for b in stored]


async def test_every_bar_of_a_recorded_session_arrives_once(postgres_url, data_dirs, shared_data):
    path = shared_data("banknifty_1min_20221230/bnf_20221230.parquet")
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs())
        async with serve(settings, replay=ReplayRequest(path=path, speed=60.0)) as service:
            await command(service, action="pause")
            async with listen(service) as (client, first):
                closed = [bar for bar in first["bars"] if not bar["is_forming"]]
                await command(service, action="speed", speed="max")
                await command(service, action="play")
                while not closed or closed[-1]["ts"] < "2022-12-30T09:59:00Z":
                    message = await read(client, "bar")
                    if not message["bar"]["is_forming"]:
                        closed.append(message["bar"])
            stored = (await get_bars(service, to=closed[-1]["ts"]))["bars"]
            assert [bar["ts"] for bar in closed[:-1]] == [bar["ts"] for bar in stored]
            assert [bar["close"] for bar in closed[:-1]] == [bar["close"] for bar in stored]


async def test_every_wider_bar_arrives_once_in_order(playing):
    await command(playing, action="pause")
    async with listen(playing, "5m") as (client, first):
        closed = [bar for bar in first["bars"] if not bar["is_forming"]]
        await command(playing, action="speed", speed="max")
        await command(playing, action="play")
        while len(closed) < MORNING_MINUTES // 5:
            message = await read(client, "bar")
            if not message["bar"]["is_forming"]:
                closed.append(message["bar"])
    stamps = [parse_rfc3339(bar["ts"]) for bar in closed]
    assert stamps == [OPEN_NS + n * 5 * MINUTE_NS for n in range(MORNING_MINUTES // 5)]


@pytest.mark.promise("W3")
async def test_resume_gives_what_was_missed_once_in_order(playing):
    async with listen(playing) as (client, first):
        message = first
        while message["seq"] < first["seq"] + 3:
            message = await read(client, "bar")
    seen = {"epoch": message["epoch"], "seq": message["seq"]}
    await reach(playing, 40)
    async with listen(playing, **seen) as (client, resumed):
        assert resumed["type"] == "resumed"
        assert resumed["recovered"]
        got = [await read(client, "bar") for _ in range(resumed["missed"])]
        assert [each["seq"] for each in got] == list(range(seen["seq"] + 1, resumed["seq"] + 1))
        assert not any(each["bar"]["is_forming"] for each in got)
        assert got[0]["bar"]["ts"] > message["bar"]["ts"]
        assert (await read(client, "bar"))["bar"]["is_forming"]


@pytest.mark.promise("W3")
@pytest.mark.parametrize("epoch", ["other", None])
async def test_resume_that_cannot_be_complete_is_a_snapshot(playing, epoch):
    async with listen(playing) as (_, first):
        pass
    async with listen(playing, epoch=epoch or first["epoch"], seq=10_000) as (_, answer):
        assert answer["type"] == "snapshot"
        assert answer["recovered"] is False


@pytest.mark.promise("W4")
async def test_seek_backwards_is_a_new_epoch_and_a_snapshot(playing):
    await reach(playing, 30)
    async with listen(playing) as (client, first):
        await command(playing, action="seek", to=format_rfc3339(OPEN_NS + 10 * MINUTE_NS))
        again = await read(client, "snapshot")
        assert again["epoch"] != first["epoch"]
        state = {bar["ts"]: bar for bar in again["bars"]}
        await command(playing, action="play")
        seq = again["seq"]
        while seq < 20:
            message = await read(client, "bar")
            assert message["epoch"] == again["epoch"]
            assert message["seq"] - seq == (not message["bar"]["is_forming"])
            seq = message["seq"]
            state[message["bar"]["ts"]] = message["bar"]
        stamps = [parse_rfc3339(ts) for ts, bar in sorted(state.items()) if not bar["is_forming"]]
        wanted = [OPEN_NS + n * MINUTE_NS for n in range(MORNING_MINUTES) if n != MORNING_GAP]
        assert stamps == wanted[: len(stamps)]
    async with listen(playing, epoch=first["epoch"], seq=first["seq"]) as (_, answer):
        assert answer["recovered"] is False


async def test_bad_requests_are_answered_and_malformed_ones_close(service):
    async with connect(locate(service), proxy=None) as client:
        for body, code in (
            ({"action": "dance", "id": 7}, "validation_failed"),
            ({"action": "subscribe"}, "validation_failed"),
            ({"action": "subscribe", "symbol": "NSE:NOBODY", "id": "a"}, "unknown_symbol"),
            ({"action": "subscribe", "symbol": SYMBOL, "timeframe": "7m"}, "validation_failed"),
            ({"action": "subscribe", "symbol": SYMBOL, "seq": 3}, "validation_failed"),
        ):
            await send(client, **body)
            answer = await read(client, "error")
            assert (answer["code"], answer.get("id")) == (code, body.get("id"))
        await send(client, action="ping", id=1)
        assert (await read(client, "pong"))["id"] == 1
        await client.send("{")
        assert (await read(client, "error"))["code"] == "malformed_request"
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == CloseCode.MALFORMED


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("[]", CloseCode.MALFORMED),
        (b"{}", CloseCode.WRONG_ENCODING),
        ("x" * 20_000, CloseCode.TOO_LONG),
    ],
    ids=["no object", "binary", "too long"],
)
async def test_message_of_the_wrong_kind_closes_with_its_code(service, message, code):
    async with connect(locate(service), proxy=None) as client:
        await client.send(message)
        with pytest.raises(ConnectionClosed):
            await read(client, "never")
        assert client.close_code == code


async def test_unsubscribed_topic_is_silent(playing):
    async with listen(playing) as (client, _):
        await send(client, action="unsubscribe", symbol=SYMBOL, timeframe="1m")
        await read(client, "unsubscribed")
        await reach(playing, 20)
        await send(client, action="ping")
        kinds = []
        while "pong" not in kinds:
            kinds.append(json.loads(await client.recv())["type"])
        assert set(kinds) <= {"status", "pong"}


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
async def test_socket_of_another_site_is_refused(service, origin):
    with pytest.raises(InvalidStatus) as caught:
        await connect(locate(service), origin=origin, proxy=None)
    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body)["error"]["code"] == "not_permitted"


async def test_socket_of_this_site_is_taken(service):
    async with connect(locate(service), origin=service.url, proxy=None) as client:
        assert await read(client, "welcome")


def make_update(seq, instrument_id, minute):
    bars = np.zeros(1, BAR_DTYPE)
    bars["instrument_id"], bars["ts_ns"] = instrument_id, OPEN_NS + minute * MINUTE_NS
    return Update(seq, int(bars["ts_ns"][0]) + MINUTE_NS, seq, np.zeros(0, np.int32), bars)


@pytest.mark.promise("W2")
async def test_slow_client_is_closed_and_others_are_unhurt(service):
    config = SocketConfig(backlog=BacklogConfig(max_messages=100), heartbeat_s=10)
    async with serve_runtime(service.runtime, ApiConfig(sockets=config)) as small:
        instrument = await small.runtime.instruments.get(SYMBOL)
        streams = small.runtime.bar_streams
        slow_socket = socket.socket()
        slow_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow_socket.connect(("127.0.0.1", int(small.url.rpartition(":")[2])))
        slow_socket.setblocking(False)  # noqa: FBT003 - it takes nothing else
        slow = await connect(locate(small), sock=slow_socket, max_queue=1, proxy=None)
        await send(slow, action="subscribe", symbol=SYMBOL)
        async with listen(small) as (quick, first):
            await eventually(lambda: streams.listener_count == 2)
            seq = got = 0
            # Until what the kernel holds for the slow one is full, and its backlog too.
            while streams.listener_count == 2 or seq % 50:
                seq += 1
                streams.on_update(make_update(seq, instrument.id, seq % 300))
                while seq % 50 == 0 and got < seq:
                    got = (await read(quick, "bar"))["seq"] - first["seq"]
            assert got == seq
            with pytest.raises(ConnectionClosed):
                await read(slow, "never")
            assert slow.close_code == CloseCode.SLOW_CLIENT


async def test_socket_too_many_is_refused(service):
    async with (
        serve_runtime(service.runtime, ApiConfig(sockets=SocketConfig(max_sockets=1))) as small,
        connect(locate(small), proxy=None) as client,
    ):
        await read(client, "welcome")
        with pytest.raises(InvalidStatus) as caught:
            await connect(locate(small), proxy=None)
        assert caught.value.response.status_code == 503


async def test_silent_socket_hears_a_heartbeat(service):
    async with (
        serve_runtime(service.runtime, ApiConfig(sockets=SocketConfig(heartbeat_s=0.05))) as small,
        connect(locate(small), proxy=None) as client,
    ):
        assert (await read(client, "heartbeat"))["seq"] == {}
        await send(client, action="subscribe", symbol=SYMBOL)
        first = await read(client, "snapshot")
        assert (await read(client, "heartbeat"))["seq"] == {first["topic"]: first["seq"]}


async def is_live(program):
    # The line that says where it listens is written a moment before it does.
    with contextlib.suppress(httpx.TransportError):
        return (await program.client.get("/health/live")).status_code == 200


async def test_sigterm_is_announced_before_sockets_close(data_dirs, recording):
    arguments = ("serve", "--data-dir", data_dirs(), "--replay", recording)
    async with start(*arguments, STRIKEWIRE_DRAIN_NOTICE_S="0.1") as program:
        await eventually(lambda: is_live(program))
        url = str(program.client.base_url).replace("http", "ws").rstrip("/") + "/ws/bars"
        async with connect(url, proxy=None) as client:
            await send(client, action="subscribe", symbol=SYMBOL)
            await read(client, "snapshot")
            stopping = asyncio.create_task(program.stop())
            assert (await read(client, "shutdown"))["retry_after_s"] > 0
            with pytest.raises(ConnectionClosed):
                await read(client, "never")
            assert client.close_code == CloseCode.SHUTDOWN
        assert await stopping == 0


async def test_multiplexed_socket_has_every_topic(service):
    url = service.url.replace("http", "ws") + "/ws"
    async with connect(url, proxy=None) as client:
        await send(client, action="subscribe", topic=f"bars:{SYMBOL}:5m", id="a")
        bars = await read(client, "snapshot")
        assert (bars["topic"], bars["id"]) == (f"bars:{SYMBOL}:5m", "a")
        await send(client, action="subscribe", topic="market", id="b")
        market = await read(client, "snapshot")
        assert (market["topic"], market["mode"]) == ("market", "none")
        await send(client, action="subscribe", topic="screens:1")
        assert (await read(client, "error"))["code"] == "validation_failed"
        await send(client, action="unsubscribe", topic=f"bars:{SYMBOL}:5m")
        assert (await read(client, "unsubscribed"))["topic"] == f"bars:{SYMBOL}:5m"


async def exhaust(client):
    async with asyncio.timeout(10):
        while True:
            await client.recv()


async def test_messages_are_packed_for_who_asks(service):
    async with connect(locate(service) + "?encoding=msgpack", proxy=None) as client:
        assert msgpack.unpackb(await client.recv())["type"] == "welcome"
        await client.send(msgpack.packb({"action": "subscribe", "symbol": SYMBOL, "id": 7}))
        while (packed := msgpack.unpackb(await client.recv()))["type"] != "snapshot":
            pass
        async with listen(service) as (_, text):
            assert packed["id"] == 7
            assert packed["bars"] == text["bars"]
        await client.send("{}")
        with pytest.raises(ConnectionClosed):
            await exhaust(client)
        assert client.close_code == CloseCode.WRONG_ENCODING


async def test_client_that_asks_too_often_is_closed(service):
    config = SocketConfig(max_requests_per_s=1.0, max_request_burst=3)
    async with (
        serve_runtime(service.runtime, ApiConfig(sockets=config)) as small,
        connect(locate(small), proxy=None) as client,
    ):
        for _ in range(4):
            await send(client, action="ping")
        with pytest.raises(ConnectionClosed):
            await read(client, "never")
        assert client.close_code == CloseCode.TOO_OFTEN
        assert CloseCode.TOO_OFTEN.is_worth_returning


async def test_what_sockets_are_told_is_counted(service):
    async def count(name):
        lines = (await service.client.get("/metrics")).text.splitlines()
        (line,) = [each for each in lines if each.startswith(f"strikewire_{name} ")]
        return float(line.rpartition(" ")[2])

    before = await count('stream_delivered_total{kind="session"}')
    async with connect(locate(service), proxy=None) as client:
        await read(client, "welcome")
        assert await count("sockets") == 1
        assert await count("stream_backlog_messages") == 0
        assert await count('stream_delivered_total{kind="session"}') > before
        assert await count('stream_delivery_seconds_count{kind="session"}') > before

    async def is_gone():
        return await count("sockets") == 0

    await eventually(is_gone)
