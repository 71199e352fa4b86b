"""Terms of contracts as rows state them: lots, ticks, strike steps, expiry weekdays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

#: In a row of expiries: every underlying that the row does not name.
ANY_UNDERLYING: Final = "*"

_WEEKDAYS: Final = range(1, 8)
_CYCLES: Final = frozenset({"weekly", "monthly"})


class PriceClass(StrEnum):
    """Contracts whose prices move in the same steps."""

    EQUITY = "equity"
    STOCK_FUTURE = "stock_future"
    INDEX_FUTURE = "index_future"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """On which weekday contracts of an underlying end; ISO, 1 is Monday.

    Parameters
    ----------
    weekly : None where there are no weekly contracts.
    monthly : the last one of the month.
    """

    weekly: int | None
    monthly: int


def read_units(value: Any) -> int:
    """Return a number of units: a lot's, or of the largest order.

    Raises
    ------
    ValueError : not a positive whole number.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        msg = f"units must be a positive whole number, were {value!r}"
        raise ValueError(msg)
    return value


def read_step(value: Any) -> float:
    """Return a step between strikes, or of a price, in the currency's units.

    Raises
    ------
    ValueError : not a positive number.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < float("inf"):
        msg = f"a step must be a positive number, was {value!r}"
        raise ValueError(msg)
    return float(value)


def read_expiry(value: Any) -> ExpiryRule:
    """Return an expiry rule.

    Raises
    ------
    KeyError, ValueError : `monthly` is missing, or a weekday is none.
    """
    found = ExpiryRule(weekly=value.get("weekly"), monthly=value["monthly"])
    for weekday in (found.weekly, found.monthly):
        if weekday is not None and weekday not in _WEEKDAYS:
            msg = f"weekdays must be of 1 to 7, was {weekday!r}"
            raise ValueError(msg)
    if not set(value) <= _CYCLES:
        msg = f"weekly and monthly were wanted, found {sorted(value)}"
        raise ValueError(msg)
    return found


def find_tick(bands: Sequence[Mapping[str, Any]], price: float) -> float:
    """Return the step of a price: that of the first band it falls into.

    Parameters
    ----------
    bands : each with `tick`, and all but the last with a bound: `below` (exclusive) or `up_to`
        (inclusive).

    Raises
    ------
    KeyError, ValueError : a band has no tick, or none takes the price.
    """
    for band in bands:
        is_below = "below" not in band or price < band["below"]
        if is_below and ("up_to" not in band or price <= band["up_to"]):
            return read_step(band["tick"])
    msg = f"the last band must be open-ended, and {price} falls into none"
    raise ValueError(msg)


def check_terms(kind: str, value: Mapping[str, Any]) -> None:
    """Return if a row's value can be read.

    Raises
    ------
    AttributeError, KeyError, TypeError, ValueError : it cannot.
    """
    if not value:
        msg = "names nothing"
        raise ValueError(msg)
    for name, each in value.items():
        match kind:
            case "lot_size" | "freeze_quantity":
                read_units(each)
            case "strike_step":
                read_step(each)
            case "expiry":
                read_expiry(each)
            case _:
                PriceClass(name)
                for band in each:
                    read_step(band["tick"])
                find_tick(each, float("inf"))
