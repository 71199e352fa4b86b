"""`/api/v1/orders/charges` and `/margins`: what orders would cost, before they are placed."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import Field, StrictInt

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep
from strikewire.api.routes import Routes
from strikewire.api.v1.cost_bodies import ChargesBody, MarginBody, Money
from strikewire.auth.scopes import Scope
from strikewire.core.charges import Charges
from strikewire.core.instruments import InstrumentKind
from strikewire.core.money import Paise, Pips, format_paise, round_to_paise, to_pips, to_rupees
from strikewire.core.orders import Product, Side
from strikewire.desk.margin_parts import OrderedUnits
from strikewire.desk.margins import MarginNeed
from strikewire.runtime import Runtime

_TAG: Final = "orders"
#: In one question.
_MAX_ORDERS: Final = 50
_PAISE_PER_RUPEE: Final = 100


class CostedOrder(schemas.Body):
    """An order somebody thinks of."""

    symbol: str = Field(
        min_length=1,
        max_length=64,
        description="An option, a future or a share, by any of its names.",
        examples=["NFO:BANKNIFTY23JAN43000CE"],
    )
    side: Side
    quantity: StrictInt = Field(ge=1, le=10_000_000, description="Units, not lots.")
    product: Product | None = Field(
        default=None, description="By default `cnc` of shares, `nrml` of contracts."
    )
    price: str | None = Field(
        default=None,
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$",
        description="What a unit is taken to be traded at, rupees; by default what was paid last.",
        examples=["112.35"],
    )


class CostedOrders(schemas.Body):
    """Orders somebody thinks of."""

    orders: Annotated[list[CostedOrder], Field(min_length=1, max_length=_MAX_ORDERS)]


class ChargedOrderBody(schemas.Body):
    """An order, and what it would be charged if it were filled in one."""

    symbol: str
    side: Side
    product: Product
    quantity: int
    price: str = Field(description="Rupees per unit.")
    turnover: Money
    charges: ChargesBody


class OrderChargesBody(schemas.Body):
    """What orders would be charged."""

    orders: list[ChargedOrderBody]
    charges: ChargesBody = Field(description="Of all of them.")


class MarginLegBody(schemas.Body):
    """An order, and what it would need by itself."""

    symbol: str
    side: Side
    product: Product
    quantity: int
    margin: MarginBody


class OrderMarginsBody(schemas.Body):
    """What orders would need that are placed together, beside no positions."""

    orders: list[MarginLegBody]
    initial: MarginBody = Field(description="The orders' sum: before one hedges another.")
    final: MarginBody = Field(description="All of them filled.")
    hedge_benefit: Money = Field(description="`initial` less `final`.")


async def preview_charges(
    runtime: RuntimeDep, content: CostedOrders, _query: Annotated[schemas.Query, Query()]
) -> OrderChargesBody:
    """Tell what orders would be charged, by the rules of the market's day. Nothing is ordered."""
    orders = await _read_orders(runtime, content)
    found = await runtime.costs.preview_charges(orders, now_ns=runtime.market_clock.now_ns())
    return OrderChargesBody(
        orders=[
            ChargedOrderBody(
                **_describe_order(each.order),
                price=f"{to_rupees(each.price).normalize():f}",
                turnover=format_paise(round_to_paise(Pips(each.price * abs(each.order.quantity)))),
                charges=_describe_charges(each.charges),
            )
            for each in found
        ],
        charges=_describe_charges(sum((each.charges for each in found), Charges({}))),
    )


async def preview_margins(
    runtime: RuntimeDep, content: CostedOrders, _query: Annotated[schemas.Query, Query()]
) -> OrderMarginsBody:
    """Tell what has to be there for orders, each by itself and all together. Nothing is ordered."""
    orders = await _read_orders(runtime, content)
    found = await runtime.costs.margins.preview_basket(orders, now_ns=runtime.market_clock.now_ns())
    return OrderMarginsBody(
        orders=[
            MarginLegBody(**_describe_order(order), margin=_describe_need(need))
            for order, need in zip(orders, found.legs, strict=True)
        ],
        initial=_describe_need(found.initial),
        final=_describe_need(found.final),
        hedge_benefit=format_paise(Paise(found.initial.total - found.final.total)),
    )


async def _read_orders(runtime: Runtime, content: CostedOrders) -> list[OrderedUnits]:
    found: list[OrderedUnits] = []
    for each in content.orders:
        instrument = await runtime.instruments.get(each.symbol)
        is_share = instrument.spec.kind is InstrumentKind.EQUITY
        product = each.product or (Product.CNC if is_share else Product.NRML)
        price = None if each.price is None else to_pips(Decimal(each.price))
        found.append(OrderedUnits(instrument, product, each.side.sign * each.quantity, price))
    return found


def _describe_order(order: OrderedUnits) -> dict[str, Any]:
    return {
        "symbol": order.instrument.symbol,
        "side": Side.BUY if order.quantity > 0 else Side.SELL,
        "product": order.product,
        "quantity": abs(order.quantity),
    }


def _describe_charges(charges: Charges) -> ChargesBody:
    told = {name: format_paise(Paise(paise)) for name, paise in charges.to_json().items()}
    return ChargesBody(**told, total=format_paise(charges.total))


def _describe_need(need: MarginNeed) -> MarginBody:
    parts = {name: getattr(need.scenarios, name) for name in need.scenarios.__slots__}
    parts |= {"premium": need.premium, "cash": need.cash}
    told = {name: _format_rupees(rupees) for name, rupees in parts.items()}
    return MarginBody(**told, total=format_paise(need.total))


def _format_rupees(rupees: float) -> str:
    return format_paise(Paise(round(rupees * _PAISE_PER_RUPEE)))


def add_routes(routes: Routes) -> None:
    """Add what tells the costs of orders."""
    routes.add(
        "POST", "/api/v1/orders/charges", preview_charges,
        access=Scope.ORDERS_READ, tag=_TAG, fails=(404,), response_model=OrderChargesBody,
    )  # fmt: skip
    routes.add(
        "POST", "/api/v1/orders/margins", preview_margins,
        access=Scope.ORDERS_READ, tag=_TAG, fails=(404,), response_model=OrderMarginsBody,
    )  # fmt: skip
