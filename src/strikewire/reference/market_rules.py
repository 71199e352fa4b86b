"""Market rules: dated rows that say when a venue trades. No hour stands in code.

A row holds from a day to a day. Rows come packaged (`rules/*.toml`, each with its source) and from
the table `market_rules`; a later row replaces an earlier one of the same venue, kind and first day,
and of two that hold on the same day the one that began later counts. So a changed closing time is
one more row, and takes effect without a deployment.

Three kinds make the calendar: `special` (a session of its own, such as Muhurat) beats `holiday`
beats `session` (the week). Rows of other kinds are kept for who asks, by `find`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.reference.sessions import SessionCalendar

#: The calendars' first year: the exchanges' screens are hardly older.
FIRST_DAY: Final = date(1995, 1, 1)
#: How far past the day asked for a calendar reaches: contracts expire, and charts look ahead.
_YEARS_AHEAD: Final = 2

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_MINUTES_PER_DAY: Final = 24 * 60
_CLOSED: Final = -1
_MONDAY_TO_FRIDAY: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class MarketRule:
    """One dated row.

    Parameters
    ----------
    venue : `NSE`, `NFO`, `MCX`, ...: the exchange part of a canonical symbol.
    kind : `session`, `holiday`, `special`, or something the calendar does not read.
    valid_from, valid_to : both inclusive. Without an end a `session` holds until the next one
        begins; a `holiday` or a `special` is that one day.
    value : of a session `weekdays` (ISO, 1 is Monday), `open`, `close` (`HH:MM`, local) and `zone`;
        of a special `open` and `close`.
    source : the circular, or who says so.
    """

    venue: str
    kind: str
    valid_from: date
    valid_to: date | None
    value: Mapping[str, Any]
    source: str

    @property
    def last_day(self) -> date | None:
        """The last day the row holds on; None: until further notice."""
        if self.valid_to is None and self.kind in ("holiday", "special"):
            return self.valid_from
        return self.valid_to

    def holds_on(self, day: date) -> bool:
        """Say whether the row holds on a day."""
        return self.valid_from <= day and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, slots=True)
class _Hours:
    """A row's hours, checked: minutes after local midnight, the close possibly past the next."""

    open_min: int
    close_min: int


def load_packaged_rules() -> tuple[MarketRule, ...]:
    """Read the rows that come with the package."""
    folder = resources.files("strikewire.reference") / "rules"
    rules: list[MarketRule] = []
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            tables = tomllib.loads(file.read_text(encoding="utf-8"))["rules"]
            rules.extend(MarketRule(**{"valid_to": None, **table}) for table in tables)
    return tuple(rules)


