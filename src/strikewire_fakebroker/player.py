"""Plays the market as its time passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.ticks import TickBatch
from strikewire.feeds.frames import Frames
from strikewire_fakebroker.board import IST_OFFSET_NS, find_trading_day_ns
from strikewire_fakebroker.parts import BrokerParts

#: Batches in a row before the event loop gets a turn, while there is something to catch up with.
_BATCHES_PER_TURN: Final = 8
#: Over so long at most the ticks of an instant are spread: a night is not told in slices.
_SPREAD_NS: Final = SECOND_NS


class Player:
    """Puts the tape's ticks on the board when their time has come, and says which rows moved.

    Parameters
    ----------
    parts : the tape, the market's time, the board.
    tell : is awaited with the rows that moved, intp, for each of the
        `BrokerConfig.slices` of each instant.
    """

    def __init__(
        self,
        parts: BrokerParts,
        *,
        tell: Callable[[npt.NDArray[np.intp]], Awaitable[None]],
    ) -> None:
        self._tape = parts.tape
        self._time = parts.time
        self._board = parts.board
        self._slices = parts.config.slices
        self._tell = tell
        # The last tick that is on the board.
        self._seq = 0
        # Slices in a row that were overdue.
        self._hurried = 0
        # Set by whatever may change when the next tick is due.
        self._wake = asyncio.Event()
        # Set while everything that is due has been told.
        self._is_level = asyncio.Event()

    def prepare(self) -> None:
        """Put on the board what was before the market's present: the day so far.

        And the last minute of the day before, in which all that is listed ticks: closing prices.
        """
        now_ns = self._time.now_ns()
        self._seq = self._tape.find_seq(now_ns)
        first = self._tape.find_seq(find_trading_day_ns(now_ns) - IST_OFFSET_NS)
        if first:
            for batch in self._read_until(first - 1, first):
                last_minute_ns = int(batch.ticks["ts_event_ns"][-1]) // MINUTE_NS * MINUTE_NS
            first = self._tape.find_seq(last_minute_ns)
        for batch in self._read_until(first, self._seq):
            self._board.apply(batch)

    async def run(self) -> None:
        """Play from the present to the end of the tape; then there is nothing more to tell."""
        async with aclosing(self._read()) as batches:
            batch = await anext(batches, None)
            while batch is not None:
                following = await anext(batches, None)
                await self._play(batch, following)
                batch = following
        self._is_level.set()

    async def advance(self, by_ns: int) -> None:
        """Move the market's time on at once, and return when all of it has been told."""
        self._time.advance(by_ns)
        self._is_level.clear()
        self._wake.set()
        await self._is_level.wait()

    def set_rate(self, rate: float) -> None:
        """Run the market's time at another rate."""
        self._time.set_rate(rate)
        self._wake.set()

    def _read_until(self, after_seq: int, last_seq: int) -> Iterator[TickBatch]:
        """Yield what is between two ticks, the first one not included."""
        for batch in self._tape.source.read(after_seq):
            if not isinstance(batch, TickBatch):
                continue
            at = int(np.searchsorted(batch.ticks["seq"], last_seq, side="right"))
            if at:
                yield TickBatch(batch.ticks[:at], None if batch.depth is None else batch.depth[:at])
            if at < len(batch) or batch.last_seq == last_seq:
                break

    async def _read(self) -> AsyncGenerator[TickBatch]:
        """Yield what follows the ticks on the board; what a recording did not hear is not told."""
        frames = Frames(self._tape.source, after_seq=self._seq)
        try:
            await frames.fill()
            while frames.upcoming is not None:
                frame = frames.take()
                if isinstance(frame, TickBatch):
                    yield frame
                await frames.fill()
        finally:
            await frames.aclose()

    async def _play(self, batch: TickBatch, following: TickBatch | None) -> None:
        for due_ns, part in self._cut_slices(batch, following):
            self._hurried = 0 if await self._wait(due_ns) else self._hurried + 1
            if self._hurried == _BATCHES_PER_TURN:
                self._hurried = 0
                await asyncio.sleep(0)
            await self._tell(self._board.apply(part))

    def _cut_slices(
        self, batch: TickBatch, following: TickBatch | None
    ) -> list[tuple[int, TickBatch]]:
        due_ns = int(batch.ticks["ts_recv_ns"][-1])
        if self._slices == 1 or following is None:
            return [(due_ns, batch)]
        span_ns = min(int(following.ticks["ts_recv_ns"][-1]) - due_ns, _SPREAD_NS)
        ends = np.linspace(0, len(batch), self._slices + 1).astype(int).tolist()
        cuts = [slice(start, end) for start, end in pairwise(ends)]
        return [
            (
                due_ns + span_ns * place // self._slices,
                TickBatch(batch.ticks[cut], None if batch.depth is None else batch.depth[cut]),
            )
            for place, cut in enumerate(cuts)
            if cut.stop > cut.start
        ]

    async def _wait(self, due_ns: int) -> bool:
        """Return when an instant has come, and whether that took any time."""
        has_waited = False
        while (delay_s := self._time.compute_delay_s(due_ns)) > 0:
            has_waited = True
            self._is_level.set()
            self._wake.clear()
            try:
                async with asyncio.timeout(None if delay_s == float("inf") else delay_s):
                    await self._wake.wait()
            except TimeoutError:
                continue
        return has_waited
