"""Market rules: dated rows that say when a venue trades, and by which terms. No hour is in code.

A row holds from a day to a day. Rows come packaged (`rules/*.toml`, each with its source) and from
the table `market_rules`; a later row replaces an earlier one of the same venue, kind and first day,
and of two that hold on the same day the one that began later counts. So a changed closing time is
one more row, and takes effect without a deployment.

Three kinds make the calendar: `special` (a day of its own, such as Muhurat) beats `holiday` beats
`session` (the week). The others are looked up: lot sizes, tick sizes, strike steps, expiry
weekdays, closing auctions, charges, margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from strikewire.core.charges import ChargeItem, ChargeRates, Levy, TradeClass
from strikewire.core.errors import NotFoundError
from strikewire.core.margin import MarginTerms
from strikewire.reference.charge_terms import find_levy
from strikewire.reference.contract_terms import (
    ANY_UNDERLYING,
    ExpiryRule,
    PriceClass,
    find_tick,
    read_expiry,
    read_step,
    read_units,
)
from strikewire.reference.margin_rules import CASH_PCT, find_term, read_terms
from strikewire.reference.market_rule import (
    CALENDAR_KINDS,
    NAMED_KINDS,
    Hours,
    MarketRule,
    RuleKind,
    check_rule,
    read_hours,
)
from strikewire.reference.packaged_rules import load_packaged_rules
from strikewire.reference.session_builder import CalendarRows, build_calendar
from strikewire.reference.sessions import SessionCalendar

__all__ = ["FIRST_DAY", "MarketRule", "MarketRules", "RuleKind", "load_packaged_rules"]

#: The calendars' first year: the exchanges' screens are hardly older.
FIRST_DAY: Final = date(1995, 1, 1)
#: How far past the day asked for a calendar reaches: index options are listed five years ahead.
_YEARS_AHEAD: Final = 5

_MONDAY_TO_FRIDAY: Final = (1, 2, 3, 4, 5)


class MarketRules:
    """The rules of all venues, and their calendars. Never changed: `overlay` makes others.

    Parameters
    ----------
    rows : earlier ones are overridden by later ones of the same venue, kind and first day: first
        the packaged rows, then the database's. Rows that name underlyings or classes (lot sizes,
        ...) are overridden name by name.
    through : usually today: calendars reach five years past it.

    Raises
    ------
    InvalidInputError : a row makes no sense; names the row.
    """

    def __init__(self, rows: Iterable[MarketRule], *, through: date) -> None:
        given = list(rows)
        # A row that names several things leaves alone what the row over it does not name.
        last = {_key(row): row for row in given if row.kind not in NAMED_KINDS}
        kept = [row for row in given if row.kind in NAMED_KINDS or last[_key(row)] is row]
        self._rows: dict[tuple[str, str], list[MarketRule]] = {}
        for row in sorted(kept, key=_key):
            check_rule(row)
            self._rows.setdefault((row.venue, row.kind), []).append(row)
        self._through = through
        # Rules never change, so a calendar that was computed once stays right.
        self._calendars: dict[str, SessionCalendar] = {}

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues whose sessions are known, in alphabetical order."""
        return tuple(sorted(venue for venue, kind in self._rows if kind == RuleKind.SESSION))

    def __iter__(self) -> Iterator[MarketRule]:
        """Go through the rows by venue, kind and first day."""
        for _, group in sorted(self._rows.items(), key=lambda item: item[0]):
            yield from group

    def overlay(self, rows: Iterable[MarketRule]) -> MarketRules:
        """Return these rules with other rows laid over them."""
        return MarketRules([*self, *rows], through=self._through)

    def adopt_calendars(self, other: MarketRules) -> None:
        """Take over the calendars of venues whose rows are the same: equal rows, same object.

        Whoever cached something by a calendar keeps it, then, while another venue changes.
        """
        if self._through != other._through:
            return
        for venue, calendar in other._calendars.items():
            if all(
                self._rows.get((venue, kind)) == other._rows.get((venue, kind))
                for kind in CALENDAR_KINDS
            ):
                self._calendars[venue] = calendar

    def find(self, venue: str, kind: str, day: date) -> MarketRule | None:
        """Return the row of a kind that counts on a day: the one that began last."""
        for row in reversed(self._rows.get((venue, kind), ())):
            if row.holds_on(day):
                return row
        return None

    # -- sessions -------------------------------------------------------------------------------

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
        row = self.find(venue, RuleKind.SESSION, day) or self._sessions(venue)[0]
        text = "-".join(row.value[key].replace(":", "") for key in ("open", "close"))
        weekdays = sorted(row.value["weekdays"])
        if tuple(weekdays) != _MONDAY_TO_FRIDAY:
            text += ":" + "".join(str(number) for number in sorted(d % 7 + 1 for d in weekdays))
        return text

    def calendar(self, venue: str) -> SessionCalendar:
        """Return a venue's sessions, from 1995 to five years past `through`.

        Raises
        ------
        NotFoundError : no sessions are known of that venue.
        InvalidInputError : the rows make two sessions overlap.
        """
        found = self._calendars.get(venue)
        if found is None:
            rows = CalendarRows(
                sessions=self._sessions(venue),
                holidays=self._rows.get((venue, RuleKind.HOLIDAY), ()),
                specials=self._rows.get((venue, RuleKind.SPECIAL), ()),
            )
            last_day = date(self._through.year + _YEARS_AHEAD, 12, 31)
            found = build_calendar(venue, rows, first_day=FIRST_DAY, last_day=last_day)
            self._calendars[venue] = found
        return found

    def is_settlement_day(self, venue: str, day: date) -> bool:
        """Say whether contracts can expire on a day, however far ahead.

        An ordinary session, or a special one that is no holiday: on Muhurat evenings there is
        trading and no expiry, on the Saturday of 2024-01-20 there were both.

        Raises
        ------
        NotFoundError : no sessions are known of that venue.
        """
        self._sessions(venue)
        holiday = self.find(venue, RuleKind.HOLIDAY, day)
        if holiday is not None and "part" not in holiday.value:
            return False
        if self.find(venue, RuleKind.SPECIAL, day) is not None:
            return True
        week = self.find(venue, RuleKind.SESSION, day)
        return week is not None and day.isoweekday() in week.value["weekdays"]

    def find_closing_auction(self, venue: str, day: date) -> Hours | None:
        """Return a day's closing auction in local minutes; None where there is none."""
        row = self.find(venue, RuleKind.CLOSING_AUCTION, day)
        return None if row is None else read_hours(row)

    # -- terms of contracts ---------------------------------------------------------------------

    def lot_size(self, venue: str, underlying: str, expiry: date) -> int:
        """Return the units of one contract on an underlying.

        Parameters
        ----------
        expiry : the contract's. A new lot is for the contracts that end from some day on, and
            others trade beside them by the old one.

        Raises
        ------
        NotFoundError : no row says.
        """
        return read_units(self._get_named(venue, RuleKind.LOT_SIZE, underlying, expiry))

    def find_freeze_quantity(self, venue: str, underlying: str, day: date) -> int | None:
        """Return the most units of one order on a day; None where no row says."""
        try:
            value = self._get_named(venue, RuleKind.FREEZE_QUANTITY, underlying, day)
        except NotFoundError:
            return None
        return read_units(value)

    def strike_step(self, venue: str, underlying: str, expiry: date) -> float:
        """Return the finest step between strikes of the nearest contracts, in rupees.

        Raises
        ------
        NotFoundError : no row says.
        """
        return read_step(self._get_named(venue, RuleKind.STRIKE_STEP, underlying, expiry))

    def tick_size(self, venue: str, price_class: PriceClass, day: date, *, price: float) -> float:
        """Return the step of a price in the venue's currency.

        Parameters
        ----------
        price : of the share, or the index's level: what the exchange reviews ticks by. It does so
            monthly, so within a month the tick in force may be that of an earlier price.

        Raises
        ------
        NotFoundError : no row says.
        """
        return find_tick(self._get_named(venue, RuleKind.TICK_SIZE, price_class, day), price)

    def expiry_rule(self, venue: str, underlying: str, day: date) -> ExpiryRule:
        """Return the weekdays on which contracts on an underlying end around a day.

        `reference.expiries` makes days of them.

        Raises
        ------
        NotFoundError : no row says.
        """
        return read_expiry(self._get_named(venue, RuleKind.EXPIRY, underlying, day))

    def list_expiry_rules(self, venue: str, underlying: str, day: date) -> list[ExpiryRule]:
        """Return the weekdays of contracts on an underlying that held up to a day, newest first.

        Contracts that were listed before a change of weekday may end by the rule before it. Rows
        for every underlying come after those that name it.
        """
        rows = [
            row
            for row in reversed(self._rows.get((venue, RuleKind.EXPIRY), ()))
            if row.valid_from <= day
        ]
        return [
            read_expiry(row.value[name])
            for name in (underlying, ANY_UNDERLYING)
            for row in rows
            if name in row.value
        ]

    # -- costs ----------------------------------------------------------------------------------

    def charge_rates(
        self, venue: str, trade_class: TradeClass, underlying: str | None, day: date
    ) -> ChargeRates:
        """Return what trades of a class are charged on a day, item by item.

        Parameters
        ----------
        underlying : its plain name; None of what has none.

        Raises
        ------
        NotFoundError : no row says it of some item; what is free of it has a row with 0.
        """
        values = [row.value for row in self._iterate_held(venue, RuleKind.CHARGES, day)]
        rates: dict[ChargeItem, Levy] = {}
        for item in ChargeItem:
            levy = find_levy(values, item, trade_class, underlying)
            if levy is None:
                name = f"{trade_class}.{item}"
                raise _miss_row(venue, RuleKind.CHARGES, name, day)
            rates[item] = levy
        return rates

    def margin_terms(self, venue: str, underlying: str, day: date) -> MarginTerms:
        """Return by which terms margin on futures and options is asked for on a day.

        Raises
        ------
        NotFoundError : no row says one of them.
        """
        values = [row.value for row in self._iterate_held(venue, RuleKind.MARGIN, day)]
        try:
            return read_terms(values, underlying)
        except KeyError as error:
            name = f"{underlying}.{error.args[0]}"
            raise _miss_row(venue, RuleKind.MARGIN, name, day) from error

    def cash_margin(self, venue: str, trade_class: TradeClass, day: date) -> float:
        """Return which part of a share's price has to be there for it, a fraction.

        Raises
        ------
        NotFoundError : no row says.
        """
        values = [row.value for row in self._iterate_held(venue, RuleKind.MARGIN, day)]
        found = find_term(values, [trade_class], CASH_PCT)
        if found is None:
            raise _miss_row(venue, RuleKind.MARGIN, f"{trade_class}.{CASH_PCT}", day)
        return float(found) / 100.0

    def _iterate_held(self, venue: str, kind: RuleKind, day: date) -> Iterator[MarketRule]:
        """Go through the rows of a kind that hold on a day, the one that began last first."""
        return (row for row in reversed(self._rows.get((venue, kind), ())) if row.holds_on(day))

    def _get_named(self, venue: str, kind: RuleKind, name: str, day: date) -> Any:
        names = (name,) if kind != RuleKind.EXPIRY else (name, ANY_UNDERLYING)
        for wanted in names:
            for row in self._iterate_held(venue, kind, day):
                if wanted in row.value:
                    return row.value[wanted]
        raise _miss_row(venue, kind, name, day)

    def _sessions(self, venue: str) -> list[MarketRule]:
        rows = self._rows.get((venue, RuleKind.SESSION))
        if rows is None:
            msg = f"no market rules for venue {venue!r}; known are {', '.join(self.venues)}"
            raise NotFoundError(msg, venue=venue)
        return rows


def _miss_row(venue: str, kind: RuleKind, name: str, day: date) -> NotFoundError:
    msg = f"no {kind} of {name} on {venue} is known for {day}"
    return NotFoundError(msg, venue=venue, kind=kind.value, name=name, day=day.isoformat())


def _key(row: MarketRule) -> tuple[str, str, date]:
    return row.venue, row.kind, row.valid_from
