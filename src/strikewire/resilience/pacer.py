"""The pacer: so many calls in any stretch of time, whoever makes them, in the order they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How much somebody else lets us ask.

    Parameters
    ----------
    calls : so many may arrive there in a window.
    window_s : any stretch of so many seconds.
    """

    calls: int
    window_s: float = 1.0


class Pacer:
    """Lets callers pass at a pace. Fair: they pass in the order they asked.

    A call takes one of `calls` places and gives it back when its answer is here; the next one may
    take that place a whole window later. A call arrives over there after it left here and before
    its answer came, so no window over there ever sees more than `calls`, however the network
    delays and bunches them. Counting from when calls leave would not keep that promise.

    Who is cancelled while waiting has used nothing up.

    Parameters
    ----------
    monotonic : returns seconds that only grow.
    """

    def __init__(self, pace: Pace, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pace = pace
        self._monotonic = monotonic
        self._is_next = asyncio.Lock()
        #: From when on each place is free; the one that is free first, first.
        self._places: asyncio.PriorityQueue[float] = asyncio.PriorityQueue(pace.calls)
        for _ in range(pace.calls):
            self._places.put_nowait(float("-inf"))
        self._closed_until_s = float("-inf")
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        return self._waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; the call belongs inside, with all of its answer."""
        self._waiting += 1
        try:
            await self._take()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.put_nowait(self._monotonic() + self._pace.window_s)

    def pause(self, for_s: float) -> None:
        """Let nobody pass for a while: over there they say it was too much all the same."""
        self._closed_until_s = max(self._closed_until_s, self._monotonic() + for_s)

    async def _take(self) -> None:
        # One waits for a place, the others for the lock, which is given away in order: two that
        # waited for places themselves could overtake each other.
        async with self._is_next:
            free_s = await self._places.get()
            try:
                while (left_s := self._count_left_s(free_s)) > 0:  # noqa: ASYNC110 - time passes
                    await asyncio.sleep(left_s)
            except asyncio.CancelledError:
                self._places.put_nowait(free_s)
                raise

    def _count_left_s(self, free_s: float) -> float:
        # Asked again after each sleep: a pause may have come meanwhile.
        return max(free_s, self._closed_until_s) - self._monotonic()
