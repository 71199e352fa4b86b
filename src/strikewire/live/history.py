"""History: closed bars from the store's pages, and what ticks can still change from the engine.

What `/history` says of the last bars and what the engine says of them is the same thing, because
it is the same array: the engine's recent bars are laid over the store's, and rollups are made from
the mixture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.analytics.rollups import roll_up
from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe, find_outranked
from strikewire.core.clock import Clock
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.live.joined_pages import JoinedPages
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.encoding import PageSlice, encode_page, join_columns
from strikewire.store.page_loads import LoadBars
from strikewire.store.pages import PageCache

# Before and after every bar, with room to add a day to without leaving int64: 1823 and 2116.
_START_NS: Final = -(2**62)
_END_NS: Final = 2**62
_NO_BARS: Final = np.zeros(0, BAR_DTYPE)
_UDF_COLUMNS: Final = ("t", "o", "h", "l", "c", "v")
#: Sessions that a forward read looks at first, beyond what a full one would need.
_SPARE_SESSIONS: Final = 2


class OpenBars(Protocol):
    """The bars of the open session that the store may not have yet."""

    def find_pending(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:
        """Return BAR_DTYPE (n,), oldest first: closed, and on their way to the store."""
        ...

    def recent_bars(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:
        """Return BAR_DTYPE (n,), oldest first, the forming bar last."""
        ...


class NoOpenBars:
    """Nobody hears ticks: the store has all there is."""

    def find_pending(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:  # noqa: ARG002
        """Return no bars."""
        return _NO_BARS

    def recent_bars(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:  # noqa: ARG002
        """Return no bars."""
        return _NO_BARS


@dataclass(frozen=True, slots=True)
class BarRange:
    """Which bars are wanted.

    Parameters
    ----------
    limit : the most bars.
    from_ns, to_ns : stamps in `[from, to)`; None is the beginning and the end of all there is.
    is_from_end : when there are more than `limit`, the last ones are given, else the first ones.
    """

    limit: int
    timeframe: Timeframe = Timeframe.M1
    from_ns: int | None = None
    to_ns: int | None = None
    is_from_end: bool = True

    def with_timeframe(self, timeframe: Timeframe) -> BarRange:
        """Return the same range in another width."""
        return replace(self, timeframe=timeframe)


@dataclass(frozen=True, slots=True, eq=False)
class BarSeries:
    """Bars, oldest first, in pieces that know their own JSON.

    Parameters
    ----------
    as_of_ns : exchange time of the newest thing the bars tell of; 0 when there are none.
    is_closed : every bar is of a closed session, and so of a page that is kept.
    next_ns : the stamp of the first bar that was left out for the limit's sake, going forward.
    """

    slices: tuple[PageSlice, ...]
    as_of_ns: int
    is_closed: bool
    next_ns: int | None = None

    def __len__(self) -> int:
        return sum(map(len, self.slices))

    def to_array(self) -> npt.NDArray[np.void]:
        """Return BAR_DTYPE (n,)."""
        if not self.slices:
            return _NO_BARS
        return np.concatenate([piece.bars for piece in self.slices])


class BarHistory:
    """One instrument's bars in any width, whoever holds them.

    Parameters
    ----------
    pages : the closed sessions.
    load_bars : loads rows of the store, for the open session.
    find_calendar : the sessions of a venue; the same object while its rules are the same.
    open_bars : what ticks can still change, or what is not committed yet.
    clock : the market's time. No bar that opens after it is shown: a replay does not tell the
        future, whatever the store has of it.
    joined_bytes : memory for bodies that were asked for before.
    """

    def __init__(
        self,
        *,
        pages: PageCache,
        load_bars: LoadBars,
        find_calendar: Callable[[str], SessionCalendar],
        open_bars: OpenBars,
        clock: Clock,
        joined_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._joined = JoinedPages(max_bytes=joined_bytes)
        self._pages = pages
        self._load_bars = load_bars
        self._find_calendar = find_calendar
        self._open_bars = open_bars
        self._clock = clock

    async def load_minutes(
        self, instrument: Instrument, from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        """Return all minute bars in `[from, to)`, BAR_DTYPE (n,), oldest first; see `load`."""
        wanted = BarRange(limit=_count_minutes(from_ns, to_ns), from_ns=from_ns, to_ns=to_ns)
        return (await self.load(instrument, wanted)).to_array()

    async def load(self, instrument: Instrument, wanted: BarRange) -> BarSeries:
        """Return the bars of a range.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        NotFoundError : the instrument's venue has no market rules.
        """
        calendar = self._find_calendar(instrument.spec.exchange)
        at_ns = self._find_open_instant(instrument)
        open_ns = self._pages.find_open_ns(calendar, wanted.timeframe, now_ns=at_ns)
        if wanted.is_from_end:
            slices = await self._load_last(instrument, wanted, calendar, at_ns)
            next_ns = None
        else:
            slices = await self._load_first(instrument, wanted, calendar, at_ns)
            slices, next_ns = _cut_after(slices, wanted.limit)
        return BarSeries(
            slices=tuple(slices),
            as_of_ns=self._find_as_of(slices, wanted.timeframe, calendar),
            is_closed=not slices or slices[-1].page.instants_ns[-1] < open_ns,
            next_ns=next_ns,
        )

    def encode_udf(self, series: BarSeries) -> bytes:
        """Write bars as the charting library reads them: a copy of memory, page by page."""
        body = self._joined.find(series.slices) if series.is_closed else None
        if body is None:
            body = join_columns(series.slices, _UDF_COLUMNS, head=b'{"s":"ok",', tail=b"}")
            if series.is_closed:
                self._joined.put(series.slices, body)
        return body

    async def find_before(self, instrument: Instrument, wanted: BarRange) -> int | None:
        """Return the stamp of the last bar before a range; None where there is none."""
        if wanted.from_ns is None:
            return None
        before = replace(wanted, from_ns=None, to_ns=wanted.from_ns, limit=1, is_from_end=True)
        found = (await self.load(instrument, before)).to_array()
        return int(found["ts_ns"][-1]) if len(found) else None

    def _find_open_instant(self, instrument: Instrument) -> int:
        """Return an instant of the session that is open: one is until its last bars are stored."""
        now_ns = self._clock.now_ns()
        pending = self._open_bars.find_pending(instrument.id)
        # A bar that opens as its session closes is of that session all the same.
        return min(now_ns, int(pending["ts_ns"][0]) - 1) if len(pending) else now_ns

    async def _load_last(
        self, instrument: Instrument, wanted: BarRange, calendar: SessionCalendar, at_ns: int
    ) -> list[PageSlice]:
        from_ns = _START_NS if wanted.from_ns is None else wanted.from_ns
        to_ns = _END_NS if wanted.to_ns is None else wanted.to_ns
        width = wanted.timeframe
        open_ns = self._pages.find_open_ns(calendar, width, now_ns=at_ns)
        tail: list[PageSlice] = []
        if to_ns > open_ns:
            bars = await self._load_open(instrument, width, calendar, at_ns)
            tail = _slice(bars, max(from_ns, open_ns), to_ns)
        missing = wanted.limit - sum(map(len, tail))
        if missing <= 0:
            return _keep_last(tail, wanted.limit)
        stop_ns = min(to_ns, open_ns)
        if from_ns >= stop_ns:
            return tail
        if (
            wanted.from_ns is not None
            and _estimate_bars(calendar, width, from_ns, stop_ns) <= missing
        ):
            head = await self._pages.read(instrument.id, from_ns, stop_ns, width, calendar=calendar)
            return head + tail
        head = await self._pages.read_last(
            instrument.id, stop_ns, missing, width, calendar=calendar
        )
        return (head if wanted.from_ns is None else _drop_before(head, from_ns)) + tail

    async def _load_first(
        self, instrument: Instrument, wanted: BarRange, calendar: SessionCalendar, at_ns: int
    ) -> list[PageSlice]:
        """Go forward until one bar more than wanted is there, in growing steps of sessions."""
        width = wanted.timeframe
        to_ns = _END_NS if wanted.to_ns is None else wanted.to_ns
        start_ns = _START_NS if wanted.from_ns is None else wanted.from_ns
        open_ns = self._pages.find_open_ns(calendar, width, now_ns=at_ns)
        stop_ns = min(to_ns, open_ns)
        count = wanted.limit // _count_per_session(calendar, width) + _SPARE_SESSIONS
        found: list[PageSlice] = []
        while start_ns < stop_ns and sum(map(len, found)) <= wanted.limit:
            step_ns = min(stop_ns, _step_forward(calendar, start_ns, count))
            found += await self._pages.read(
                instrument.id, start_ns, step_ns, width, calendar=calendar
            )
            start_ns, count = step_ns, count * 2
        if sum(map(len, found)) <= wanted.limit and to_ns > open_ns:
            bars = await self._load_open(instrument, width, calendar, at_ns)
            found += _slice(bars, max(start_ns, open_ns), to_ns)
        return found

    async def _load_open(
        self, instrument: Instrument, timeframe: Timeframe, calendar: SessionCalendar, at_ns: int
    ) -> npt.NDArray[np.void]:
        """Return the open session's bars: the store's, and over them what the engine holds.

        Parameters
        ----------
        at_ns : an instant of that session.
        """
        now_ns = self._clock.now_ns()
        open_ns = self._pages.find_open_ns(calendar, Timeframe.M1, now_ns=at_ns)
        # Before the store is asked: what is committed while it answers would be in neither.
        pending = self._open_bars.find_pending(instrument.id)
        stored = await self._load_bars(instrument.id, open_ns, now_ns + 1, Timeframe.M1)
        # And again after: what the engine says then is as new as the answer.
        recent = self._open_bars.recent_bars(instrument.id)
        held = overlay(self._open_bars.find_pending(instrument.id), recent)
        minutes = overlay(pending, stored, drop_outranked(held, stored))
        # An exchange's clock may be ahead of ours, so its own latest minute is never the future.
        # What a replay had heard before it was sought backwards is.
        last_ns = max(now_ns, int(recent["ts_ns"][-1]) if len(recent) else now_ns)
        minutes = minutes[(minutes["ts_ns"] >= open_ns) & (minutes["ts_ns"] <= last_ns)]
        if timeframe is Timeframe.M1:
            return minutes
        rolled = roll_up(
            minutes, timeframe,
            days_ns=calendar.days_ns, opens_ns=calendar.opens_ns, closes_ns=calendar.closes_ns,
        )  # fmt: skip
        if timeframe is not Timeframe.D1:
            return rolled
        day_ns = self._pages.find_open_ns(calendar, Timeframe.D1, now_ns=at_ns)
        daily = await self._load_bars(instrument.id, day_ns, now_ns + 1, Timeframe.D1)
        return overlay(daily, rolled)

    def _find_as_of(
        self, slices: list[PageSlice], timeframe: Timeframe, calendar: SessionCalendar
    ) -> int:
        """Return the last bar's end, or now where that is earlier: a bar may still be forming."""
        if not slices:
            return 0
        opened_ns = int(slices[-1].bars["ts_ns"][-1])
        end_ns = opened_ns + timeframe.width_ns
        if timeframe is Timeframe.D1:
            session = int(np.searchsorted(calendar.days_ns, opened_ns))
            is_known = session < len(calendar.days_ns) and calendar.days_ns[session] == opened_ns
        else:
            session = int(np.searchsorted(calendar.opens_ns, opened_ns, side="right")) - 1
            is_known = session >= 0 and opened_ns < calendar.closes_ns[session]
        if is_known:
            # The last bucket is as short as the session makes it.
            end_ns = min(end_ns, int(calendar.closes_ns[session]))
        return min(end_ns, self._clock.now_ns())


