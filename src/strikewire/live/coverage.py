"""Coverage: what is recorded of an instrument, held against the sessions there were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Source, Timeframe
from strikewire.core.clock import Clock
from strikewire.core.instants import DAY_NS, MINUTE_NS, from_date
from strikewire.core.instruments import Instrument
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.coverage import CoverageDay, CoverageQuery, CoverageStore
from strikewire.store.database import Database
from strikewire.store.gaps import Gap, GapFilter, GapStore
from strikewire.store.page_loads import LoadBars

#: All trading days since there are screens; one instrument's days always fit.
_MAX_DAYS: Final = 20_000
#: A strike nobody trades lacks a bar every other minute; the first holes tell enough.
_MAX_HOLES: Final = 20
_MAX_GAPS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hole:
    """Minutes without a bar, `[from, to)`."""

    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class DayCoverage:
    """One session of one instrument, held against its hours.

    Parameters
    ----------
    day_ns : 00:00Z of the trading day.
    expected : bars the session had room for so far; None for a day that had no session.
    missing : how many of them are not there. A minute in which nobody traded has no bar either:
        that looks the same as one that was not heard.
    holes : the first of the stretches that are missing; only of single instruments' minutes.
    gaps : the stretches of that day that the feed did not hear, the oldest first.
    """

    symbol: str
    day_ns: int
    present: int
    expected: int | None
    missing: int
    partial: int = 0
    after_close: int = 0
    revised: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    sources: Mapping[Source, int] | None = None
    holes: Sequence[Hole] = ()
    gaps: Sequence[Gap] = ()


@dataclass(frozen=True, slots=True)
class CoverageRange:
    """Which days are asked for; see `CoverageReader.list_days`."""

    from_ns: int
    to_ns: int
    timeframe: Timeframe
    limit: int
    offset: int


class CoverageReader:
    """Holds what the store has against the calendar.

    Parameters
    ----------
    find_calendar : the sessions of a venue.
    clock : the market's time: a session that is still to come is not missing.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: CoverageStore,
        load_bars: LoadBars,
        find_calendar: Callable[[str], SessionCalendar],
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = store
        self._load_bars = load_bars
        self._find_calendar = find_calendar
        self._clock = clock
        self._gaps = GapStore()

    async def list_days(
        self, instrument: Instrument, wanted: CoverageRange
    ) -> tuple[list[DayCoverage], int]:
        """Return a page of an instrument's sessions, oldest first, and how many there are.

        From its first day with bars in the range to the last session before its end, those without
        any bar included: that is what is missing.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        calendar = self._find_calendar(instrument.spec.exchange)
        query = CoverageQuery(
            from_ns=wanted.from_ns,
            to_ns=wanted.to_ns,
            zone=calendar.zone,
            timeframe=wanted.timeframe,
            instrument_ids=[instrument.id],
        )
        async with self._database.read() as session:
            stored, _ = await self._store.load_days(session, query, limit=_MAX_DAYS)
        by_day = {from_date(each.day): each for each in stored}
        if not by_day:
            return [], 0
        days_ns = sorted(by_day.keys() | self._list_sessions(calendar, min(by_day), wanted.to_ns))
        if instrument.spec.expiry is not None:
            last_ns = max(from_date(instrument.spec.expiry), *by_day)
            days_ns = [day_ns for day_ns in days_ns if day_ns <= last_ns]
        page = days_ns[wanted.offset : wanted.offset + wanted.limit]
        described = [
            self._describe(instrument.symbol, day_ns, by_day.get(day_ns), calendar, wanted)
            for day_ns in page
        ]
        if wanted.timeframe is Timeframe.M1 and page:
            described = await self._add_holes(instrument, described, calendar)
            described = await self._add_gaps(instrument, described)
        return described, len(days_ns)

    def _list_sessions(self, calendar: SessionCalendar, from_ns: int, to_ns: int) -> set[int]:
        """Return the days of the sessions that began in a range and before now."""
        until_ns = min(to_ns, self._clock.now_ns())
        first = int(np.searchsorted(calendar.days_ns, from_ns))
        last = int(np.searchsorted(calendar.opens_ns, until_ns))
        return set(calendar.days_ns[first:last].tolist())

    def _describe(
        self,
        symbol: str,
        day_ns: int,
        stored: CoverageDay | None,
        calendar: SessionCalendar,
        wanted: CoverageRange,
    ) -> DayCoverage:
        expected = self._count_expected(calendar, day_ns, wanted.timeframe)
        if stored is None:
            return DayCoverage(symbol, day_ns, 0, expected, expected or 0)
        in_session = stored.bar_count - stored.after_close_count
        return DayCoverage(
            symbol=symbol,
            day_ns=day_ns,
            present=stored.bar_count,
            expected=expected,
            missing=max(0, expected - in_session) if expected is not None else 0,
            partial=stored.partial_count,
            after_close=stored.after_close_count,
            revised=stored.revised_count,
            first_ns=stored.first_ns,
            last_ns=stored.last_ns,
            sources=stored.sources,
        )

    def _count_expected(
        self, calendar: SessionCalendar, day_ns: int, timeframe: Timeframe
    ) -> int | None:
        session = _find_session(calendar, day_ns)
        if session is None:
            return None
        if timeframe is Timeframe.D1:
            return 1
        return len(self._list_minutes(calendar, session))

    def _list_minutes(self, calendar: SessionCalendar, session: int) -> npt.NDArray[np.int64]:
        """Return the opens of a session's minutes that are over."""
        close_ns = min(int(calendar.closes_ns[session]), self._clock.now_ns() - MINUTE_NS + 1)
        return np.arange(int(calendar.opens_ns[session]), close_ns, MINUTE_NS)

    async def _add_holes(
        self, instrument: Instrument, days: list[DayCoverage], calendar: SessionCalendar
    ) -> list[DayCoverage]:
        """Say of each day which minutes are missing, by one query over all of them."""
        from_ns, to_ns = days[0].day_ns - DAY_NS, days[-1].day_ns + 2 * DAY_NS
        bars = await self._load_bars(instrument.id, from_ns, to_ns, Timeframe.M1)
        found: list[DayCoverage] = []
        for day in days:
            session = _find_session(calendar, day.day_ns)
            holes: tuple[Hole, ...] = ()
            if session is not None and day.missing:
                minutes_ns = self._list_minutes(calendar, session)
                holes = find_holes(np.setdiff1d(minutes_ns, bars["ts_ns"], assume_unique=True))
            found.append(replace(day, holes=holes))
        return found

    async def _add_gaps(self, instrument: Instrument, days: list[DayCoverage]) -> list[DayCoverage]:
        """Say of each day what the feed knows it did not hear."""
        wanted = GapFilter(
            instrument_id=instrument.id,
            from_ns=days[0].day_ns,
            to_ns=days[-1].day_ns + DAY_NS,
        )
        async with self._database.read() as session:
            gaps, _ = await self._gaps.list_gaps(session, wanted, limit=_MAX_GAPS)
        return [
            replace(
                day,
                gaps=[
                    gap
                    for gap in reversed(gaps)
                    if gap.from_ns < day.day_ns + DAY_NS and day.day_ns < gap.to_ns
                ],
            )
            for day in days
        ]


def find_holes(missing_ns: npt.NDArray[np.int64]) -> tuple[Hole, ...]:
    """Join minutes that follow each other; the first twenty stretches.

    Parameters
    ----------
    missing_ns : int64 (n,), opens of minutes, ascending.
    """
    if not len(missing_ns):
        return ()
    breaks = np.flatnonzero(np.diff(missing_ns) != MINUTE_NS)
    starts = missing_ns[np.append(0, breaks + 1)][:_MAX_HOLES].tolist()
    stops = missing_ns[np.append(breaks, len(missing_ns) - 1)][:_MAX_HOLES].tolist()
    return tuple(Hole(start, stop + MINUTE_NS) for start, stop in zip(starts, stops, strict=True))


def _find_session(calendar: SessionCalendar, day_ns: int) -> int | None:
    index = int(np.searchsorted(calendar.days_ns, day_ns))
    if index < len(calendar.days_ns) and int(calendar.days_ns[index]) == day_ns:
        return index
    return None
