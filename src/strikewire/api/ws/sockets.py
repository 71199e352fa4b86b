"""The open sockets of a program: how many there may be, and how all of them end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol


class Drainable(Protocol):
    """A socket that can be told that the program ends."""

    def announce_shutdown(self) -> None:
        """Tell the client, then close."""
        ...


class Sockets:
    """Who is connected. Not thread-safe."""

    def __init__(self) -> None:
        self.is_draining = False
        self._open: set[Drainable] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, socket: Drainable) -> None:
        """Take a socket in."""
        self._open.add(socket)
        self._empty.clear()
        if self.is_draining:
            socket.announce_shutdown()

    def remove(self, socket: Drainable) -> None:
        """Let a socket go."""
        self._open.discard(socket)
        if not self._open:
            self._empty.set()

    async def drain(self, *, timeout_s: float) -> None:
        """Tell every client that the program ends, and wait until they are gone, or so long."""
        self.is_draining = True
        for socket in tuple(self._open):
            socket.announce_shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
