"""A venue's sessions in the protocol's words: the usual session, holidays, corrections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import Final

import numpy as np

from strikewire.core.instants import DAY_NS, to_date, to_datetime
from strikewire.reference.sessions import SessionCalendar

# Hours that last no longer than this are special, not new usual hours: a mock Saturday, a Muhurat
# evening and an election's half day are all shorter.
_SPECIAL_RUN_DAYS: Final = 4
_SATURDAY: Final = 5
# The library draws what lies further back without being told of each holiday, and the list is
# part of every /symbols.
_PAST_NS: Final = 5 * 366 * DAY_NS


def build_session(calendar: SessionCalendar, *, usual: str, now_ns: int) -> dict[str, str]:
    """Describe a venue's sessions as `/symbols` wants them.

    Parameters
    ----------
    usual : the hours in force, `0915-1530`, weekdays included where they are not Monday to Friday.
    now_ns : holidays and corrections are told from five years before it to the calendar's end.

    Returns
    -------
    `timezone`, `session`, `session_holidays` (`20230126,...`: weekdays without a session) and
    `corrections` (`1815-1915:20231112;...`: special days, and weekends with a session).
    """
    hours = _load_hours(calendar, from_ns=now_ns - _PAST_NS)
    special: dict[str, list[str]] = {}
    for day in _find_special_days(hours):
        if hours[day] != usual:
            special.setdefault(hours[day], []).append(f"{day:%Y%m%d}")
    return {
        "timezone": calendar.zone.key,
        "session": usual,
        "session_holidays": ",".join(f"{day:%Y%m%d}" for day in _find_holidays(hours)),
        "corrections": ";".join(f"{span}:{','.join(days)}" for span, days in special.items()),
    }


def _load_hours(calendar: SessionCalendar, *, from_ns: int) -> dict[date, str]:
    """Return each trading day's hours in exchange time; several sessions of a day are joined."""
    first = int(np.searchsorted(calendar.days_ns, from_ns))
    hours: dict[date, str] = {}
    for day_ns, open_ns, close_ns in zip(
        calendar.days_ns[first:].tolist(),
        calendar.opens_ns[first:].tolist(),
        calendar.closes_ns[first:].tolist(),
        strict=True,
    ):
        opens = to_datetime(open_ns).astimezone(calendar.zone)
        closes = to_datetime(close_ns).astimezone(calendar.zone)
        span = f"{opens:%H%M}-{closes:%H%M}"
        day = to_date(day_ns)
        hours[day] = f"{hours[day]},{span}" if day in hours else span
    return hours


def _find_special_days(hours: Mapping[date, str]) -> list[date]:
    """Return weekends with a session, and weekdays whose hours lasted only for a few days."""
    special = [day for day in hours if day.weekday() >= _SATURDAY]
    weekdays = [day for day in hours if day.weekday() < _SATURDAY]
    runs = [list(run) for _, run in groupby(weekdays, key=hours.__getitem__)]
    for run in runs:
        # Neither the window's first nor its last hours are known to have been short.
        if len(run) <= _SPECIAL_RUN_DAYS and run not in (runs[0], runs[-1]):
            special += run
    return sorted(special)


def _find_holidays(hours: Mapping[date, str]) -> list[date]:
    """Return the weekdays without a session, inside the span of days."""
    if not hours:
        return []
    first, last = min(hours), max(hours)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < _SATURDAY and day not in hours]
