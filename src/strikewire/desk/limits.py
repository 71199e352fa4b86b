"""The limits of an account: what no order may take it beyond.

They are checked before an order is placed, in the transaction that places it (`desk.order_checks`).
A limit that is not set limits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from strikewire.core.errors import InvalidInputError
from strikewire.core.money import Paise, format_paise, parse_paise

_NAMES: Final = ("max_orders_per_day", "max_order_value", "max_loss_per_day", "max_open_quantity")
_AMOUNTS: Final = ("max_order_value", "max_loss_per_day")
#: What a column of whole paise, and of units, holds.
_MAX_COUNT: Final = 10**12


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What an account's orders may come to; None: as much as anybody likes.

    Parameters
    ----------
    max_orders_per_day : orders placed in one trading day of the market, whatever became of them.
    max_order_value : quantity times price of one order; of a market order at the last price.
    max_loss_per_day : what the day may lose, realised, unrealised and charges: at that loss orders
        that open anything are refused.
    max_open_quantity : units of one contract, bought or sold, that may be held with this order
        filled.
    """

    max_orders_per_day: int | None = None
    max_order_value: Paise | None = None
    max_loss_per_day: Paise | None = None
    max_open_quantity: int | None = None

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> AccountLimits:
        """Read limits: counts are whole numbers, money is a string of rupees, null is no limit.

        Raises
        ------
        InvalidInputError : a limit nobody knows, or one that is no number above 0.
        """
        unknown = sorted(given.keys() - set(_NAMES))
        if unknown:
            msg = f"limits among {', '.join(_NAMES)} were wanted, was {unknown[0]}"
            raise InvalidInputError(msg, limit=unknown[0])
        return cls(
            max_orders_per_day=_read_count("max_orders_per_day", given),
            max_order_value=_read_amount("max_order_value", given),
            max_loss_per_day=_read_amount("max_loss_per_day", given),
            max_open_quantity=_read_count("max_open_quantity", given),
        )

    def to_json(self) -> dict[str, Any]:
        """Return them as `from_json` reads them, those that are not set as null."""
        values = asdict(self)
        for name in _AMOUNTS:
            if values[name] is not None:
                values[name] = format_paise(values[name])
        return values

    def list_missing(self) -> list[str]:
        """Return the names of the limits that are not set."""
        return [name for name, value in asdict(self).items() if value is None]


def _read_count(name: str, given: Mapping[str, Any]) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 < value <= _MAX_COUNT:
        msg = f"{name}: a whole number from 1 to {_MAX_COUNT} was wanted, was {value!r}"
        raise InvalidInputError(msg, limit=name)
    return value


def _read_amount(name: str, given: Mapping[str, Any]) -> Paise | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        amount = parse_paise(value) if isinstance(value, str) else None
    except ValueError as error:
        msg = f"{name}: {error}"
        raise InvalidInputError(msg, limit=name) from error
    if amount is None or amount <= 0:
        msg = f"{name}: a string of rupees above 0 was wanted, as 250000.00, was {value!r}"
        raise InvalidInputError(msg, limit=name)
    return amount
