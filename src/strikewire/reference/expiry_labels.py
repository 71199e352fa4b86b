"""What the expiries of an underlying are called on a day, W1, W2, M1 ..., and how far off they are.

The cycle of an expiry is a matter of its own date and of the rules of its time, so that it never
changes; names, ranks and days count from the day that is asked about, never from today.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np

from strikewire.core.instants import from_date
from strikewire.reference.expiries import Cycle, find_cycle
from strikewire.reference.market_rules import MarketRules
from strikewire.reference.sessions import SessionCalendar


@dataclass(frozen=True, slots=True)
class ExpiryLabel:
    """An expiry as it stands on a day.

    Parameters
    ----------
    day : on which its contracts end.
    cycle : see `Cycle`.
    names : by which it can be asked for: `W1` is the nearest weekly one, `M1` the nearest of the
        monthly and quarterly ones, `Q1` the nearest quarterly one. Weekly ones have one name,
        quarterly ones two (`M3`, `Q1`).
    rank : among all, 1 is the nearest.
    calendar_days : until it; 0 on the day itself.
    trading_days : days with a session until it, the day asked about not counted, its own day
        counted, Muhurat evenings too; None past the end of the venue's calendar.
    """

    day: date
    cycle: Cycle
    names: tuple[str, ...]
    rank: int
    calendar_days: int
    trading_days: int | None


def label_expiries(
    rules: MarketRules, venue: str, underlying: str, listed: Collection[date], *, on: date
) -> list[ExpiryLabel]:
    """Label the expiries that are not over on a day, nearest first. On its own day one is not.

    Parameters
    ----------
    venue : where the contracts trade, `NFO`.
    listed : the days on which contracts on the underlying end, those that are over included; names
        and ranks go by what is here.
    on : the day, by the venue's date.

    Notes
    -----
    Where the rules put no expiry on a day (nothing is known of MCX), the last of a month among
    those listed is the monthly one. Milliseconds for eighteen expiries, and the same all day long:
    keep it.

    Raises
    ------
    NotFoundError : the venue is not known.
    InvalidInputError : as `find_cycle`.
    """
    days = sorted(set(listed))
    ends = {(day.year, day.month): day for day in days}
    calendar = rules.calendar(venue)
    labels: list[ExpiryLabel] = []
    counts = dict.fromkeys(Cycle, 0)
    for day in days:
        if day < on:
            continue
        cycle = find_cycle(rules, venue, underlying, day)
        if cycle is None:
            is_end = ends[day.year, day.month] == day
            cycle = Cycle.name_monthly(day) if is_end else Cycle.WEEKLY
        names = []
        for each in Cycle:
            if each.includes(cycle):
                counts[each] += 1
                names.append(f"{each.value[0].upper()}{counts[each]}")
        labels.append(
            ExpiryLabel(
                day=day,
                cycle=cycle,
                names=tuple(names),
                rank=len(labels) + 1,
                calendar_days=(day - on).days,
                trading_days=_count_sessions(calendar, after=on, until=day),
            )
        )
    return labels


def _count_sessions(calendar: SessionCalendar, *, after: date, until: date) -> int | None:
    bounds_ns = [from_date(after), from_date(until)]
    if not len(calendar.days_ns) or bounds_ns[1] > calendar.days_ns[-1]:
        return None
    first, end = np.searchsorted(calendar.days_ns, bounds_ns, side="right")
    return int(end - first)
