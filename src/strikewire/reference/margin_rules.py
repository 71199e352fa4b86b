"""By which terms margin is asked for, as rows state it.

A row names underlyings, or all that are `index` or `stock`, or every one (`*`), and under each the
terms it is about, so that a new term leaves all else alone. Shares are named by class of trades.
What is named most closely counts, and of that the row that began last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from strikewire.core.charges import TradeClass
from strikewire.core.margin import MarginTerms
from strikewire.reference.contract_terms import ANY_UNDERLYING
from strikewire.reference.symbols import find_index

#: Of a share, in per cent of its price.
CASH_PCT: Final = "cash_pct"

#: Terms by their names in a row: the field of `MarginTerms`, and what a number is divided by.
_NUMBERS: Final[dict[str, tuple[str, int]]] = {
    "price_scan_pct": ("price_scan", 100),
    "price_scan_sigmas": ("price_scan_sigmas", 1),
    "price_scan_days": ("price_scan_days", 1),
    "vol_scan_pct": ("vol_scan", 100),
    "vol_scan_share_pct": ("vol_scan_share", 100),
    "extreme_moves": ("extreme_moves", 1),
    "extreme_share_pct": ("extreme_share", 100),
    "calendar_pct": ("calendar", 100),
    "short_option_pct": ("short_option", 100),
    "exposure_pct": ("exposure", 100),
    "expiry_day_exposure_pct": ("expiry_day_exposure", 100),
}
_NETTED: Final = "is_netted_on_expiry_day"
_TERMS: Final = (*_NUMBERS, _NETTED)
_SHARES: Final = frozenset({TradeClass.EQUITY_DELIVERY, TradeClass.EQUITY_INTRADAY})


def check_margin(value: Mapping[str, Any]) -> None:
    """Return if a row's value can be read.

    Raises
    ------
    AttributeError, TypeError, ValueError : it cannot.
    """
    if not value:
        msg = "names nothing"
        raise ValueError(msg)
    for name, terms in value.items():
        wanted = (CASH_PCT,) if name in _SHARES else _TERMS
        strange = sorted(set(terms) - set(wanted))
        if strange:
            msg = f"{', '.join(wanted)} were wanted of {name}, found {', '.join(strange)}"
            raise ValueError(msg)
        for term, each in terms.items():
            _read_term(term, each)


def find_term(values: Sequence[Mapping[str, Any]], names: Sequence[str], term: str) -> Any:
    """Return a term as it is written; None where no row says.

    Parameters
    ----------
    values : of the rows that hold, the one that began last first.
    names : by which it may be found, the closest first.
    """
    for name in names:
        for value in values:
            if term in value.get(name, {}):
                return value[name][term]
    return None


def list_names(underlying: str) -> tuple[str, str, str]:
    """Return the names by which the terms of an underlying may be found, the closest first."""
    kind = "stock" if find_index(underlying) is None else "index"
    return underlying, kind, ANY_UNDERLYING


def read_terms(values: Sequence[Mapping[str, Any]], underlying: str) -> MarginTerms:
    """Return the terms of an underlying.

    Parameters
    ----------
    values : of the rows that hold, the one that began last first.

    Raises
    ------
    KeyError : no row says one of them; its name.
    """
    names = list_names(underlying)
    found = {term: find_term(values, names, term) for term in _TERMS}
    for term, value in found.items():
        if value is None:
            raise KeyError(term)
    # By decimals: 9.3 per cent is 0.093, and not the float above it.
    numbers = {
        field: float(Decimal(str(found[term])) / divisor)
        for term, (field, divisor) in _NUMBERS.items()
    }
    return MarginTerms(**numbers, is_netted_on_expiry_day=found[_NETTED])


def _read_term(term: str, value: Any) -> None:
    is_flag = isinstance(value, bool)
    if term == _NETTED:
        if not is_flag:
            msg = f"{term} must be true or false, was {value!r}"
            raise ValueError(msg)
    elif is_flag or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        msg = f"{term} must be a number of 0 or more, was {value!r}"
        raise ValueError(msg)
