"""What the fake broker does over its socket, whole and broken."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus

from tests.clients import open_client
from tests.eventually import eventually
from tests.fakebroker import API_KEY

HEARTBEAT = b"\x00"


@asynccontextmanager
async def open_socket(broker, access_token, **options):
    url = f"{broker.socket_url}?api_key={API_KEY}&access_token={access_token}"
    async with connect(url, max_size=None, **options) as socket:
        yield socket


async def subscribe(socket, tokens, mode="full"):
    await socket.send(json.dumps({"a": "subscribe", "v": tokens}))
    await socket.send(json.dumps({"a": "mode", "v": [mode, tokens]}))


def split(frame):
    """Return the packets of a whole frame."""
    packets, at = [], 2
    for _ in range(int.from_bytes(frame[:2], "big")):
        size = int.from_bytes(frame[at : at + 2], "big")
        packets.append(frame[at + 2 : at + 2 + size])
        at += 2 + size
    assert at == len(frame)
    return packets


async def hear(socket, *, until):
    """Return what comes until a frame for which `until` is true, heartbeats left out."""
    heard = []
    async with asyncio.timeout(10):
        while not (heard and until(heard[-1])):
            frame = await socket.recv()
            if frame != HEARTBEAT:
                heard.append(frame)
    return heard


def find_token(broker, symbol="NSE:NIFTY 50"):
    return broker.tokens()[symbol]


async def find_quiet(socket, broker, seconds=120):
    """Move the market on, and return the binary frames that come before an agreed text."""
    broker.advance(seconds)
    broker.send_text("end")
    return (await hear(socket, until=lambda frame: frame == "end"))[:-1]


async def test_socket_tells_every_tick_and_the_broker_counts_them(fake_broker):
    tokens = list(fake_broker.tokens().values())
    async with open_socket(fake_broker, fake_broker.log_in()) as socket:
        await subscribe(socket, tokens)
        frames = await find_quiet(socket, fake_broker, 60)
    heard = Counter(
        str(int.from_bytes(packet[:4], "big")) for frame in frames for packet in split(frame)
    )
    counters = fake_broker.counters()
    assert counters["ticks"] == dict(heard)
    assert counters["sockets"]["frames"] == len(frames)
    assert counters["sockets"]["bytes"] == sum(map(len, frames))
    # An index ticks each second: what stood at subscribing, what the mode brought, and 60 more.
    assert heard[str(find_token(fake_broker))] == 62


async def test_subscriptions_are_known_while_a_socket_is_open_and_after(fake_broker):
    first, second, third = list(fake_broker.tokens().values())[:3]
    async with open_socket(fake_broker, fake_broker.log_in()) as socket:
        await subscribe(socket, [first, second], "ltp")
        await socket.send(json.dumps({"a": "subscribe", "v": [third, 1]}))
        await socket.send(json.dumps({"a": "unsubscribe", "v": [first]}))
        await socket.send("{}")
        assert json.loads((await hear(socket, until=lambda frame: "error" in str(frame)))[-1])
        (told,) = fake_broker.sockets()
        assert told["subscribed"] == {"ltp": [second], "quote": [third], "full": []}
        assert sorted(told["ever"]) == sorted([first, second, third])
    await eventually(lambda: not fake_broker.sockets())
    assert fake_broker.ended_sockets() == [told]
    events = fake_broker.counters()["sockets"]
    assert events["unknown_tokens"] == events["requests_not_understood"] == 1


async def test_silence_is_filled_with_heartbeats(fake_broker):
    async with open_socket(fake_broker, fake_broker.log_in()) as socket, asyncio.timeout(10):
        assert await socket.recv() == HEARTBEAT


async def test_fourth_socket_of_a_key_is_refused_and_so_is_a_wrong_token(fake_broker):
    token = fake_broker.log_in()
    with pytest.raises(InvalidStatus) as refused:
        async with open_socket(fake_broker, "wrong"):
            pass
    assert refused.value.response.status_code == 403
    async with (
        open_socket(fake_broker, token),
        open_socket(fake_broker, token),
        open_socket(fake_broker, token),
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with open_socket(fake_broker, token):
                pass
    assert refused.value.response.status_code == 429


@pytest.mark.parametrize("how", ["drop", "close", "expire"])
async def test_socket_is_broken(fake_broker, how):
    async with open_socket(fake_broker, fake_broker.log_in()) as socket:
        await eventually(fake_broker.sockets)
        if how == "expire":
            fake_broker.expire()
        else:
            (number,) = (told["number"] for told in fake_broker.sockets())
            assert fake_broker.drop(number, code=4_000 if how == "close" else None) == [number]
        with pytest.raises(ConnectionClosedError) as closed:
            await hear(socket, until=lambda _: False)
        assert (closed.value.rcvd is None) == (how != "close")


async def test_handshake_is_refused(fake_broker):
    token = fake_broker.log_in()
    fake_broker.switch_on("refuse")
    with pytest.raises((InvalidMessage, ConnectionError)):
        async with open_socket(fake_broker, token):
            pass
    fake_broker.switch_on("refuse", status=503)
    with pytest.raises(InvalidStatus):
        async with open_socket(fake_broker, token):
            pass
    fake_broker.switch_off("refuse")
    async with open_socket(fake_broker, token):
        pass


async def test_mute_socket_answers_pings_and_tells_nothing(fake_broker):
    async with open_socket(fake_broker, fake_broker.log_in(), ping_interval=None) as socket:
        fake_broker.switch_on("mute", heartbeats=True)
        await subscribe(socket, [find_token(fake_broker)])
        async with asyncio.timeout(10):
            await (await socket.ping())
            assert await socket.recv() == HEARTBEAT
        assert await find_quiet(socket, fake_broker) == []
        fake_broker.switch_off()
        assert await find_quiet(socket, fake_broker, 1)


async def test_half_open_socket_is_there_and_nobody_answers(fake_broker):
    options = {"ping_interval": None, "close_timeout": 0.1}
    async with open_socket(fake_broker, fake_broker.log_in(), **options) as socket:
        await eventually(fake_broker.sockets)
        fake_broker.switch_on("half_open")
        waiting = await socket.ping()
        fake_broker.advance(60)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await waiting
        # Who comes back does not know the connection.
        fake_broker.switch_off()
        await socket.send("{}")
        with pytest.raises(ConnectionClosedError):
            await hear(socket, until=lambda _: False)


async def test_one_symbol_stalls_and_the_others_go_on(fake_broker):
    stalled, going = find_token(fake_broker), find_token(fake_broker, "NSE:NIFTY BANK")
    async with open_socket(fake_broker, fake_broker.log_in()) as socket:
        fake_broker.switch_on("stall", tokens=[stalled])
        await subscribe(socket, [stalled, going])
        frames = await find_quiet(socket, fake_broker)
    assert {packet[:4] for frame in frames for packet in split(frame)} == {going.to_bytes(4, "big")}


def find_seconds(frames):
    return [int.from_bytes(split(frame)[0][28:32], "big") for frame in frames]


async def test_frames_come_twice(fake_broker):
    async with open_socket(fake_broker, fake_broker.log_in()) as socket:
        await subscribe(socket, [find_token(fake_broker)])
        await find_quiet(socket, fake_broker, 1)
        fake_broker.switch_on("duplicate")
        frames = await find_quiet(socket, fake_broker, 5)
    assert len(frames) == 10
    assert frames[::2] == frames[1::2]


async def test_frames_come_in_another_order(fake_broker):
    async with open_socket(fake_broker, fake_broker.log_in()) as socket:
        await subscribe(socket, [find_token(fake_broker)])
        await find_quiet(socket, fake_broker, 1)
        fake_broker.switch_on("reorder")
        seconds = find_seconds(await find_quiet(socket, fake_broker, 6))
    first = min(seconds)
    assert [second - first for second in seconds] == [1, 0, 3, 2, 5, 4]


@pytest.mark.parametrize("how", ["bits", "truncate", "count", "length"])
async def test_frames_come_corrupted_and_are_not_counted_as_told(fake_broker, how):
    tokens = list(fake_broker.tokens().values())[:5]
    async with open_socket(fake_broker, fake_broker.log_in()) as socket:
        await subscribe(socket, tokens)
        await find_quiet(socket, fake_broker, 1)
        before = fake_broker.counters()
        fake_broker.switch_on("corrupt", how=how)
        spoiled = await find_quiet(socket, fake_broker, 5)
    after = fake_broker.counters()
    assert after["ticks"] == before["ticks"]
    assert after["sockets"]["packets_spoiled"] >= len(spoiled) > 0
    if how == "truncate":
        for frame in spoiled:
            with pytest.raises(AssertionError):
                split(frame)


async def test_control_that_makes_no_sense_is_refused(fake_broker):
    async with open_client(fake_broker.rest_url) as http:
        for path, body in (
            ("faults", {"name": "nosuch"}),
            ("faults", {"name": "corrupt", "share": 2}),
            ("time", {"rate": -1}),
            ("time", {"forward": 1}),
        ):
            answer = await http.post(f"/control/{path}", json=body)
            assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, (path, body)
