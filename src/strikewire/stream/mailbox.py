"""A bounded mailbox between whoever publishes and one connection that may be slow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Mailbox(Generic[ItemT]):
    """Items wait here in order; of those with one key only the newest waits, at the end.

    Not thread-safe. One reader.

    Parameters
    ----------
    capacity : the most items that wait. One more ends the mailbox: what waits is dropped, and
        `is_overflowed` says why.
    """

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: dict[Hashable, ItemT] = {}
        self._taken: deque[ItemT] = deque()
        self._count = 0
        self._is_closed = False
        self._arrived = asyncio.Event()
        self._overflowed = asyncio.Event()

    @property
    def is_overflowed(self) -> bool:
        """Whether an item found no room."""
        return self._overflowed.is_set()

    @property
    def pending_count(self) -> int:
        """How many items wait."""
        return len(self._waiting) + len(self._taken)

    def put(self, item: ItemT, *, key: Hashable = None) -> None:
        """Take an item in; never waits. Nothing happens after the end."""
        if self._is_closed:
            return
        self._count += 1
        place = (None, self._count) if key is None else (key, 0)
        # To the end, not into the old one's place: what came between must not be overtaken.
        self._waiting.pop(place, None)
        if self.pending_count >= self._capacity:
            self._overflowed.set()
            self._waiting.clear()
            self._taken.clear()
            self._is_closed = True
        else:
            self._waiting[place] = item
        self._arrived.set()

    def close(self) -> None:
        """Take in no more; what waits may still be taken out."""
        self._is_closed = True
        self._arrived.set()

    async def wait_for_overflow(self) -> None:
        """Return when an item has found no room, which the reader may be too busy to see."""
        await self._overflowed.wait()

    async def take(self) -> ItemT | None:
        """Return the next item, waiting for it; None after the end."""
        while not self._taken:
            if self._waiting:
                # A round at a time, so that a key that changes all the time is handed over too.
                self._taken.extend(self._waiting.values())
                self._waiting.clear()
                break
            if self._is_closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._taken.popleft()
