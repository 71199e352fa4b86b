"""`/api/v1/orders`: placing orders, changing and cancelling them, and what became of them."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import Field

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.instants import Day
from strikewire.api.routes import Routes
from strikewire.api.v1.orders.bodies import (
    MAX_ID,
    BasketBody,
    NewBasket,
    NewOrder,
    OrderBody,
    OrderHistoryBody,
    OrderInput,
    OrderPage,
    OrderPatch,
)
from strikewire.auth.scopes import Scope
from strikewire.core.orders import AccountId, OrderState, StrategyId
from strikewire.core.users import UserId
from strikewire.desk.order_placing import Placement
from strikewire.desk.order_views import OrderView, describe_event, describe_fill
from strikewire.desk.owners import find_listed_reach
from strikewire.store.database import WriteSession
from strikewire.store.desk_orders import OrderFilter

_TAG = "orders"
#: Digits only, so that names of other routes are none of an order.
_PATH = "/api/v1/orders/{order_id:int}"
_OF_STRATEGY = "/api/v1/strategies/{strategy_id}/orders"

OrderNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
StrategyNumber = Annotated[int, Path(ge=1, le=MAX_ID)]
_Number = Annotated[int | None, Field(ge=1, le=MAX_ID)]
_NoQuery = Annotated[schemas.Query, Query()]


class PageQuery(schemas.Query):
    """Which part of a list."""

    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class OrderQuery(PageQuery):
    """Which orders."""

    account_id: _Number = None
    strategy_id: _Number = None
    basket_id: uuid.UUID | None = None
    state: list[OrderState] | None = Field(
        default=None, max_length=len(OrderState), description="One or more."
    )
    day: Day | None = Field(
        default=None, description="Placed on this trading day of the market, YYYY-MM-DD."
    )
    user_id: _Number = Field(
        default=None, description="Whose, by default one's own; another's needs `users:write`."
    )


async def place_order(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    _query: _NoQuery,
    wanted: NewOrder,
) -> Response:
    """Place an order: through the checks, and stored when the answer is there, `pending` so far.

    What becomes of it is told on `/ws/orders`. Sent again under the same `Idempotency-Key` it
    places nothing and gets the first answer.
    """
    placement = await runtime.desk.placing.prepare(
        wanted.account_id, wanted.to_request(), strategy_id=wanted.strategy_id
    )
    return await _place_one(runtime, principal, actor, once, placement)


async def place_strategy_order(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    strategy_id: StrategyNumber,
    wanted: OrderInput,
) -> Response:
    """Place an order from a strategy, on its account; its fills go into the strategy's ledger.

    Otherwise it is an order as any other.
    """
    placement = await runtime.desk.placing.prepare_of_strategy(
        strategy_id, wanted.to_request(), principal=principal
    )
    return await _place_one(runtime, principal, actor, once, placement)


async def _place_one(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    placement: Placement,
) -> Response:
    placing = runtime.desk.placing

    async def place(session: WriteSession) -> Created:
        (view,) = await placing.place(session, placement, principal=principal, actor=actor)
        return Created(OrderBody(**view.to_json()), f"/api/v1/orders/{view.order.id}")

    response = await once.create(place)
    placing.announce()
    return response


async def place_basket(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    _query: _NoQuery,
    wanted: NewBasket,
) -> Response:
    """Place up to 20 orders, all or none: one that is refused refuses the basket.

    What is bought is placed before what is sold, so that a hedge is there first.
    """
    placing = runtime.desk.placing
    placement = await placing.prepare_basket(
        wanted.account_id,
        [leg.to_request() for leg in wanted.legs],
        strategy_id=wanted.strategy_id,
        is_sliced=wanted.slice,
    )

    async def place(session: WriteSession) -> Created:
        views = await placing.place(session, placement, principal=principal, actor=actor)
        basket_id = str(views[0].order.basket_id)
        body = BasketBody(
            basket_id=basket_id, orders=[OrderBody(**view.to_json()) for view in views]
        )
        return Created(body, f"/api/v1/orders?basket_id={basket_id}")

    response = await once.create(place)
    placing.announce()
    return response


async def list_orders(
    runtime: RuntimeDep, principal: PrincipalDep, query: Annotated[OrderQuery, Query()]
) -> dict[str, Any]:
    """List orders, the newest first: one's own, or another user's."""
    user_id = None if query.user_id is None else UserId(query.user_id)
    wanted = OrderFilter(
        reach=find_listed_reach(principal, user_id),
        account_id=None if query.account_id is None else AccountId(query.account_id),
        states=query.state,
        strategy_id=None if query.strategy_id is None else StrategyId(query.strategy_id),
        basket_id=query.basket_id,
        trading_day=query.day,
    )
    found = await runtime.desk.orders.list_page(wanted, limit=query.limit, offset=query.offset)
    return _describe_page(found, query)


async def list_strategy_orders(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    strategy_id: StrategyNumber,
    query: Annotated[PageQuery, Query()],
) -> dict[str, Any]:
    """List the orders that were placed from a strategy, the newest first."""
    found = await runtime.desk.orders.list_of_strategy(
        strategy_id, principal=principal, limit=query.limit, offset=query.offset
    )
    return _describe_page(found, query)


def _describe_page(found: tuple[list[OrderView], int], query: PageQuery) -> dict[str, Any]:
    views, total = found
    return {
        "items": [view.to_json() for view in views],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def get_order(
    runtime: RuntimeDep, principal: PrincipalDep, order_id: OrderNumber, _query: _NoQuery
) -> dict[str, Any]:
    """Show an order with its events and its fills."""
    found = await runtime.desk.orders.get(order_id, principal=principal)
    return {
        **found.view.to_json(),
        "events": [describe_event(each) for each in found.events],
        "fills": [describe_fill(each) for each in found.view.fills],
    }


async def modify_order(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    order_id: OrderNumber,
    _query: _NoQuery,
    changes: OrderPatch,
) -> dict[str, Any]:
    """Have an order's quantity or prices changed.

    The answer has the change in `wish`; it is done when that is null again, and its terms are the
    new ones. It passes the same checks as a new order.
    """
    view = await runtime.desk.orders.modify(
        order_id, changes.to_changes(), principal=principal, actor=actor
    )
    return view.to_json()


async def cancel_order(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    order_id: OrderNumber,
    _query: _NoQuery,
) -> dict[str, Any]:
    """Have an order cancelled; what is filled before that is done stays filled.

    Asking twice is the same as once. Neither a halted account nor the pace of orders hinders it.
    """
    view = await runtime.desk.orders.cancel(order_id, principal=principal, actor=actor)
    return view.to_json()


def add_routes(routes: Routes) -> None:
    """Add the orders' routes."""
    routes.add(
        "GET", "/api/v1/orders", list_orders,
        access=Scope.ORDERS_READ, tag=_TAG, response_model=OrderPage,
    )  # fmt: skip
    routes.add(
        "POST", "/api/v1/orders", place_order, audit="order.place",
        access=Scope.ORDERS_PLACE, tag=_TAG, response_model=OrderBody, status_code=201,
        fails=(404,),
    )  # fmt: skip
    routes.add(
        "POST", "/api/v1/orders/basket", place_basket, audit="order.basket",
        access=Scope.ORDERS_PLACE, tag=_TAG, response_model=BasketBody, status_code=201,
        fails=(404,),
    )  # fmt: skip
    routes.add(
        "GET", _PATH, get_order,
        access=Scope.ORDERS_READ, tag=_TAG, response_model=OrderHistoryBody,
    )  # fmt: skip
    routes.add(
        "PATCH", _PATH, modify_order, audit="order.modify",
        access=Scope.ORDERS_PLACE, tag=_TAG, response_model=OrderBody,
    )  # fmt: skip
    routes.add(
        "POST", f"{_PATH}/cancel", cancel_order, audit="order.cancel",
        access=Scope.ORDERS_PLACE, tag=_TAG, response_model=OrderBody,
    )  # fmt: skip
    routes.add(
        "GET", _OF_STRATEGY, list_strategy_orders,
        access=Scope.ORDERS_READ, tag=_TAG, response_model=OrderPage,
    )  # fmt: skip
    routes.add(
        "POST", _OF_STRATEGY, place_strategy_order, audit="order.place",
        access=Scope.ORDERS_PLACE, tag=_TAG, response_model=OrderBody, status_code=201,
    )  # fmt: skip
