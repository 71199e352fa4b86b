"""Trading days over several venues: which one it is, when it begins, when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from strikewire.core.errors import NotFoundError
from strikewire.core.instants import to_date
from strikewire.reference.sessions import SessionCalendar


@dataclass(frozen=True, slots=True)
class TradingDay:
    """A day on which at least one of some venues trades.

    Parameters
    ----------
    day : by the exchange's own date.
    opens_ns : the first opening of the day, UTC.
    closes_ns : its last close.
    """

    day: date
    opens_ns: int
    closes_ns: int


def find_trading_day(
    calendars: Sequence[SessionCalendar], now_ns: int, *, after_ns: int = 0
) -> TradingDay:
    """Return the trading day that goes on, or else the next one.

    Parameters
    ----------
    after_ns : so long after its last close a day still goes on.

    Raises
    ------
    NotFoundError : no venue has a session any more.
    """
    ahead = [each for each in calendars if _count_over(each, now_ns - after_ns) < len(each.days_ns)]
    if not ahead:
        msg = "a venue that will trade was wanted, and the market rules end before"
        raise NotFoundError(msg, venues=sorted({each.venue for each in calendars}))
    day_ns = min(int(each.days_ns[_count_over(each, now_ns - after_ns)]) for each in ahead)
    todays = [(each, each.days_ns == day_ns) for each in ahead]
    return TradingDay(
        day=to_date(day_ns),
        opens_ns=min(int(each.opens_ns[is_it].min()) for each, is_it in todays if is_it.any()),
        closes_ns=max(int(each.closes_ns[is_it].max()) for each, is_it in todays if is_it.any()),
    )


def find_last_opening(calendars: Sequence[SessionCalendar], now_ns: int) -> int:
    """Return when the trading day that goes on opened, or else the last one.

    Raises
    ------
    NotFoundError : no venue has had a session yet.
    """
    begun = [
        (each, int(np.searchsorted(each.opens_ns, now_ns, side="right"))) for each in calendars
    ]
    days = [int(each.days_ns[count - 1]) for each, count in begun if count]
    if not days:
        msg = "a venue that has traded was wanted, and the market rules begin later"
        raise NotFoundError(msg, venues=sorted({each.venue for each in calendars}))
    opens = [each.opens_ns[each.days_ns == max(days)] for each in calendars]
    return min(int(each.min()) for each in opens if len(each))


def _count_over(calendar: SessionCalendar, now_ns: int) -> int:
    """Return how many sessions are over at an instant."""
    return int(np.searchsorted(calendar.closes_ns, now_ns, side="right"))
