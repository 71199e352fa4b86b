"""The real application in a process of its own on the embedded PostgreSQL, and a client for it.

The client is one connection that asks one thing after the other, and does as little as it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop

from strikewire.api.app import Application
from strikewire.core.clock import SystemClock
from strikewire.observability.logs import LogConfig, configure_logging

_ROOM_BYTES: Final = 4 * 1024 * 1024

#: Serves in the child until the parent is done; of a data directory and the way to the parent.
Serve = Callable[[Path, Connection], Coroutine[Any, Any, None]]


@contextlib.contextmanager
def run_server(serve: Serve) -> Iterator[Any]:
    """Run `serve` in a process of its own; yield what it sends first."""
    with tempfile.TemporaryDirectory(prefix="strikewire-bench-") as folder:
        data_dir = Path(folder)
        # The embedded server runs as another user when we are root.
        data_dir.chmod(0o711)
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_run, args=(serve, data_dir, theirs))
        process.start()
        yield ours.recv()
        ours.send(None)
        process.join()


def _run(serve: Serve, data_dir: Path, to_parent: Connection) -> None:
    # As the program logs, but into nothing: the terminal is not what is measured.
    with Path(os.devnull).open("wb") as nothing:
        configure_logging(LogConfig(), clock=SystemClock(), stream=nothing)
        uvloop.run(serve(data_dir, to_parent))


@contextlib.asynccontextmanager
async def listen(app: Application) -> AsyncIterator[int]:
    """Serve an application on a free port until the block ends; yield the port."""
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, http="httptools", ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False,
        )
    )  # fmt: skip
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


class Client:
    """One connection that waits for each answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_ROOM_BYTES)

    def get(self, path: str, header: str = "X-Nothing: 0") -> bytes:
        """Return a body; anything but 200 is an error."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
        view, filled, wanted, start = memoryview(self._buffer), 0, None, 0
        while wanted is None or filled < wanted:
            filled += self._socket.recv_into(view[filled:])
            if wanted is None and (start := self._buffer.find(b"\r\n\r\n", 0, filled) + 4) > 3:
                head = bytes(self._buffer[:start]).lower()
                assert head.startswith(b"http/1.1 200"), head
                wanted = start + int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return bytes(view[start:wanted])
