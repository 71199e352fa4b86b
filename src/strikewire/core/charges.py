"""Charges: what a trade costs besides its price, item by item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeAlias

from strikewire.core.money import Paise, Pips
from strikewire.core.orders import Product, Side

_NOTHING: Final = Pips(0)


class ChargeItem(StrEnum):
    """What is charged; the values are what rules, the database and the API say."""

    #: The broker's own, by order.
    BROKERAGE = "brokerage"
    #: STT on securities, CTT on commodities.
    TRANSACTION_TAX = "transaction_tax"
    #: The exchange's, for the turnover.
    EXCHANGE = "exchange"
    #: The exchange's, for its investor protection fund: free of GST, and so apart.
    INVESTOR_PROTECTION = "investor_protection"
    SEBI_FEE = "sebi_fee"
    STAMP_DUTY = "stamp_duty"
    GST = "gst"


class TradeClass(StrEnum):
    """Trades that are charged by the same rates."""

    EQUITY_DELIVERY = "equity_delivery"
    EQUITY_INTRADAY = "equity_intraday"
    FUTURE = "future"
    OPTION = "option"
    #: An option in the money that is settled at its end: the turnover is its intrinsic value.
    EXERCISE = "exercise"


@dataclass(frozen=True, slots=True)
class Levy:
    """How one item is reckoned: a share of something, or an amount an order.

    Parameters
    ----------
    pct : per cent of the turnover, or of the items in `on`.
    side : which side pays; None is both.
    flat : rupees an order, in place of a share.
    cap : rupees an order at most.
    on : items it is a share of; none are the turnover.
    """

    pct: Decimal = Decimal(0)
    side: Side | None = None
    flat: Decimal | None = None
    cap: Decimal | None = None
    on: tuple[ChargeItem, ...] = ()


#: Every item's levy; of what is not charged one of 0.
ChargeRates: TypeAlias = Mapping[ChargeItem, Levy]


@dataclass(frozen=True, slots=True)
class Trade:
    """Units that changed hands at a price.

    Parameters
    ----------
    quantity : units, positive.
    price : of one unit; of an exercise its intrinsic value.
    turnover_before : what the same order had traded before, units times prices. What is charged by
        order is charged once, and an order in parts costs what it costs in one.
    is_exercise : an option's end in the money; whoever held it sells.
    """

    side: Side
    product: Product
    quantity: int
    price: Pips
    turnover_before: Pips = _NOTHING
    is_exercise: bool = False

    @property
    def turnover(self) -> Pips:
        """Units times the price."""
        return Pips(self.quantity * self.price)


@dataclass(frozen=True, slots=True)
class Charges:
    """What was charged, in whole paise by item: the total is the items' sum, exactly."""

    items: Mapping[ChargeItem, Paise]

    @property
    def total(self) -> Paise:
        """All items together."""
        return Paise(sum(self.items.values()))

    def __add__(self, other: Charges) -> Charges:
        """Return both together."""
        return Charges(
            {item: Paise(self.items.get(item, 0) + other.items.get(item, 0)) for item in ChargeItem}
        )

    def to_json(self) -> dict[str, Any]:
        """Return paise by the items' names, as a fill is stored with."""
        return {item.value: self.items.get(item, 0) for item in ChargeItem}