def overlay(*layers: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Lay bars of one instrument over each other: where two have a stamp, the later layer counts.

    Parameters
    ----------
    layers : BAR_DTYPE, each oldest first.

    Returns
    -------
    BAR_DTYPE (n,), oldest first, each stamp once, without the flag AMENDED, which only travels.
    """
    bars = np.concatenate([_NO_BARS, *layers])
    bars = bars[np.argsort(bars["ts_ns"], kind="stable")]
    stamps_ns = bars["ts_ns"]
    is_last = np.ones(len(bars), np.bool_)
    is_last[:-1] = stamps_ns[1:] != stamps_ns[:-1]
    bars = bars[is_last]
    bars["flags"] &= ~int(BarFlag.AMENDED)
    return bars


def drop_outranked(bars: npt.NDArray[np.void], known: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Leave out the bars that a known one of their stamp does not give way to.

    Parameters
    ----------
    bars, known : BAR_DTYPE (n,) and (m,) of one instrument; `known` oldest first, each stamp once.
    """
    if not len(bars) or not len(known):
        return bars
    places = np.minimum(np.searchsorted(known["ts_ns"], bars["ts_ns"]), len(known) - 1)
    olds = known[places]
    is_out = (olds["ts_ns"] == bars["ts_ns"]) & find_outranked(bars, olds)
    return bars[~is_out] if is_out.any() else bars


def _slice(bars: npt.NDArray[np.void], from_ns: int, to_ns: int) -> list[PageSlice]:
    start, stop = np.searchsorted(bars["ts_ns"], [from_ns, to_ns]).tolist()
    if start >= stop:
        return []
    return [PageSlice(encode_page(bars[start:stop]), 0, stop - start)]


def _keep_last(slices: list[PageSlice], count: int) -> list[PageSlice]:
    surplus = sum(map(len, slices)) - count
    kept: list[PageSlice] = []
    for piece in slices:
        dropped = min(max(surplus, 0), len(piece))
        surplus -= dropped
        if dropped < len(piece):
            kept.append(PageSlice(piece.page, piece.start + dropped, piece.stop))
    return kept


def _drop_before(slices: list[PageSlice], from_ns: int) -> list[PageSlice]:
    kept: list[PageSlice] = []
    for piece in slices:
        start = max(piece.start, int(np.searchsorted(piece.page.instants_ns, from_ns)))
        if start < piece.stop:
            kept.append(PageSlice(piece.page, start, piece.stop))
    return kept


def _cut_after(slices: list[PageSlice], count: int) -> tuple[list[PageSlice], int | None]:
    """Keep the first `count` bars, and return the stamp of the one after them."""
    kept: list[PageSlice] = []
    for piece in slices:
        if len(piece) > count:
            if count:
                kept.append(PageSlice(piece.page, piece.start, piece.start + count))
            return kept, int(piece.page.instants_ns[piece.start + count])
        kept.append(piece)
        count -= len(piece)
    return kept, None


def _count_per_session(calendar: SessionCalendar, timeframe: Timeframe) -> int:
    """Return how many bars the longest session has room for, the one after its close included."""
    if timeframe is Timeframe.D1 or not len(calendar.opens_ns):
        return 1
    longest_ns = int((calendar.closes_ns - calendar.opens_ns).max()) + MINUTE_NS
    return -(-longest_ns // timeframe.width_ns)


def _estimate_bars(
    calendar: SessionCalendar, timeframe: Timeframe, from_ns: int, to_ns: int
) -> int:
    """Return the most bars a range can have by its sessions."""
    first, last = np.searchsorted(calendar.opens_ns, [from_ns - DAY_NS, to_ns])
    return int(last - first) * _count_per_session(calendar, timeframe)


def _step_forward(calendar: SessionCalendar, from_ns: int, count: int) -> int:
    """Return where the session opens that is `count` sessions after an instant."""
    index = int(np.searchsorted(calendar.opens_ns, from_ns)) + count
    return int(calendar.opens_ns[index]) if index < len(calendar.opens_ns) else _END_NS


def _count_minutes(from_ns: int, to_ns: int) -> int:
    """Return how many minutes a stretch touches, and at least one."""
    return max(-(-to_ns // MINUTE_NS) - from_ns // MINUTE_NS, 1)
