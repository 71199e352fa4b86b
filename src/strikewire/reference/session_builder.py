"""From dated rows to a venue's sessions: local hours laid over days, then turned into UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.reference.market_rule import MarketRule, read_evening, read_hours
from strikewire.reference.sessions import SessionCalendar

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
# Further from midnight than any hour of a session, the evening before included.
_CLOSED: Final = -(10**6)


@dataclass(frozen=True, slots=True)
class CalendarRows:
    """A venue's rows of the kinds that make its calendar, each by first day, ascending."""

    sessions: Sequence[MarketRule]
    holidays: Sequence[MarketRule]
    specials: Sequence[MarketRule]


def build_calendar(
    venue: str, rows: CalendarRows, *, first_day: date, last_day: date
) -> SessionCalendar:
    """Lay the rows over an array of days, weakest first, then go from local time to UTC.

    Raises
    ------
    InvalidInputError : two sessions overlap, or half a holiday is on a day with one half only.
    """
    zone = ZoneInfo(rows.sessions[-1].value["zone"])
    first, last = first_day.toordinal(), last_day.toordinal()
    weekdays = (np.arange(first, last + 1) - 1) % 7 + 1  # day 1 of the calendar was a Monday
    opens_min, closes_min, evenings_min = (
        np.full(len(weekdays), _CLOSED, dtype=np.int64) for _ in range(3)
    )
    for row in rows.sessions:
        span, hours, evening = _span(row, first, last), read_hours(row), read_evening(row)
        is_open = np.isin(weekdays[span], row.value["weekdays"])
        opens_min[span] = np.where(is_open, hours.open_min, _CLOSED)
        closes_min[span] = np.where(is_open, hours.close_min, _CLOSED)
        evenings_min[span] = _CLOSED if evening is None else evening
    for row in rows.holidays:
        span, part = _span(row, first, last), row.value.get("part")
        if part is None:
            opens_min[span] = _CLOSED
        else:
            half = (opens_min if part == "morning" else closes_min)[span]
            _shorten(row, half, opens_min[span] != _CLOSED, evenings_min[span])
    for row in rows.specials:
        span, hours = _span(row, first, last), read_hours(row)
        opens_min[span], closes_min[span] = hours.open_min, hours.close_min
    is_session = opens_min != _CLOSED
    offsets_ns = _compute_offsets_ns(zone, first, last)[is_session]
    days_ns = (np.flatnonzero(is_session) + first - _EPOCH_ORDINAL) * DAY_NS
    opens_ns = days_ns + opens_min[is_session] * MINUTE_NS - offsets_ns
    closes_ns = days_ns + closes_min[is_session] * MINUTE_NS - offsets_ns
    _check_order(venue, days_ns, opens_ns, closes_ns)
    for array in (days_ns, opens_ns, closes_ns):
        array.setflags(write=False)
    return SessionCalendar(venue, zone, days_ns, opens_ns, closes_ns)


def _shorten(
    row: MarketRule,
    half: npt.NDArray[np.int64],
    is_open: npt.NDArray[np.bool_],
    evenings_min: npt.NDArray[np.int64],
) -> None:
    """Move the open, or the close, of open days to where the evening begins."""
    if np.any(is_open & (evenings_min == _CLOSED)):
        msg = (
            f"market rule {row.venue} {row.kind} from {row.valid_from}: "
            "half a holiday was wanted on a day whose session has no evening"
        )
        raise InvalidInputError(msg, venue=row.venue, kind=row.kind)
    half[is_open] = evenings_min[is_open]


def _check_order(
    venue: str,
    days_ns: npt.NDArray[np.int64],
    opens_ns: npt.NDArray[np.int64],
    closes_ns: npt.NDArray[np.int64],
) -> None:
    overlaps = np.flatnonzero(closes_ns[:-1] > opens_ns[1:])
    empty = np.flatnonzero(closes_ns <= opens_ns)
    if not len(overlaps) and not len(empty):
        return
    at = int(overlaps[0]) if len(overlaps) else int(empty[0])
    day = date.fromordinal(int(days_ns[at]) // DAY_NS + _EPOCH_ORDINAL)
    what = (
        f"must not overlap; that of {day} ends after the next begins"
        if len(overlaps)
        else f"must not end before they begin; that of {day} does"
    )
    msg = f"sessions of {venue} {what}"
    raise InvalidInputError(msg, venue=venue, day=day.isoformat())


def _span(row: MarketRule, first: int, last: int) -> slice:
    """Return the row's days as a slice of the days `first` to `last`, all proleptic ordinals."""
    begin = max(row.valid_from.toordinal(), first)
    end = last if row.last_day is None else min(row.last_day.toordinal(), last)
    return slice(begin - first, max(end + 1, begin) - first)


def _compute_offsets_ns(zone: ZoneInfo, first: int, last: int) -> npt.NDArray[np.int64]:
    """Return what local time is ahead of UTC at noon of each day.

    Noon, because clocks change at night, and the sessions of that day are after it: one that opens
    on the evening before does so on a Sunday, after the night in which clocks change. Asking the
    zone costs a microsecond a day, so it is asked once a week, and daily in weeks with a change.
    """

    def offset_ns(ordinal: int) -> int:
        noon = datetime.combine(date.fromordinal(ordinal), time(12), zone)
        return round((noon.utcoffset() or timedelta()).total_seconds()) * SECOND_NS

    offsets = np.empty(last - first + 1, dtype=np.int64)
    for monday in range(first, last + 1, 7):
        sunday = min(monday + 6, last)
        begin, end = offset_ns(monday), offset_ns(sunday)
        span = slice(monday - first, sunday - first + 1)
        if begin == end:
            offsets[span] = begin
        else:
            offsets[span] = [offset_ns(ordinal) for ordinal in range(monday, sunday + 1)]
    return offsets
