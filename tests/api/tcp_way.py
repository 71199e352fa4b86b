"""A way to a server that can be cut: a port that passes bytes on, or breaks."""

from __future__ import annotations

import asyncio
import contextlib


class TcpWay:
    """Forwards a port of its own to another."""

    def __init__(self, target_port):
        self._target_port = target_port
        self._writers = set()
        self._server = None
        self.port = 0

    async def open(self):
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self):
        """Break every connection, and take no new one."""
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _forward(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        both = {writer, there_writer}
        self._writers |= both

        async def pump(source, sink):
            with contextlib.suppress(OSError):
                while data := await source.read(65_536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        self._writers -= both
