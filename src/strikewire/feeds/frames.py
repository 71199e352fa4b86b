"""The frames that come next: read when they are asked for, or in a thread ahead of that."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from strikewire.core.ticks import Heard, TickBatch
from strikewire.feeds.tick_source import TickSource

#: The replay's clock moves on to the next frame while one is delivered: two are known.
_KNOWN: Final = 2
#: Read ahead at a time: enough that a thread is worth it, and few enough to be kept twice.
_AHEAD_FRAMES: Final = 64
_AHEAD_TICKS: Final = 16_384


class _Chunk(NamedTuple):
    frames: list[Heard]
    is_last: bool


class Frames:
    """A source's frames behind a tick, in order; after `fill` the next two are known.

    A source that takes long to be read is read in a thread, a chunk while the one before is
    played, so that the event loop never waits for it. There is one reading at a time, and none is
    left behind by `aclose`: a source is never in two threads.

    Parameters
    ----------
    source : what is read.
    after_seq : the tick before the first.
    """

    def __init__(self, source: TickSource, *, after_seq: int) -> None:
        self._iterator = source.read(after_seq)
        self._is_slow = source.is_slow
        self._known: deque[Heard] = deque()
        self._is_over = False
        self._reading: asyncio.Future[_Chunk] | None = None

    @property
    def upcoming(self) -> Heard | None:
        """The next frame; None behind the last."""
        return self._known[0] if self._known else None

    def take(self) -> Heard:
        """Return the next frame; the one after it is the next. `fill` comes before and after."""
        return self._known.popleft()

    async def fill(self) -> None:
        """Have the next two frames known, as far as there are so many.

        Whatever reading the source raises, comes out here.
        """
        while len(self._known) < _KNOWN and not self._is_over:
            chunk = await self._read_ahead() if self._is_slow else self._read(1, 1)
            self._known.extend(chunk.frames)
            self._is_over = chunk.is_last

    async def aclose(self) -> None:
        """Wait for what is being read, whatever comes of it; nothing is read any more."""
        self._is_over = True
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None

    async def _read_ahead(self) -> _Chunk:
        """Return the next chunk, and have the one after it read meanwhile."""
        reading = self._reading or self._start_reading()
        # Whoever stops waiting does not stop the thread.
        chunk = await asyncio.shield(reading)
        self._reading = None if chunk.is_last else self._start_reading()
        return chunk

    def _start_reading(self) -> asyncio.Future[_Chunk]:
        loop = asyncio.get_running_loop()
        self._reading = loop.run_in_executor(None, self._read, _AHEAD_FRAMES, _AHEAD_TICKS)
        return self._reading

    def _read(self, frame_limit: int, tick_limit: int) -> _Chunk:
        frames: list[Heard] = []
        ticks = 0
        for frame in self._iterator:
            frames.append(frame)
            ticks += len(frame) if isinstance(frame, TickBatch) else 0
            if len(frames) >= frame_limit or ticks >= tick_limit:
                return _Chunk(frames, is_last=False)
        return _Chunk(frames, is_last=True)