class MarketRules:
    """The rules of all venues, and their calendars.

    Parameters
    ----------
    rows : earlier ones are overridden by later ones of the same venue, kind and first day: first
        the packaged rows, then the database's.
    through : usually today: calendars reach two years past it.

    Raises
    ------
    InvalidInputError : a row of a kind the calendar reads makes no sense; names the row.
    """

    def __init__(self, rows: Iterable[MarketRule], *, through: date) -> None:
        by_key = {(row.venue, row.kind, row.valid_from): row for row in rows}
        self._rows: dict[tuple[str, str], list[MarketRule]] = {}
        for _, row in sorted(by_key.items(), key=lambda item: item[0]):
            _check(row)
            self._rows.setdefault((row.venue, row.kind), []).append(row)
        self._through = through
        # Rules never change, so a calendar that was computed once stays right.
        self._calendars: dict[str, SessionCalendar] = {}

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues whose sessions are known, in alphabetical order."""
        return tuple(sorted(venue for venue, kind in self._rows if kind == "session"))

    def overlay(self, rows: Iterable[MarketRule]) -> MarketRules:
        """Return these rules with other rows laid over them."""
        own = [row for group in self._rows.values() for row in group]
        return MarketRules([*own, *rows], through=self._through)

    def find(self, venue: str, kind: str, day: date) -> MarketRule | None:
        """Return the row of a kind that counts on a day: the one that began last."""
        for row in reversed(self._rows.get((venue, kind), ())):
            if row.holds_on(day):
                return row
        return None

    def zone(self, venue: str) -> ZoneInfo:
        """Return a venue's time zone.

        Raises
        ------
        NotFoundError : no sessions are known of that venue.
        """
        return ZoneInfo(self._sessions(venue)[-1].value["zone"])

    def session_text(self, venue: str, day: date) -> str:
        """Return the week's hours as charting libraries write them: `0915-1530`.

        With the days of the week (`:1` is Sunday) where they are not Monday to Friday. On a day
        before the first row the first row's hours.

        Raises
        ------
        NotFoundError : no sessions are known of that venue.
        """
        row = self.find(venue, "session", day) or self._sessions(venue)[0]
        text = "-".join(row.value[key].replace(":", "") for key in ("open", "close"))
        weekdays = sorted(row.value["weekdays"])
        if tuple(weekdays) != _MONDAY_TO_FRIDAY:
            text += ":" + "".join(str(number) for number in sorted(d % 7 + 1 for d in weekdays))
        return text

    def calendar(self, venue: str) -> SessionCalendar:
        """Return a venue's sessions, from 1995 to two years past `through`.

        Raises
        ------
        NotFoundError : no sessions are known of that venue.
        InvalidInputError : the rows make two sessions overlap.
        """
        found = self._calendars.get(venue)
        if found is None:
            found = self._calendars[venue] = self._build(venue)
        return found

    def _sessions(self, venue: str) -> list[MarketRule]:
        rows = self._rows.get((venue, "session"))
        if rows is None:
            msg = f"no market rules for venue {venue!r}; known are {', '.join(self.venues)}"
            raise NotFoundError(msg, venue=venue)
        return rows

    def _build(self, venue: str) -> SessionCalendar:
        """Lay the rows over an array of days, weakest first, then go from local time to UTC."""
        zone = self.zone(venue)
        first = FIRST_DAY.toordinal()
        last = date(self._through.year + _YEARS_AHEAD, 12, 31).toordinal()
        weekdays = (np.arange(first, last + 1) - 1) % 7 + 1  # day 1 of the calendar was a Monday
        opens_min = np.full(len(weekdays), _CLOSED, dtype=np.int64)
        closes_min = np.full(len(weekdays), _CLOSED, dtype=np.int64)
        for row in self._sessions(venue):
            span, hours = _span(row, first, last), _read_hours(row)
            is_open = np.isin(weekdays[span], row.value["weekdays"])
            opens_min[span] = np.where(is_open, hours.open_min, _CLOSED)
            closes_min[span] = np.where(is_open, hours.close_min, _CLOSED)
        for row in self._rows.get((venue, "holiday"), ()):
            opens_min[_span(row, first, last)] = _CLOSED
        for row in self._rows.get((venue, "special"), ()):
            span, hours = _span(row, first, last), _read_hours(row)
            opens_min[span], closes_min[span] = hours.open_min, hours.close_min
        is_session = opens_min != _CLOSED
        offsets_ns = _compute_offsets_ns(zone, first, last)[is_session]
        days_ns = (np.flatnonzero(is_session) + first - _EPOCH_ORDINAL) * DAY_NS
        opens_ns = days_ns + opens_min[is_session] * MINUTE_NS - offsets_ns
        closes_ns = days_ns + closes_min[is_session] * MINUTE_NS - offsets_ns
        overlaps = np.flatnonzero(closes_ns[:-1] > opens_ns[1:])
        if len(overlaps):
            day = date.fromordinal(int(days_ns[overlaps[0]]) // DAY_NS + _EPOCH_ORDINAL)
            msg = f"sessions of {venue} must not overlap; that of {day} ends after the next begins"
            raise InvalidInputError(msg, venue=venue, day=day.isoformat())
        for array in (days_ns, opens_ns, closes_ns):
            array.setflags(write=False)
        return SessionCalendar(venue, zone, days_ns, opens_ns, closes_ns)


def _check(row: MarketRule) -> None:
    """Raise unless the calendar can read the row."""
    problem = None
    if row.last_day is not None and row.last_day < row.valid_from:
        problem = f"valid_to must not be before valid_from, was {row.valid_to}"
    elif row.kind in ("session", "special"):
        try:
            _read_hours(row)
            if row.kind == "session":
                ZoneInfo(row.value["zone"])
                if not set(row.value["weekdays"]) <= set(range(1, 8)):
                    problem = f"weekdays must be of 1 to 7, were {row.value['weekdays']}"
        except (KeyError, TypeError, ValueError) as error:
            problem = f"weekdays, open, close (HH:MM) and zone were wanted, found {error!r}"
    if problem is not None:
        msg = f"market rule {row.venue} {row.kind} from {row.valid_from}: {problem}"
        raise InvalidInputError(msg, venue=row.venue, kind=row.kind)


def _read_hours(row: MarketRule) -> _Hours:
    opens, closes = (time.fromisoformat(row.value[key]) for key in ("open", "close"))
    open_min, close_min = (moment.hour * 60 + moment.minute for moment in (opens, closes))
    if close_min <= open_min:
        close_min += _MINUTES_PER_DAY
    return _Hours(open_min, close_min)


def _span(row: MarketRule, first: int, last: int) -> slice:
    """Return the row's days as a slice of the days `first` to `last`, all proleptic ordinals."""
    begin = max(row.valid_from.toordinal(), first)
    end = last if row.last_day is None else min(row.last_day.toordinal(), last)
    return slice(begin - first, max(end + 1, begin) - first)


def _compute_offsets_ns(zone: ZoneInfo, first: int, last: int) -> npt.NDArray[np.int64]:
    """Return what local time is ahead of UTC at noon of each day.

    Noon, because clocks change at night and sessions of that day are after it. Asking the zone
    costs a microsecond a day, so it is asked once a week, and daily in weeks with a change.
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
