"""What a server says of orders: each change of one is an event. See `messages`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from strikewire.api.v1.orders.bodies import FillBody, OrderBody
from strikewire.api.ws.messages import Numbered


class _OfOrders(Numbered):
    topic: str = Field(pattern="^orders:", description="The topic's canonical name.")
    account_id: int


class OrdersSnapshot(_OfOrders):
    """An account's living orders, and those of the newest one's day. Forget what you had."""

    type: Literal["snapshot"]
    id: str | int | None = None
    recovered: Literal[False]
    orders: list[OrderBody]


class OrdersResumed(_OfOrders):
    """All that was missed follows: so many changes of orders."""

    type: Literal["resumed"]
    id: str | int | None = None
    recovered: Literal[True]
    missed: int = Field(ge=0)


class OrderMessage(_OfOrders):
    """An order has changed, or is new: put it in the place of the one with its id."""

    type: Literal["order"]
    order: OrderBody
    fills: list[FillBody] = Field(description="That it was filled at in this change.")
