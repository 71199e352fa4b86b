"""Minute bars as ticks, so that a file of bars takes the same path as a market.

A bar becomes four ticks: its open, its extremes, its close. The engine keeps the first, highest,
lowest and last price of a minute, and what the cumulative volume gained in it: of these four it
makes exactly that bar again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.ticks import TICK_DTYPE, TickBatch, TickFlag
from strikewire.reference.sessions import SessionCalendar

#: When in its minute each of the four is told; the last is the last instant of the bar.
_OFFSETS_NS: Final = (0, 20 * SECOND_NS, 40 * SECOND_NS, MINUTE_NS - 1)
_TICKS_PER_BAR: Final = len(_OFFSETS_NS)
#: 16 MB of ticks at a time; a minute of more instruments than this is still one chunk.
_CHUNK_BARS: Final = 65_536


class BarTicks:
    """The synthetic ticks of minute bars, numbered from 1 in the order they are delivered.

    Delivered minute by minute, and in each minute open, low, high, close (high before low where
    the bar fell), each quarter as one batch of all instruments: a paced replay moves four times a
    minute. Which tick has which number depends on the bars alone, not on their order.

    Parameters
    ----------
    bars : BAR_DTYPE (n,), in any order. Kept, not copied, and must not change. Of two bars of one
        instrument and minute the one further behind counts.
    timeframe : of the bars; only minutes can be told as ticks.
    find_calendar : returns the sessions of an instrument's venue, by our id. Cumulative volume
        starts anew with each trading day; outside any session, with each date of the venue's zone.

    Raises
    ------
    InvalidInputError : the bars are not minute bars, or not stamped at a whole minute.

    Notes
    -----
    Volumes come back exact where they are whole units, below 2**53 of them in a day.
    """

    def __init__(
        self,
        bars: npt.NDArray[np.void],
        *,
        timeframe: Timeframe,
        find_calendar: Callable[[int], SessionCalendar],
    ) -> None:
        if timeframe is not Timeframe.M1:
            msg = (
                f"only minute bars can be replayed, these are {timeframe} bars: "
                "import them into the store instead"
            )
            raise InvalidInputError(msg, timeframe=str(timeframe))
        is_off = bars["ts_ns"] % MINUTE_NS != 0
        if is_off.any():
            stamp_ns = int(bars["ts_ns"][is_off.argmax()])
            msg = f"a minute bar is stamped at a whole minute, {is_off.sum()} are not: {stamp_ns}"
            raise InvalidInputError(msg)
        self._bars = bars
        self._rows = self._sort()
        self._ts_ns: npt.NDArray[np.int64] = bars["ts_ns"][self._rows]
        self._before, self._after = self._accumulate_volumes(find_calendar)
        is_start = np.ones(len(self._rows), np.bool_)
        is_start[1:] = self._ts_ns[1:] != self._ts_ns[:-1]
        #: Where each minute starts in `_rows`, and behind the last one the end.
        self._starts = np.append(np.flatnonzero(is_start), len(self._rows))

    def _sort(self) -> npt.NDArray[np.intp]:
        """Return the rows to tell, by minute and instrument."""
        bars = self._bars
        is_whole = np.ones(len(bars), np.bool_)
        for name in ("open", "high", "low", "close"):
            is_whole &= np.isfinite(bars[name])
        rows = np.flatnonzero(is_whole)
        #: Bars without a price, which cannot be told.
        self.skipped_count = len(bars) - len(rows)
        rows = rows[np.lexsort((bars["instrument_id"][rows], bars["ts_ns"][rows]))]
        ids, ts_ns = bars["instrument_id"][rows], bars["ts_ns"][rows]
        is_last = np.ones(len(rows), np.bool_)
        is_last[:-1] = (ids[1:] != ids[:-1]) | (ts_ns[1:] != ts_ns[:-1])
        #: Bars that another one of the same instrument and minute replaced.
        self.duplicate_count = int(len(rows) - is_last.sum())
        return rows[is_last]

    def _accumulate_volumes(
        self, find_calendar: Callable[[int], SessionCalendar]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the day's cumulative volume before and after each row; NaN where it is unknown."""
        ids = self._bars["instrument_id"][self._rows]
        volumes: npt.NDArray[np.float64] = self._bars["volume"][self._rows]
        days_ns = self._find_days(ids, find_calendar)
        by_instrument = np.argsort(ids, kind="stable")
        ids, days_ns = ids[by_instrument], days_ns[by_instrument]
        known = np.nan_to_num(volumes[by_instrument], nan=0.0)
        reached = np.cumsum(known)
        is_first = np.ones(len(ids), np.bool_)
        is_first[1:] = (ids[1:] != ids[:-1]) | (days_ns[1:] != days_ns[:-1])
        firsts = np.flatnonzero(is_first)
        base = (reached - known)[firsts][np.cumsum(is_first) - 1]
        after = np.empty_like(volumes)
        before = np.empty_like(volumes)
        after[by_instrument] = reached - base
        before[by_instrument] = reached - known - base
        is_unknown = np.isnan(volumes)
        before[is_unknown] = after[is_unknown] = np.nan
        return before, after

    def _find_days(
        self, ids: npt.NDArray[np.int32], find_calendar: Callable[[int], SessionCalendar]
    ) -> npt.NDArray[np.int64]:
        """Return the trading day of each row, as 00:00Z of it; count the rows outside a session."""
        unique_ids, which = np.unique(ids, return_inverse=True)
        calendars = [find_calendar(int(instrument_id)) for instrument_id in unique_ids]
        days_ns = np.empty(len(ids), np.int64)
        outside = 0
        for calendar in {id(calendar): calendar for calendar in calendars}.values():
            is_own = np.array([one is calendar for one in calendars], np.bool_)[which]
            ts_ns = self._ts_ns[is_own]
            index = calendar.find(ts_ns)
            is_outside = index < 0
            own_days_ns = np.empty(len(ts_ns), np.int64)
            own_days_ns[~is_outside] = calendar.days_ns[index[~is_outside]]
            own_days_ns[is_outside] = _find_local_dates(ts_ns[is_outside], calendar.zone)
            days_ns[is_own] = own_days_ns
            outside += int(is_outside.sum())
        #: Bars outside every session of their venue: told, and left out by the engine.
        self.outside_count = outside
        return days_ns

    @property
    def total(self) -> int:
        """The number of ticks, which is the number of the last one."""
        return _TICKS_PER_BAR * len(self._rows)

    @property
    def first_ns(self) -> int:
        """The instant of the first tick; 0 without bars."""
        return int(self._ts_ns[0]) if len(self._ts_ns) else 0

    @property
    def last_ns(self) -> int:
        """The instant of the last tick; 0 without bars."""
        return int(self._ts_ns[-1]) + _OFFSETS_NS[-1] if len(self._ts_ns) else 0

    def batches(self, *, after_seq: int = 0) -> Iterator[TickBatch]:
        """Yield the ticks behind tick `after_seq`, one batch per quarter of a minute."""
        starts = self._starts
        minutes = len(starts) - 1
        minute = int(np.searchsorted(_TICKS_PER_BAR * starts, after_seq, side="right")) - 1
        while minute < minutes:
            reachable = np.searchsorted(starts, starts[minute] + _CHUNK_BARS, side="right") - 1
            until = max(minute + 1, int(reachable))
            ticks = self._make_ticks(starts[minute : until + 1])
            first_seq = int(ticks["seq"][0])
            for place in range(minute, until):
                start = _TICKS_PER_BAR * int(starts[place]) + 1 - first_seq
                count = int(starts[place + 1] - starts[place])
                for quarter in range(_TICKS_PER_BAR):
                    at = start + quarter * count
                    end = at + count
                    at = max(at, after_seq + 1 - first_seq)
                    if at < end:
                        yield TickBatch(ticks=ticks[at:end])
            minute = until

    def _make_ticks(self, starts: npt.NDArray[np.intp]) -> npt.NDArray[np.void]:
        """Return TICK_DTYPE of whole minutes, in the order of delivery."""
        first, end = int(starts[0]), int(starts[-1])
        bars = self._bars[self._rows[first:end]]
        counts = np.diff(starts)
        count = np.repeat(counts, counts)
        # A minute's ticks start at four times its first row, and each quarter has one per row.
        place = np.arange(end - first) + 3 * np.repeat(starts[:-1] - first, counts)
        is_rising = bars["close"] >= bars["open"]
        prices = (
            bars["open"],
            np.where(is_rising, bars["low"], bars["high"]),
            np.where(is_rising, bars["high"], bars["low"]),
            bars["close"],
        )
        before, after = self._before[first:end], self._after[first:end]
        ticks = np.empty(_TICKS_PER_BAR * (end - first), TICK_DTYPE)
        for quarter, (offset_ns, price) in enumerate(zip(_OFFSETS_NS, prices, strict=True)):
            at = place + quarter * count
            ticks["instrument_id"][at] = bars["instrument_id"]
            ticks["ts_event_ns"][at] = bars["ts_ns"] + offset_ns
            ticks["ltp"][at] = price
            ticks["volume"][at] = after if quarter == _TICKS_PER_BAR - 1 else before
            ticks["oi"][at] = bars["oi"]
        ticks["ts_recv_ns"] = ticks["ts_event_ns"]
        ticks["flags"] = TickFlag.SYNTHETIC
        ticks["average_price"] = np.nan
        ticks["seq"] = np.arange(_TICKS_PER_BAR * first, _TICKS_PER_BAR * end) + 1
        return ticks


def _find_local_dates(ts_ns: npt.NDArray[np.int64], zone: ZoneInfo) -> npt.NDArray[np.int64]:
    """Return the date of each instant in a zone, as 00:00Z of it.

    By the zone's offset at the start of the UTC day: no venue trades while clocks are changed.
    """
    days, which = np.unique(ts_ns // DAY_NS, return_inverse=True)
    offsets_ns = [
        int(moment.utcoffset().total_seconds()) * SECOND_NS  # type: ignore[union-attr]
        for moment in (
            datetime.fromtimestamp(int(day) * 86_400, UTC).astimezone(zone) for day in days
        )
    ]
    local_ns = ts_ns + np.array(offsets_ns, np.int64)[which]
    return local_ns // DAY_NS * DAY_NS
