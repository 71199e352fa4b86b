"""Which contracts a simulated exchange lists, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import from_date, to_date
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.feeds.simulated.config import SimulatedUnderlying, SimulationConfig
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.symbols import build_tradingsymbol, is_monthly_expiry

#: Where contracts on an exchange's indices trade.
DERIVATIVE_VENUES: Final = {"NSE": "NFO", "BSE": "BFO"}
#: Prices of an index are shown to five paise, which is also how far they are rounded.
INDEX_TICK_PAISE: Final = 5
#: In place of a distance from the money: what is listed before any option.
_ALWAYS: Final = -1
#: A strike is never nearer to nothing than this share of the level.
_LOWEST_STRIKE: Final = 0.25


class Role(IntEnum):
    """What a contract is, as a column holds it."""

    INDEX = 0
    FUTURE = 1
    CALL = 2
    PUT = 3


_KINDS: Final = {
    Role.INDEX: InstrumentKind.INDEX,
    Role.FUTURE: InstrumentKind.FUTURE,
    Role.CALL: InstrumentKind.CALL,
    Role.PUT: InstrumentKind.PUT,
}


@dataclass(frozen=True, slots=True)
class Expiry:
    """The end of a series.

    Parameters
    ----------
    day : the last day of trading.
    cutoff_ns : the close of its session, which settles it.
    is_monthly : whether it goes by its month, and has a future.
    """

    day: date
    cutoff_ns: int
    is_monthly: bool


@dataclass(frozen=True, slots=True)
class ContractTable:
    """Every instrument of a whole run, one row each, in the order of listing.

    Parameters
    ----------
    specs : what they are called, and so on.
    underlyings, roles : int8 (n,), place in the config's list, and `Role`.
    strikes_paise : int64 (n,); 0 of what is no option.
    cutoffs_ns : int64 (n,), when the contract ends; 0 of an index.
    tick_paise, lot_sizes : int64 (n,).
    first_days, last_days : int32 (n,), numbers of the sessions it is listed in, both inclusive.
    """

    specs: tuple[InstrumentSpec, ...]
    underlyings: npt.NDArray[np.int8]
    roles: npt.NDArray[np.int8]
    strikes_paise: npt.NDArray[np.int64]
    cutoffs_ns: npt.NDArray[np.int64]
    tick_paise: npt.NDArray[np.int64]
    lot_sizes: npt.NDArray[np.int64]
    first_days: npt.NDArray[np.int32]
    last_days: npt.NDArray[np.int32]

    def find_listed(self, day: int) -> npt.NDArray[np.intp]:
        """Return the rows that are listed in a session."""
        return np.flatnonzero((self.first_days <= day) & (self.last_days >= day))


@dataclass(frozen=True, slots=True)
class _Row:
    """A contract on its way into the table; `distance` is in strikes from the money."""

    spec: InstrumentSpec
    underlying: int
    role: Role
    cutoff_ns: int
    tick_paise: int
    distance: int


@dataclass(frozen=True, slots=True)
class _Series:
    """The contracts on one underlying."""

    number: int
    underlying: SimulatedUnderlying
    venue: str

    def make_row(
        self, expiry: Expiry, role: Role, strike: float | None = None, distance: int = _ALWAYS
    ) -> _Row:
        """Return one of them; `strike` in rupees, None of a future."""
        terms = self.underlying
        tick_paise = terms.option_tick_paise if strike else terms.future_tick_paise
        kind = _KINDS[role]
        spec = InstrumentSpec(
            self.venue,
            build_tradingsymbol(terms.name, expiry.day, strike, kind, is_monthly=expiry.is_monthly),
            kind,
            name=terms.name,
            underlying=terms.name,
            expiry=expiry.day,
            strike=strike,
            lot_size=terms.lot_size,
            tick_size=tick_paise / 100,
        )
        return _Row(spec, self.number, role, expiry.cutoff_ns, tick_paise, distance)


class ContractLister:
    """Lists what each morning brings.

    Parameters
    ----------
    find_calendar : returns the sessions of a venue: contracts end in one.
    """

    def __init__(
        self, config: SimulationConfig, *, find_calendar: Callable[[str], SessionCalendar]
    ) -> None:
        self._config = config
        self._find_calendar = find_calendar

    def list_all(
        self, days_ns: Sequence[int], levels: Sequence[npt.NDArray[np.float64]]
    ) -> ContractTable:
        """Return the table of a run.

        Parameters
        ----------
        days_ns : 00:00Z of each trading day.
        levels : float64 (u,) for each of them, the underlyings' last close before it.

        Raises
        ------
        InvalidInputError : more instruments are asked for than strikes there are, or a contract
            would end after the calendar does.
        """
        first_days: dict[str, int] = {}
        rows: dict[str, _Row] = {}
        for day, (day_ns, closes) in enumerate(zip(days_ns, levels, strict=True)):
            found = [
                row
                for number in range(len(self._config.underlyings))
                for row in self._list_morning(number, to_date(day_ns), float(closes[number]))
            ]
            for row in self._cut(found):
                if row.spec.symbol not in rows:
                    rows[row.spec.symbol] = row
                    first_days[row.spec.symbol] = day
        return _make_table(list(rows.values()), list(first_days.values()), days_ns)

    def _cut(self, found: list[_Row]) -> list[_Row]:
        """Keep the indices, the futures, and as many options near the money as are asked for."""
        wanted = self._config.instruments
        if wanted is None:
            limit = self._config.strikes_each_side
            return [row for row in found if row.distance <= limit]
        if wanted > len(found):
            msg = (
                f"instruments must be at most {len(found)} with these underlyings and expiries, "
                f"was {wanted}"
            )
            raise InvalidInputError(msg, instruments=wanted)
        nearest = sorted(range(len(found)), key=lambda place: found[place].distance)
        return [found[place] for place in sorted(nearest[:wanted])]

    def _list_morning(self, number: int, day: date, level: float) -> list[_Row]:
        """Return everything an underlying may list on a day, options at all strikes."""
        underlying = self._config.underlyings[number]
        index = underlying.index
        spec = InstrumentSpec(
            index.exchange,
            index.tradingsymbol,
            InstrumentKind.INDEX,
            name=underlying.name,
            tick_size=INDEX_TICK_PAISE / 100,
        )
        rows = [_Row(spec, number, Role.INDEX, 0, INDEX_TICK_PAISE, _ALWAYS)]
        series = _Series(number, underlying, DERIVATIVE_VENUES[index.exchange])
        step = underlying.strike_step
        middle = round(level / step)
        reach = middle - max(1, int(middle * _LOWEST_STRIKE))
        if self._config.instruments is None:
            reach = min(reach, self._config.strikes_each_side)
        for expiry in self.find_expiries(underlying, day):
            if expiry.is_monthly:
                rows.append(series.make_row(expiry, Role.FUTURE))
            for side in range(-reach, reach + 1):
                strike = float((middle + side) * step)
                rows.extend(
                    series.make_row(expiry, role, strike, abs(side))
                    for role in (Role.CALL, Role.PUT)
                )
        return rows

    def find_expiries(self, underlying: SimulatedUnderlying, day: date) -> list[Expiry]:
        """Return the expiries that are listed on a day, the nearest first.

        A series ends on its weekday, or on the last session before that where it is none.

        Raises
        ------
        InvalidInputError : the calendar ends before the last of them.
        """
        calendar = self._find_calendar(DERIVATIVE_VENUES[underlying.index.exchange])
        config = self._config
        weeks = config.weekly_expiries if underlying.has_weeklies else 0
        months = config.monthly_expiries
        found: dict[date, Expiry] = {}
        scheduled = day + timedelta(days=(underlying.expiry_weekday - day.isoweekday()) % 7)
        while weeks > 0 or months > 0:
            place = int(np.searchsorted(calendar.days_ns, from_date(scheduled), side="right")) - 1
            if place + 1 >= len(calendar.days_ns):
                msg = f"the sessions of {calendar.venue} must reach past {scheduled}, and end there"
                raise InvalidInputError(msg)
            last_day = to_date(int(calendar.days_ns[place]))
            is_monthly = is_monthly_expiry(scheduled)
            if last_day >= day and last_day not in found:
                if weeks > 0 or (is_monthly and months > 0):
                    cutoff_ns = int(calendar.closes_ns[place])
                    found[last_day] = Expiry(last_day, cutoff_ns, is_monthly)
                weeks -= 1
                months -= is_monthly
            scheduled += timedelta(days=7)
        return list(found.values())


def _make_table(
    rows: Sequence[_Row], first_days: Sequence[int], days_ns: Sequence[int]
) -> ContractTable:
    specs = tuple(row.spec for row in rows)
    last_days = [
        len(days_ns) if spec.expiry is None else _find_last_day(days_ns, spec.expiry)
        for spec in specs
    ]
    return ContractTable(
        specs=specs,
        underlyings=np.array([row.underlying for row in rows], np.int8),
        roles=np.array([row.role for row in rows], np.int8),
        strikes_paise=np.array([round(100 * (spec.strike or 0.0)) for spec in specs], np.int64),
        cutoffs_ns=np.array([row.cutoff_ns for row in rows], np.int64),
        tick_paise=np.array([row.tick_paise for row in rows], np.int64),
        lot_sizes=np.array([spec.lot_size for spec in specs], np.int64),
        first_days=np.array(first_days, np.int32),
        last_days=np.array(last_days, np.int32),
    )


def _find_last_day(days_ns: Sequence[int], expiry: date) -> int:
    return int(np.searchsorted(np.asarray(days_ns), from_date(expiry), side="right")) - 1
