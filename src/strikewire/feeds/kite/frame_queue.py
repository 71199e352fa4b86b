"""The queue between the sockets and the engine: decoded frames in, batches out."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.core.ticks import DEPTH_DTYPE, Deafness, DeafReason, TickBatch, TickFlag


@dataclass(frozen=True, slots=True)
class FrameQueueConfig:
    """How much waits, and how much is told at once.

    Parameters
    ----------
    max_ticks : with so many waiting the oldest frames are dropped. At 330 bytes a tick with its
        book the default holds 66 MB: ten seconds of a busy market.
    batch_ticks : frames that wait are merged up to so many, for each step of the engine has a
        price of its own.
    """

    max_ticks: int = 200_000
    batch_ticks: int = 10_000


class FrameQueue:
    """Decoded frames in the order they came, and between them what was not heard.

    Policy: drop the oldest. Whoever cannot follow is told the newest prices rather than all of
    them late; what is dropped are whole frames, counted, and told as a deafness of everybody who
    was in them, so that a backfill closes the gap. A deafness itself is never dropped.
    """

    def __init__(self, config: FrameQueueConfig) -> None:
        self._config = config
        self._frames: deque[tuple[TickBatch, int]] = deque()
        # Each before the frame that is so many takings and droppings away from the beginning.
        self._spells: deque[tuple[int, Deafness]] = deque()
        self._gone = 0
        self._tick_count = 0
        self._told_ns = 0
        self._missed: list[npt.NDArray[np.int32]] = []
        self._dropped_frames = 0
        self._is_there = asyncio.Event()

    @property
    def tick_count(self) -> int:
        """How many ticks wait."""
        return self._tick_count

    @property
    def dropped_frames(self) -> int:
        """How many frames were dropped so far."""
        return self._dropped_frames

    def put(self, batch: TickBatch, now_ns: int) -> None:
        """Add a frame.

        Parameters
        ----------
        now_ns : the exchange's time at its arrival.
        """
        self._frames.append((batch, now_ns))
        self._tick_count += len(batch)
        while self._tick_count > self._config.max_ticks and len(self._frames) > 1:
            dropped = self._pop()
            self._missed.append(np.unique(dropped.ticks["instrument_id"]))
            self._dropped_frames += 1
        self._is_there.set()

    def put_deafness(self, spell: Deafness) -> None:
        """Add what was not heard until the next frame that is put."""
        self._spells.append((self._gone + len(self._frames), spell))
        self._is_there.set()

    def take(self) -> TickBatch | Deafness | None:
        """Return what is next: a deafness, or the frames that wait, merged; None: nothing is."""
        if self._missed:
            return self._tell_missed()
        if self._spells and self._spells[0][0] <= self._gone:
            return self._spells.popleft()[1]
        if not self._frames:
            self._is_there.clear()
            return None
        until = self._spells[0][0] if self._spells else self._gone + len(self._frames)
        _, self._told_ns = self._frames[0]
        merged = [self._pop()]
        count = len(merged[0])
        while self._gone < until and count + len(self._frames[0][0]) <= self._config.batch_ticks:
            _, self._told_ns = self._frames[0]
            merged.append(self._pop())
            count += len(merged[-1])
        return merged[0] if len(merged) == 1 else _merge(merged)

    async def wait(self) -> None:
        """Return when there is something to take, or there was."""
        await self._is_there.wait()

    def wake(self) -> None:
        """End a `wait`, though nothing may be there."""
        self._is_there.set()

    def _pop(self) -> TickBatch:
        batch, _ = self._frames.popleft()
        self._gone += 1
        self._tick_count -= len(batch)
        return batch

    def _tell_missed(self) -> Deafness:
        ids = np.unique(np.concatenate(self._missed))
        self._missed = []
        # What was dropped came behind what was told last and before what is there now: a drop
        # always leaves a frame.
        _, now_ns = self._frames[0]
        since_ns = self._told_ns or now_ns - 1
        return Deafness(ids, since_ns, max(now_ns, since_ns + 1), DeafReason.OVERRUN)


def _merge(batches: list[TickBatch]) -> TickBatch:
    """Make one batch of many; where a frame had no books its ticks say so."""
    ticks = np.concatenate([each.ticks for each in batches])
    if all(each.depth is None for each in batches):
        return TickBatch(ticks)
    depths = []
    start = 0
    for each in batches:
        rows = slice(start, start + len(each))
        start = rows.stop
        if each.depth is None:
            ticks["flags"][rows] |= int(TickFlag.BOOKLESS)
        depths.append(np.zeros(len(each), DEPTH_DTYPE) if each.depth is None else each.depth)
    return TickBatch(ticks, np.concatenate(depths))
