"""A way to the database that can be cut: a unix socket that passes bytes on, or is not there."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

_PORT = 5432


class CuttableWay:
    """Forwards a socket in `folder` to the one a URL names, while it is open.

    Parameters
    ----------
    target_url : whose `host` is a folder with a socket, as the embedded server's is.
    """

    def __init__(self, folder: Path, target_url: str) -> None:
        parts = urlsplit(target_url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self._target = Path(query["host"]) / f".s.PGSQL.{query['port']}"
        self._socket = folder / f".s.PGSQL.{_PORT}"
        self.url = urlunsplit(
            parts._replace(query=urlencode({"host": str(folder), "port": str(_PORT)}))
        )
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._forward, self._socket)

    async def cut(self) -> None:
        """Close the socket and break every connection."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        self._socket.unlink(missing_ok=True)
        self._server = None

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        both = {writer, there_writer}
        self._writers |= both

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65_536):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        self._writers -= both
