"""When things tick: the days, their minutes, and who speaks at which step of a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import MINUTE_NS, from_date
from strikewire.feeds.simulated.config import SimulationConfig
from strikewire.feeds.simulated.listing import DERIVATIVE_VENUES, ContractTable, Role
from strikewire.feeds.simulated.paths import DayPaths
from strikewire.reference.sessions import SessionCalendar

_MINUTE_S: Final = 60
#: Seconds between two ticks of an option: up to 1, 3, 6, 12 strikes from the money, and beyond.
_REACHES: Final = np.array([1, 3, 6, 12])
_PERIODS_S: Final = np.array([1, 2, 5, 10, 30])
#: A later expiry's are so many times as long, up to the fourth.
_EXPIRY_FACTORS: Final = np.array([1, 2, 3, 4])
#: Spreads the contracts over the steps; any odd number does.
_PHASE_STRIDE: Final = 7_919
#: What has no strike and no book.
NO_DISTANCE: Final = -1


@dataclass(frozen=True, slots=True)
class DayHours:
    """A trading day, as long as any of its venues is open.

    Parameters
    ----------
    day_ns : 00:00Z of it.
    open_ns : the first venue's open.
    minutes : to the last venue's close.
    windows : venue to its first minute and the one after its last.
    """

    day_ns: int
    open_ns: int
    minutes: int
    windows: Mapping[str, tuple[int, int]]


def find_days(
    config: SimulationConfig, *, find_calendar: Callable[[str], SessionCalendar]
) -> list[DayHours]:
    """Return the days of a run: those on which derivatives are traded.

    Raises
    ------
    InvalidInputError : the calendars end before the run does.
    """
    exchanges = sorted({each.index.exchange for each in config.underlyings})
    venues = [*exchanges, *(DERIVATIVE_VENUES[each] for each in exchanges)]
    calendars = {venue: find_calendar(venue) for venue in venues}
    derivative_days = [calendars[DERIVATIVE_VENUES[each]].days_ns for each in exchanges]
    days_ns = np.unique(np.concatenate(derivative_days))
    days_ns = days_ns[days_ns >= from_date(config.start_day)][: config.sessions]
    if len(days_ns) < config.sessions:
        msg = f"{config.sessions} sessions from {config.start_day} were wanted, the calendar ends"
        raise InvalidInputError(msg, start_day=config.start_day.isoformat())
    return [_find_hours(int(day_ns), calendars) for day_ns in days_ns]


def _find_hours(day_ns: int, calendars: Mapping[str, SessionCalendar]) -> DayHours:
    hours: dict[str, tuple[int, int]] = {}
    for venue, calendar in calendars.items():
        place = int(np.searchsorted(calendar.days_ns, day_ns))
        if place < len(calendar.days_ns) and calendar.days_ns[place] == day_ns:
            hours[venue] = int(calendar.opens_ns[place]), int(calendar.closes_ns[place])
    open_ns = min(opens for opens, _ in hours.values())
    close_ns = max(closes for _, closes in hours.values())
    return DayHours(
        day_ns=day_ns,
        open_ns=open_ns,
        minutes=(close_ns - open_ns) // MINUTE_NS,
        windows={
            venue: tuple((instant - open_ns) // MINUTE_NS for instant in pair)  # type: ignore[misc]
            for venue, pair in hours.items()
        },
    )


@dataclass(frozen=True, slots=True)
class DaySchedule:
    """Who ticks when, on one day. Nothing here is drawn: ticks are counted without being made.

    Parameters
    ----------
    rows : intp (n,), the contracts listed, rows of the table.
    distances : int16 (minutes, n), strikes from the money; 0 of a future, `NO_DISTANCE` of an
        index.
    periods : int16 (minutes, n), steps between two ticks; divides the steps of a minute.
    phases : int32 (n,), by which a contract's ticks are shifted.
    is_open : bool (minutes, n).
    steps : in a minute.
    """

    rows: npt.NDArray[np.intp]
    distances: npt.NDArray[np.int16]
    periods: npt.NDArray[np.int16]
    phases: npt.NDArray[np.int32]
    is_open: npt.NDArray[np.bool_]
    steps: int

    def count_ticks(self) -> npt.NDArray[np.int64]:
        """Return the number of ticks in each minute, int64 (minutes,)."""
        is_at_end = self.phases % self.periods == 1 % self.periods
        counts = self.steps // self.periods + ~is_at_end
        total: npt.NDArray[np.int64] = np.where(self.is_open, counts, 0).sum(axis=1)
        return total

    def find_ticks(self, minute: int) -> npt.NDArray[np.bool_]:
        """Return who ticks at which step of a minute, bool (steps, n).

        Everything that is open ticks at the last one, so that each minute ends with prices of one
        instant.
        """
        steps = np.arange(self.steps, dtype=np.int32)[:, None]
        is_due = (steps + self.phases) % self.periods[minute] == 0
        is_due[-1] = True
        is_ticking: npt.NDArray[np.bool_] = is_due & self.is_open[minute]
        return is_ticking


def make_schedule(
    config: SimulationConfig,
    contracts: ContractTable,
    hours: DayHours,
    paths: DayPaths,
    *,
    day: int,
) -> DaySchedule:
    """Return the schedule of the day with this number."""
    rows = contracts.find_listed(day)
    numbers, roles = contracts.underlyings[rows], contracts.roles[rows]
    steps = config.steps_per_minute
    levels = paths.levels[:, ::steps].T[:, numbers]
    strike_steps = np.array([each.strike_step for each in config.underlyings])[numbers]
    is_option = roles >= Role.CALL
    away = np.rint(np.abs(contracts.strikes_paise[rows] / 100 - levels) / strike_steps)
    constant = np.where(roles == Role.INDEX, NO_DISTANCE, 0)
    distances = np.where(is_option, np.minimum(away, 9_999), constant).astype(np.int16)
    if config.is_even:
        periods = np.ones_like(distances)
    else:
        seconds = _PERIODS_S[np.searchsorted(_REACHES, distances, side="left")]
        seconds = seconds * _EXPIRY_FACTORS[rank_expiries(contracts, rows)]
        wanted = np.maximum(seconds * steps // _MINUTE_S, 1)
        # What divides a minute has the same number of ticks in each: they can be counted.
        periods = np.gcd(wanted, steps).astype(np.int16)
        periods[:, roles == Role.INDEX] = 1
    return DaySchedule(
        rows=rows,
        distances=distances,
        periods=periods,
        phases=(rows * _PHASE_STRIDE % (64 * steps)).astype(np.int32),
        is_open=_find_open(contracts, rows, hours),
        steps=steps,
    )


def rank_expiries(contracts: ContractTable, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return each contract's place among its underlying's listed expiries, 0 to 3, intp (n,)."""
    ranks = np.zeros(len(rows), np.intp)
    for number in np.unique(contracts.underlyings[rows]):
        is_own = (contracts.underlyings[rows] == number) & (contracts.cutoffs_ns[rows] > 0)
        _, places = np.unique(contracts.cutoffs_ns[rows[is_own]], return_inverse=True)
        ranks[is_own] = places
    return np.minimum(ranks, len(_EXPIRY_FACTORS) - 1)


def _find_open(
    contracts: ContractTable, rows: npt.NDArray[np.intp], hours: DayHours
) -> npt.NDArray[np.bool_]:
    venues, which = np.unique([contracts.specs[row].exchange for row in rows], return_inverse=True)
    is_open = np.zeros((hours.minutes, len(venues)), np.bool_)
    for place, venue in enumerate(venues.tolist()):
        first, end = hours.windows.get(venue, (0, 0))
        is_open[first:end, place] = True
    return is_open[:, which]
