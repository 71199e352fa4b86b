"""Recordings of days that ended while nobody was running: taken up, and brought to their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import JournalError, NotFoundError
from strikewire.core.instants import from_date
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.ticks import Deafness, DeafReason, Heard
from strikewire.feeds.tick_source import TickSource, make_journal_source
from strikewire.journal import list_journals
from strikewire.live.journal_replays import list_ids
from strikewire.live.recordings import Recordings
from strikewire.observability.logs import get_logger
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.trading_days import find_trading_day
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore

_log: Final = get_logger("abandoned recordings")


class _SilentFeed:
    """A feed that has ended: it tells what was not heard, and nothing more."""

    def __init__(self, source: TickSource, find_deafness: Callable[[], Deafness | None]) -> None:
        self.session_key = source.session_key
        self.description = source.description
        self.first_ns = source.first_ns
        self.is_repeatable = False
        self._find_deafness = find_deafness

    async def batches(self, *, after_seq: int) -> AsyncIterator[Heard]:
        """Yield the stretch from the last tick `after_seq` to the day's end, if there is one."""
        del after_seq
        deafness = self._find_deafness()
        if deafness is not None:
            yield deafness

    async def aclose(self) -> None:
        """There is nothing to let go of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonedTools:
    """What it takes to bring a recording to its end.

    Parameters
    ----------
    recordings : opens it as if its day went on.
    find_calendar : the sessions of a venue.
    """

    recordings: Recordings
    database: Database
    checkpoints: CheckpointStore
    instruments: InstrumentStore
    find_calendar: Callable[[str], SessionCalendar]


class AbandonedRecordings:
    """Ends the recordings of earlier days that no program saw end.

    What their journals have behind the last commit becomes bars, the rest of the day becomes a gap
    to be filled, and the recording is complete: it can be packed and dropped like any other. For
    the start of a program, before anybody is answered: nobody is told of these bars.

    Parameters
    ----------
    root : the folder of all journals.
    prefix : how the names of these recordings begin; a day follows, as 2026-11-20.
    """

    def __init__(self, *, root: Path, prefix: str, tools: AbandonedTools) -> None:
        self._root = root
        self._prefix = prefix
        self._tools = tools

    async def finish(self, *, before: date) -> list[str]:
        """End every recording of a day before another one; return their names, oldest first.

        One whose journal is damaged, or is being written, is told of and left.

        Raises
        ------
        DependencyError : the store is away.
        JournalError : the folder of all journals cannot be read.
        """
        finished = []
        for day, directory in await self._list_abandoned(before):
            try:
                await self._finish(day, directory)
            except (JournalError, NotFoundError) as error:
                _log.error(
                    "a recording is left as it is", journal=directory.name, reason=str(error)
                )
            else:
                finished.append(directory.name)
        return finished

    async def _list_abandoned(self, before: date) -> list[tuple[date, Path]]:
        found = []
        for directory in await asyncio.to_thread(list_journals, self._root):
            day = self._find_day(directory.name)
            if day is not None and day < before:
                found.append((day, directory))
        async with self._tools.database.read() as session:
            ends = await self._tools.checkpoints.load_ends(session, [d.name for _, d in found])
        return [(day, directory) for day, directory in sorted(found) if directory.name not in ends]

    def _find_day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(name.removeprefix(self._prefix))
        except ValueError:
            return None

    async def _finish(self, day: date, directory: Path) -> None:
        source = await asyncio.to_thread(make_journal_source, directory)
        ids = await asyncio.to_thread(list_ids, source)
        async with self._tools.database.read() as read:
            instruments = await self._tools.instruments.get_by_ids(
                read, [InstrumentId(each) for each in ids.tolist()]
            )
        closes_ns = self._find_close(day, instruments)
        feed = _SilentFeed(source, lambda: _make_deafness(ids, session.engine.as_of_ns, closes_ns))
        session = await self._tools.recordings.open(feed, on_committed=_forget_nothing)
        await session.resume(instruments)
        await session.run()
        _log.info("a recording was brought to its end", journal=directory.name)

    def _find_close(self, day: date, instruments: list[Instrument]) -> int:
        """Return when the last of the instruments' venues closed on a day; 0: none was open."""
        venues = {each.spec.exchange for each in instruments}
        calendars = [self._tools.find_calendar(venue) for venue in venues]
        if not calendars:
            return 0
        found = find_trading_day(calendars, from_date(day))
        return found.closes_ns if found.day == day else 0


def _forget_nothing(bars: npt.NDArray[np.void]) -> None:
    """Take note of committed bars before anybody could have asked for them."""


def _make_deafness(ids: npt.NDArray[np.int32], from_ns: int, to_ns: int) -> Deafness | None:
    if not 0 < from_ns < to_ns:
        return None
    return Deafness(ids, from_ns, to_ns, DeafReason.DOWN)
