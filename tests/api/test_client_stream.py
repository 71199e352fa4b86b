"""The Python client against the real server: it comes back, and says what it lost."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from strikewire.client import Stream, StreamClosedError
from strikewire_fakebroker.chaos import open_proxy
from tests.api.conftest import SYMBOL
from tests.api.test_replay import command, reach

TOPIC = f"bars:{SYMBOL}:1m"


async def take_closed(stream, count):
    """Return the numbers of the next closed bars."""
    numbers = []
    async with asyncio.timeout(30):
        while len(numbers) < count:
            message = await anext(stream)
            if message["type"] == "bar" and not message["bar"]["is_forming"]:
                numbers.append(message["seq"])
    return numbers


@pytest.mark.promise("W3")
async def test_stream_that_is_cut_goes_on_where_it_was(playing):
    gaps = []
    async with (
        open_proxy("127.0.0.1", urlsplit(playing.url).port) as way,
        Stream(f"http://127.0.0.1:{way.port}", [TOPIC], on_gap=gaps.append) as stream,
    ):
        first = await anext(stream)
        assert (first["type"], first["topic"]) == ("snapshot", TOPIC)
        numbers = await take_closed(stream, 2)
        way.cut()
        reading = asyncio.create_task(take_closed(stream, 6))
        await asyncio.sleep(0)
        await way.open()
        numbers += await reading

    assert numbers == list(range(numbers[0], numbers[0] + 8))
    assert gaps == []


async def test_stream_says_what_it_lost(playing):
    gaps = []
    async with Stream(playing.url, [TOPIC], on_gap=gaps.append) as stream:
        first = await anext(stream)
        # Well past the minute it is sought to, however fast this is.
        await take_closed(stream, 4)
        # The market goes backwards: another numbering.
        await command(playing, action="seek", to="2022-12-30T09:16:00+05:30")
        async with asyncio.timeout(30):
            while (message := await anext(stream))["type"] != "snapshot":
                pass
    assert message["epoch"] != first["epoch"]
    (gap,) = gaps
    assert (gap.topic, gap.epoch, gap.resumed_epoch) == (TOPIC, first["epoch"], message["epoch"])


async def test_topic_there_is_not_and_server_that_wants_nobody_end_the_stream(service):
    async with Stream(service.url, ["bars:NSE:NOBODY:1m"]) as stream:
        with pytest.raises(StreamClosedError, match="NOBODY"):
            await anext(stream)
    async with Stream(service.url, [TOPIC], api_key="swk_nobody") as stream:
        with pytest.raises(StreamClosedError, match="401"):
            await anext(stream)
    with pytest.raises(ValueError, match="topic"):
        Stream(service.url, [])


async def test_stream_waits_for_a_server_that_is_not_there_yet(playing):
    await reach(playing, 3)
    async with open_proxy("127.0.0.1", urlsplit(playing.url).port) as way:
        way.cut()
        async with Stream(f"http://127.0.0.1:{way.port}", [TOPIC]) as stream:
            reading = asyncio.create_task(anext(stream))
            await asyncio.sleep(0.1)
            await way.open()
            async with asyncio.timeout(30):
                assert (await reading)["type"] == "snapshot"
