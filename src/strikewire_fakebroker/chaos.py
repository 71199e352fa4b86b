"""A way over TCP that goes wrong: for whatever dials out, to a broker, a database, a cache."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_CHUNK_BYTES: Final = 65_536
#: Chunks on their way in one direction; a sender that is faster waits, as on a real line.
_ON_THE_WAY: Final = 64
#: On, and no time at all to close in: the other side is told by a reset.
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class ChaosProxy:
    """Passes bytes between a port of its own and another server, until it is told otherwise.

    Set the attributes at any time; they hold for connections that stand and for those to come.

    Parameters
    ----------
    host, port : where the other server listens.

    Attributes
    ----------
    latency_s : every byte is so long on its way, either way.
    slice_bytes : bytes come in pieces of at most so many; None: as they were sent.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._ways: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._is_passing = asyncio.Event()
        self._is_passing.set()
        self.latency_s = 0.0
        self.slice_bytes: int | None = None
        #: Where it listens; the same one for good, once it has been opened.
        self.port = 0

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._ways)

    async def open(self) -> None:
        """Listen, for the first time or again after a cut."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Break every connection, take no new one, and wait until nothing of it is left."""
        ways = list(self._ways)
        self.cut()
        await asyncio.gather(*ways, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection, and take no new one until `open`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    def reset(self) -> None:
        """Break every connection with a reset, and take new ones."""
        for task, writers in self._ways.items():
            for writer in writers:
                _abort(writer)
            task.cancel()

    def hold(self) -> None:
        """Pass nothing on, either way, and close nothing: both sides believe in a half-open line.

        New connections are taken, and lead nowhere.
        """
        self._is_passing.clear()

    def release(self) -> None:
        """Pass on again, first what was held."""
        self._is_passing.set()

    def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio would report one that was cancelled as a failure.
        writers = [writer]
        task = asyncio.create_task(self._carry(reader, writers), name="way")
        self._ways[task] = writers
        task.add_done_callback(self._ways.pop)

    async def _carry(
        self, reader: asyncio.StreamReader, writers: list[asyncio.StreamWriter]
    ) -> None:
        (writer,) = writers
        try:
            await self._is_passing.wait()
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            writers.append(there_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, there_writer))
                both.create_task(self._pass_on(there_reader, writer))
        except OSError:
            # The other server is not there.
            pass
        except ExceptionGroup as errors:
            # Where one side has gone, so is the other, then.
            if errors.split(OSError)[1] is not None:
                raise
        finally:
            for each in writers:
                each.transport.abort()

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Carry one direction to its end, each chunk when it has been long enough on its way."""
        clock = asyncio.get_running_loop().time
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_WAY)

        async def collect() -> None:
            data = None
            while data != b"":
                data = await source.read(_CHUNK_BYTES)
                await chunks.put((clock() + self.latency_s, data))

        async with asyncio.TaskGroup() as both:
            both.create_task(collect())
            while (chunk := await chunks.get())[1]:
                due_s, data = chunk
                await asyncio.sleep(max(due_s - clock(), 0))
                await self._is_passing.wait()
                await self._write(sink, data)
            await self._is_passing.wait()
            if sink.can_write_eof():
                sink.write_eof()

    async def _write(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        step = self.slice_bytes or len(data)
        for start in range(0, len(data), step):
            sink.write(data[start : start + step])
            await sink.drain()
            # Without a turn in between the pieces would be read as one.
            await asyncio.sleep(0)


@asynccontextmanager
async def open_proxy(host: str, port: int) -> AsyncIterator[ChaosProxy]:
    """Open a way to a server, and close it when the block ends."""
    proxy = ChaosProxy(host, port)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.aclose()


def _abort(writer: asyncio.StreamWriter) -> None:
    own = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
