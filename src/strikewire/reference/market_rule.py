"""One dated row of the market rules, and what it must hold to make sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from strikewire.core.errors import InvalidInputError
from strikewire.reference.charge_terms import check_charges
from strikewire.reference.contract_terms import check_terms
from strikewire.reference.margin_rules import check_margin

_MINUTES_PER_DAY: Final = 24 * 60


class RuleKind(StrEnum):
    """What a row is about. Rows of other kinds are kept, and read by nobody here."""

    #: The week: days and hours.
    SESSION = "session"
    #: A day without a session, or without one half of it.
    HOLIDAY = "holiday"
    #: A day with hours of its own: Muhurat, a Saturday. Beats a holiday.
    SPECIAL = "special"
    #: Where the day's closing price is made, beside the session.
    CLOSING_AUCTION = "closing_auction"
    #: Units a contract, by underlying; dated by the contract's expiry.
    LOT_SIZE = "lot_size"
    #: Steps of a price, by class of contract.
    TICK_SIZE = "tick_size"
    #: Between two strikes, by underlying; dated by the contract's expiry.
    STRIKE_STEP = "strike_step"
    #: The weekday on which contracts end, by underlying.
    EXPIRY = "expiry"
    #: What trades are charged, by class and item.
    CHARGES = "charges"
    #: By which terms margin is asked for, by underlying.
    MARGIN = "margin"
    #: Units of one order above which the exchange refuses it, by underlying.
    FREEZE_QUANTITY = "freeze_quantity"


#: Kinds that make the calendar; the others are looked up.
CALENDAR_KINDS: Final = frozenset({RuleKind.SESSION, RuleKind.HOLIDAY, RuleKind.SPECIAL})
#: Kinds whose value names underlyings or classes: of two rows of the same day each keeps what the
#: later one does not name.
NAMED_KINDS: Final = frozenset(
    {
        RuleKind.LOT_SIZE, RuleKind.TICK_SIZE, RuleKind.STRIKE_STEP, RuleKind.EXPIRY,
        RuleKind.CHARGES, RuleKind.MARGIN, RuleKind.FREEZE_QUANTITY,
    }
)  # fmt: skip
_HOURS_KINDS: Final = frozenset({RuleKind.SESSION, RuleKind.SPECIAL, RuleKind.CLOSING_AUCTION})
_ONE_DAY_KINDS: Final = frozenset({RuleKind.HOLIDAY, RuleKind.SPECIAL})
_PARTS: Final = ("morning", "evening")
_HOURS: Final = frozenset({"open", "close"})
_KNOWN_KEYS: Final[dict[str, frozenset[str]]] = {
    RuleKind.SESSION: _HOURS | {"weekdays", "zone", "evening", "opens_day_before"},
    RuleKind.HOLIDAY: frozenset({"name", "part"}),
    RuleKind.SPECIAL: _HOURS | {"name", "breaks", "opens_day_before", "provisional"},
    RuleKind.CLOSING_AUCTION: _HOURS | {"applies_to"},
}


@dataclass(frozen=True, slots=True)
class MarketRule:
    """One dated row.

    Parameters
    ----------
    venue : `NSE`, `NFO`, `MCX`, ...: the exchange part of a canonical symbol.
    kind : see `RuleKind`.
    valid_from, valid_to : both inclusive. Without an end a row holds until the next one begins; a
        `holiday` or a `special` is that one day.
    value : what the kind needs; docs/reference/market-rules.md lists it.
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
        if self.valid_to is None and self.kind in _ONE_DAY_KINDS:
            return self.valid_from
        return self.valid_to

    def holds_on(self, day: date) -> bool:
        """Say whether the row holds on a day."""
        return self.valid_from <= day and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, slots=True)
class Hours:
    """A row's hours in minutes after local midnight of the trading day.

    The open is negative where it is on the evening before, the close past a day's minutes where it
    is after midnight.
    """

    open_min: int
    close_min: int


def read_hours(row: MarketRule) -> Hours:
    """Read `open` and `close` of a row.

    Raises
    ------
    KeyError, TypeError, ValueError : they are not there, or are no times.
    """
    open_min, close_min = (_read_minute(row.value[key]) for key in ("open", "close"))
    if row.value.get("opens_day_before", False):
        open_min -= _MINUTES_PER_DAY
    elif close_min <= open_min:
        close_min += _MINUTES_PER_DAY
    return Hours(open_min, close_min)


def read_evening(row: MarketRule) -> int | None:
    """Return the minute at which a session's second half begins; None where it has one half."""
    return None if "evening" not in row.value else _read_minute(row.value["evening"])


def check_rule(row: MarketRule) -> None:
    """Return if a row makes sense.

    Raises
    ------
    InvalidInputError : it does not; names the row.
    """
    try:
        problem = _find_problem(row)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        wanted = (
            "weekdays, open, close (HH:MM) and zone were wanted"
            if row.kind in _HOURS_KINDS
            else f"a value of the kind {row.kind} was wanted"
        )
        problem = f"{wanted}, found {error!r}"
    if problem is not None:
        msg = f"market rule {row.venue} {row.kind} from {row.valid_from}: {problem}"
        raise InvalidInputError(msg, venue=row.venue, kind=row.kind)


def _find_problem(row: MarketRule) -> str | None:
    if row.last_day is not None and row.last_day < row.valid_from:
        return f"valid_to must not be before valid_from, was {row.valid_to}"
    strange = set(row.value) - _KNOWN_KEYS.get(row.kind, frozenset(row.value))
    if strange:
        return f"no {row.kind} has {', '.join(sorted(strange))}"
    if row.kind in _HOURS_KINDS:
        read_hours(row)
    if row.kind == RuleKind.SESSION:
        read_evening(row)
        ZoneInfo(row.value["zone"])
        if not set(row.value["weekdays"]) <= set(range(1, 8)):
            return f"weekdays must be of 1 to 7, were {row.value['weekdays']}"
    if row.kind == RuleKind.HOLIDAY and row.value.get("part", _PARTS[0]) not in _PARTS:
        return f"part must be morning or evening, was {row.value['part']!r}"
    if row.kind == RuleKind.CHARGES:
        check_charges(row.value)
    elif row.kind == RuleKind.MARGIN:
        check_margin(row.value)
    elif row.kind in NAMED_KINDS:
        check_terms(row.kind, row.value)
    return None


def _read_minute(text: str) -> int:
    moment = time.fromisoformat(text)
    return moment.hour * 60 + moment.minute
