"""What a stranger sends costs no memory: the real program, watched from outside."""

from __future__ import annotations

import asyncio
import contextlib

import psutil
import pytest

from tests.api.test_serving import start

MIB = 1024 * 1024
CHUNK = b"x" * 256 * 1024
#: Beyond what a connection's own buffers, and an allocator's habits, take.
GROWTH_MAX = 24 * MIB


async def pour(port: int, head: bytes, size: int, *, is_chunked: bool = False) -> bytes:
    """Send a head and so many bytes, until the server has had enough; return what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        writer.write(head)
        for _ in range(size // len(CHUNK)):
            writer.write(b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK) if is_chunked else CHUNK)
            await writer.drain()
        said = await asyncio.wait_for(reader.read(), 20.0)
    except ConnectionError:
        # It hung up while we were sending, which is what it should do.
        with contextlib.suppress(ConnectionError):
            said = await reader.read()
    finally:
        writer.close()
    return said


POST = b"POST /api/v1/replay HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
FLOODS = {
    "announced": (POST + b"Content-Length: 1000000000\r\n\r\n", False),
    "chunked": (POST + b"Transfer-Encoding: chunked\r\n\r\n", True),
    "header": (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Endless: ", False),
    "request line": (b"GET /", False),
}


@pytest.mark.promise("S14")
async def test_no_flood_takes_memory_and_others_are_answered(database_url):
    async with start("serve", DATABASE_URL=database_url) as program:
        process = psutil.Process(program.process.pid)
        port = program.client.base_url.port
        for _ in range(3):
            assert (await program.client.get("/api/v1/instruments")).status_code == 200
        before = most = process.memory_info().rss
        for name, (head, is_chunked) in FLOODS.items():
            floods = [
                asyncio.create_task(pour(port, head, 64 * MIB, is_chunked=is_chunked))
                for _ in range(8)
            ]
            while not all(each.done() for each in floods):
                assert (await program.client.get("/health/live")).status_code == 200, name
                most = max(most, process.memory_info().rss)
            for each in floods:
                # Its answer may be lost in what was still on its way to it.
                assert each.result()[:12] in (b"", b"HTTP/1.1 413", b"HTTP/1.1 431"), name

    assert (most - before) / MIB < GROWTH_MAX / MIB
