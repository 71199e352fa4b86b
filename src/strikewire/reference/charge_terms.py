"""What trades are charged, as rows state it.

A row names classes of trades, and under each the items it is about, so that a new rate of one tax
leaves all else alone::

    option.transaction_tax = { pct = 0.1, side = "sell" }

`*` is every class, and `option:SENSEX` options on that underlying. What is named most closely
counts, and of that the row that began last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from strikewire.core.charges import ChargeItem, Levy, TradeClass
from strikewire.core.orders import Side

#: In a row of charges: every class of trades.
ANY_CLASS: Final = "*"

_SEPARATOR: Final = ":"
_KEYS: Final = frozenset({"pct", "side", "flat", "cap", "on"})


def read_levy(value: Mapping[str, Any]) -> Levy:
    """Return how an item is reckoned.

    Raises
    ------
    AttributeError, TypeError, ValueError : a key is unknown or an amount is none; both a share and
        an amount an order, or neither.
    """
    strange = set(value) - _KEYS
    if strange:
        msg = f"{', '.join(sorted(_KEYS))} were wanted, found {', '.join(sorted(strange))}"
        raise ValueError(msg)
    if ("pct" in value) == ("flat" in value):
        msg = f"either pct or flat was wanted, found {dict(value)}"
        raise ValueError(msg)
    return Levy(
        pct=_read_amount(value.get("pct", 0)),
        side=Side(value["side"]) if "side" in value else None,
        flat=_read_amount(value["flat"]) if "flat" in value else None,
        cap=_read_amount(value["cap"]) if "cap" in value else None,
        on=tuple(ChargeItem(each) for each in value.get("on", ())),
    )


def check_charges(value: Mapping[str, Any]) -> None:
    """Return if a row's value can be read.

    Raises
    ------
    AttributeError, TypeError, ValueError : it cannot.
    """
    if not value:
        msg = "names nothing"
        raise ValueError(msg)
    order = list(ChargeItem)
    for name, items in value.items():
        if name != ANY_CLASS:
            TradeClass(name.partition(_SEPARATOR)[0])
        for item_name, each in items.items():
            item = ChargeItem(item_name)
            levy = read_levy(each)
            if any(order.index(base) >= order.index(item) for base in levy.on):
                msg = f"{item} must be a share of items before it, was of {', '.join(levy.on)}"
                raise ValueError(msg)


def find_levy(
    values: Iterable[Mapping[str, Any]],
    item: ChargeItem,
    trade_class: TradeClass,
    underlying: str | None,
) -> Levy | None:
    """Return how an item is reckoned; None where no row says.

    Parameters
    ----------
    values : of the rows that hold, the one that began last first.
    underlying : its plain name; None of what has none.
    """
    held = list(values)
    names = [f"{trade_class}{_SEPARATOR}{underlying}", trade_class.value, ANY_CLASS]
    for name in names if underlying else names[1:]:
        for value in held:
            if item in value.get(name, {}):
                return read_levy(value[name][item])
    return None


def _read_amount(value: Any) -> Decimal:
    """Return a number that is not negative, exactly as it is written."""
    try:
        found = Decimal("nan") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or found < 0:
        msg = f"a number of 0 or more was wanted, was {value!r}"
        raise ValueError(msg)
    return found
