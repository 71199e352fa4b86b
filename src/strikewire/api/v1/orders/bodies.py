"""What the routes under `/api/v1/orders` are sent and answer."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from strikewire.api import schemas
from strikewire.api.instants import Day
from strikewire.core.money import to_pips
from strikewire.core.orders import OrderState, OrderType, Product, Side, Validity
from strikewire.desk.order_placing import OrderRequest
from strikewire.desk.orders import OrderChanges

MAX_ID: Final = 2**31 - 1
#: Of a basket, before it is sliced.
MAX_LEGS: Final = 20
_MAX_BPS: Final = 10_000
_MAX_PRICE: Final = 10_000_000
_PRICE_TEXT: Final = r"^[0-9]{1,8}(\.[0-9]{1,4})?$"


def _check_text(price: Any) -> Any:
    """Refuse a text that is no price before it is read as a number, however long it is."""
    if isinstance(price, str) and re.fullmatch(_PRICE_TEXT, price) is None:
        msg = "rupees were wanted, in digits with at most four decimals, as 182.05"
        raise ValueError(msg)
    return price


Price = Annotated[
    Decimal,
    Field(gt=0, le=_MAX_PRICE, decimal_places=4),
    BeforeValidator(_check_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": _MAX_PRICE},
                {"type": "string", "pattern": _PRICE_TEXT},
            ],
            "description": "Rupees per unit, best as a decimal string; a whole number of steps.",
            "examples": ["182.05"],
        }
    ),
]
Units = Annotated[
    int, Field(ge=1, le=10_000_000, description="Units, a multiple of the lot.", examples=[75])
]
Money = Annotated[str, Field(description="Rupees, a decimal string to the paisa.")]


class OrderInput(schemas.Body):
    """An order that is wanted."""

    symbol: str = Field(
        min_length=1,
        max_length=64,
        description="What is traded, by any of its names.",
        examples=["NFO:BANKNIFTY23JAN43000CE"],
    )
    side: Side
    type: OrderType = OrderType.MARKET
    product: Product | None = Field(
        default=None, description="By default `cnc` for shares, `nrml` for contracts."
    )
    validity: Validity = Validity.DAY
    quantity: Units
    price: Price | None = Field(default=None, description="Of `limit` and `sl`; rupees.")
    trigger_price: Price | None = Field(default=None, description="Of `sl` and `sl_m`; rupees.")
    protection_bps: int | None = Field(
        default=None,
        ge=1,
        le=_MAX_BPS,
        description="Of `market` and `sl_m`: how far from the last price it may trade, in "
        "hundredths of a per cent. By default `STRIKEWIRE_ORDER_PROTECTION_BPS`.",
    )

    @model_validator(mode="after")
    def _check_prices(self) -> OrderInput:
        for name, has_it in (
            ("price", self.type.has_price),
            ("trigger_price", self.type.has_trigger),
        ):
            if (getattr(self, name) is not None) != has_it:
                msg = f"an order of type {self.type} has {'a' if has_it else 'no'} {name}"
                raise ValueError(msg)
        if self.protection_bps is not None and not self.type.has_protection:
            msg = f"an order of type {self.type} has no protection_bps: its price protects it"
            raise ValueError(msg)
        return self

    def to_request(self) -> OrderRequest:
        """Return what is to be placed."""
        return OrderRequest(
            symbol=self.symbol,
            side=self.side,
            type=self.type,
            product=self.product,
            validity=self.validity,
            quantity=self.quantity,
            price=None if self.price is None else to_pips(self.price),
            trigger=None if self.trigger_price is None else to_pips(self.trigger_price),
            protection_bps=self.protection_bps,
        )


AccountNumber = Annotated[int, Field(ge=1, le=MAX_ID, description="On which account.")]
StrategyNumber = Annotated[
    int | None,
    Field(
        ge=1,
        le=MAX_ID,
        description="Into whose ledger its fills go: a strategy of the account's owner.",
    ),
]


class NewOrder(OrderInput):
    """An order that is to be placed."""

    account_id: AccountNumber
    strategy_id: StrategyNumber = None


class NewBasket(schemas.Body):
    """Orders that are to be placed together, all or none."""

    account_id: AccountNumber
    strategy_id: StrategyNumber = None
    slice: bool = Field(
        default=False,
        description="Place what is more than the exchange takes in one order as several.",
    )
    legs: list[OrderInput] = Field(min_length=1, max_length=MAX_LEGS)


class OrderPatch(schemas.Body):
    """What is to be different about an order; what is not named stays."""

    quantity: Units | None = None
    price: Price | None = None
    trigger_price: Price | None = None

    @model_validator(mode="after")
    def _check_any(self) -> OrderPatch:
        if self.quantity is None and self.price is None and self.trigger_price is None:
            msg = "at least one of quantity, price and trigger_price was wanted"
            raise ValueError(msg)
        return self

    def to_changes(self) -> OrderChanges:
        """Return them as the desk takes them."""
        return OrderChanges(
            quantity=self.quantity,
            price=None if self.price is None else to_pips(self.price),
            trigger=None if self.trigger_price is None else to_pips(self.trigger_price),
        )


class WishBody(schemas.Body):
    """What is wanted of an order, and not done yet."""

    kind: Literal["modify", "cancel"]
    reason: str | None = Field(default=None, description="Of a cancellation: who wants it.")
    quantity: int | None = None
    price: str | None = None
    trigger_price: str | None = None


class OrderBody(schemas.Body):
    """An order as it stands."""

    id: int
    account_id: int
    strategy_id: int | None
    basket_id: str | None = Field(description="Of those that were placed together.")
    symbol: str
    side: Side
    type: OrderType
    product: Product
    validity: Validity
    quantity: int = Field(description="Units.")
    lots: float
    price: str | None
    trigger_price: str | None
    protection_bps: int | None
    state: OrderState
    reason: str | None = Field(description="Why it was rejected or cancelled, or who did so.")
    filled_quantity: int
    average_price: str | None = Field(description="Of the fills; null before the first.")
    charges: Money = Field(description="Of the fills.")
    wish: WishBody | None
    tag: str = Field(description="Ours, by which it is found again at its broker.")
    mode: Literal["live", "replay", "simulated"] = Field(
        description="Of the market at which it was placed."
    )
    trading_day: Day
    accepted_at: str | None = Field(
        description="The market's time at which the broker took it; null before that."
    )
    placed_by: str
    placed_at: str
    updated_at: str
    revision: int = Field(description="Grows with each change.")


class OrderEventBody(schemas.Body):
    """One line of what became of an order."""

    revision: int
    state: OrderState
    filled_quantity: int
    details: dict[str, Any]
    market_at: str | None = Field(description="The market's time; null of what came from outside.")
    at: str


class FillBody(schemas.Body):
    """A part of an order that was traded, or all of it."""

    number: int = Field(description="Counts the order's fills from 1.")
    quantity: int
    price: str
    at: str = Field(description="The market's time.")
    charges: Money
    charge_items: dict[str, str] = Field(description="What the charges are made of.")


class OrderHistoryBody(OrderBody):
    """An order with what became of it."""

    events: list[OrderEventBody]
    fills: list[FillBody]


class BasketBody(schemas.Body):
    """What was placed together, in the order in which it goes to the broker."""

    basket_id: str
    orders: list[OrderBody]


class OrderPage(schemas.Body):
    """Some of the orders, and how many there are."""

    items: list[OrderBody]
    total: int
    limit: int
    offset: int
