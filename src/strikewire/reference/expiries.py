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
    """Which contracts end. Whatever day it is, an expiry stays what it is."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    #: The monthly ones of March, June, September and December.
    QUARTERLY = "quarterly"

    def includes(self, other: Cycle) -> bool:
        """Say whether an expiry of another cycle is one of this too: a quarterly one is monthly."""
        return self is other or (self is Cycle.MONTHLY and other is Cycle.QUARTERLY)

    @classmethod
    def name_monthly(cls, day: date) -> Cycle:
        """Return the cycle of a month's last expiry."""
        return cls.QUARTERLY if day.month % 3 == 0 else cls.MONTHLY


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
            found.append(Expiry(_move_back(rules, venue, monthly), Cycle.name_monthly(month)))
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
        if cycle is None or cycle.includes(each.cycle):
            return each
    msg = f"{underlying} on {venue} has no {cycle} expiry after {day}"
    raise InvalidInputError(msg, venue=venue, underlying=underlying)


def find_cycle(rules: MarketRules, venue: str, underlying: str, day: date) -> Cycle | None:
    """Say of which cycle the contracts are that end on a day; None where no rule puts any there.

    Unlike `list_expiries` it knows contracts that were listed before a change of weekday and left
    where they were, and those that a holiday announced later would have moved: the rule of the day
    is asked first, then those before it, and each takes the nominal day, the day that holidays move
    it to, and what is between. Rules that begin after the month of the expiry are never asked, so
    the answer is the same on whatever day it is given.

    Raises
    ------
    NotFoundError : the venue is not known.
    InvalidInputError : the rows have no day near it on which contracts can end.
    """
    month = day.replace(day=1)
    for rule in rules.list_expiry_rules(venue, underlying, _find_month_end(month)):
        monthly = _find_last(month, rule.monthly)
        if _can_end(rules, venue, monthly, day):
            return Cycle.name_monthly(month)
        if rule.weekly is None:
            continue
        weekly = day + timedelta(days=(rule.weekly - day.isoweekday()) % 7)
        if _can_end(rules, venue, weekly, day):
            return Cycle.WEEKLY
    return None


def _can_end(rules: MarketRules, venue: str, nominal: date, day: date) -> bool:
    return day == nominal or (day < nominal and _move_back(rules, venue, nominal) <= day)


def _find_month_end(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def _find_last(month: date, weekday: int) -> date:
    last = _find_month_end(month)
    return last - timedelta(days=(last.isoweekday() - weekday) % 7)


def _find_monthly(rules: MarketRules, venue: str, underlying: str, month: date) -> date | None:
    """Return the month's last day of the monthly weekday, by the rule that holds at its end."""
    try:
        rule = rules.expiry_rule(venue, underlying, _find_month_end(month))
    except NotFoundError:
        return None
    return _find_last(month, rule.monthly)


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
