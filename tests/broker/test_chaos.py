"""A way that goes wrong: each thing it does, between real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager

import pytest

from strikewire_fakebroker.chaos import open_proxy
from tests.eventually import eventually


@asynccontextmanager
async def open_way():
    """Open an echo, and a way to it."""
    seen = []

    async def echo(reader, writer):
        # A reset is what some of these are about.
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                seen.append(data)
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    try:
        async with open_proxy(*server.sockets[0].getsockname()[:2]) as way:
            yield way, seen
    finally:
        server.close()


@asynccontextmanager
async def dial(way):
    reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(reader, writer, data=b"x"):
    writer.write(data)
    async with asyncio.timeout(10):
        return await reader.readexactly(len(data))


async def test_way_passes_everything_on_both_ways_to_the_end():
    data = bytes(range(256)) * 4_096
    async with open_way() as (way, _), asyncio.timeout(10):
        async with dial(way) as (reader, writer):
            writer.write(data)
            writer.write_eof()
            assert await reader.read(-1) == data
        await eventually(lambda: way.connections == 0)


async def test_way_takes_its_time_and_keeps_the_order():
    clock = asyncio.get_running_loop().time
    async with open_way() as (way, _), dial(way) as connection:
        await ask(*connection)
        way.latency_s = 0.1
        begun_s = clock()
        assert await ask(*connection, b"0123456789") == b"0123456789"
        assert clock() - begun_s >= 0.2


async def test_way_cuts_what_is_sent_into_pieces():
    async with open_way() as (way, seen), dial(way) as connection:
        way.slice_bytes = 3
        assert await ask(*connection, b"0123456789") == b"0123456789"
        assert len(seen) > 1


async def test_way_that_is_held_is_half_open_and_goes_on_when_released():
    async with open_way() as (way, seen), dial(way) as (reader, writer):
        await ask(reader, writer)
        way.hold()
        writer.write(b"held")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        # A connection is taken, and leads nowhere.
        async with dial(way) as (other_reader, other_writer):
            other_writer.write(b"late")
            assert b"".join(seen) == b"x"
            way.release()
            async with asyncio.timeout(10):
                assert await reader.readexactly(4) == b"held"
                assert await other_reader.readexactly(4) == b"late"


async def test_reset_breaks_what_stands_and_takes_what_comes():
    async with open_way() as (way, _):
        async with dial(way) as connection:
            await ask(*connection)
            way.reset()
            with pytest.raises(ConnectionResetError):
                await ask(*connection)
        async with dial(way) as connection:
            assert await ask(*connection) == b"x"


async def test_cut_takes_nobody_until_it_is_open_again_on_the_same_port():
    async with open_way() as (way, _):
        port = way.port
        async with dial(way) as connection:
            await ask(*connection)
            way.cut()
            with pytest.raises(ConnectionError):
                await ask(*connection)
        with pytest.raises(ConnectionRefusedError):
            async with dial(way):
                pass
        await way.open()
        assert way.port == port
        async with dial(way) as connection:
            assert await ask(*connection) == b"x"


async def test_way_to_a_server_that_is_not_there_ends():
    async with open_way() as (way, _):
        pass
    async with open_proxy("127.0.0.1", way.port) as nowhere, dial(nowhere) as (reader, _):
        async with asyncio.timeout(10):
            assert await reader.read(1) == b""
