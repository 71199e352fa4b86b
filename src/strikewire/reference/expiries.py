"""Expiries: from dated weekdays to the days on which contracts end."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.reference.market_rules import MarketRules

_ONE_DAY: Final = timedelta(days=1)
_ONE_WEEK: Final = timedelta(days=7)
# Longer than any run of days on which contracts cannot expire; more is a fault in the rows.
_MOST_DAYS_BACK: Final = 14


class Cycle(StrEnum):
    """Which contracts end."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, order=True)
class Expiry:
    """A day on which contracts end, and which."""

    day: date
    cycle: Cycle


def list_expiries(
    rules: MarketRules, venue: str, underlying: str, *, from_day: date, to_day: date
) -> list[Expiry]:
    """Return the expiries of an underlying in `[from_day, to_day]`, in order.

    On a holiday the day before that can take it; a weekly expiry in the week of the monthly one is
    the monthly one. By the rules of each expiry's own time: contracts that were listed before a
    change of weekday, and were left where they were, are not known here.

    Raises
    ------
    NotFoundError : the venue, or the underlying at that time, is not known.
    """
    found: list[Expiry] = []
    rules.expiry_rule(venue, underlying, to_day)
    month = from_day.replace(day=1)
    while month <= to_day + _ONE_WEEK:
        monthly = _find_monthly(rules, venue, underlying, month)
        if monthly is not None:
            found.append(Expiry(_move_back(rules, venue, monthly), Cycle.MONTHLY))
        found += [
            Expiry(_move_back(rules, venue, nominal), Cycle.WEEKLY)
            for nominal in _list_weekly(rules, venue, underlying, month)
            if monthly is None or nominal.isocalendar()[:2] != monthly.isocalendar()[:2]
        ]
        month = (month + timedelta(days=31)).replace(day=1)
    return sorted(each for each in found if from_day <= each.day <= to_day)


def find_next_expiry(
    rules: MarketRules, venue: str, underlying: str, day: date, *, cycle: Cycle | None = None
) -> Expiry:
    """Return the first expiry on or after a day, of a cycle or of any.

    Raises
    ------
    NotFoundError : the venue or the underlying is not known.
    InvalidInputError : there is none within ten weeks: the underlying has no such cycle.
    """
    # A month and what holidays may take from it twice over: enough for any monthly expiry.
    to_day = day + 10 * _ONE_WEEK
    for each in list_expiries(rules, venue, underlying, from_day=day, to_day=to_day):
        if cycle is None or each.cycle is cycle:
            return each
    msg = f"{underlying} on {venue} has no {cycle} expiry after {day}"
    raise InvalidInputError(msg, venue=venue, underlying=underlying)


def _find_monthly(rules: MarketRules, venue: str, underlying: str, month: date) -> date | None:
    """Return the month's last day of the monthly weekday, by the rule that holds at its end."""
    last = month.replace(day=calendar.monthrange(month.year, month.month)[1])
    try:
        weekday = rules.expiry_rule(venue, underlying, last).monthly
    except NotFoundError:
        return None
    return last - timedelta(days=(last.isoweekday() - weekday) % 7)


def _list_weekly(rules: MarketRules, venue: str, underlying: str, month: date) -> Iterator[date]:
    """Return the month's days whose weekday is that of the weekly contracts on that very day."""
    day = month
    while day.month == month.month:
        try:
            weekday = rules.expiry_rule(venue, underlying, day).weekly
        except NotFoundError:
            weekday = None
        if day.isoweekday() == weekday:
            yield day
        day += _ONE_DAY


def _move_back(rules: MarketRules, venue: str, nominal: date) -> date:
    day = nominal
    while not rules.is_settlement_day(venue, day):
        day -= _ONE_DAY
        if (nominal - day).days > _MOST_DAYS_BACK:
            msg = f"no day before {nominal} on which contracts of {venue} can expire"
            raise InvalidInputError(msg, venue=venue, day=nominal.isoformat())
    return day
