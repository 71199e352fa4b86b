"""Orders that are placed: shown to whoever's they are, modified and cancelled.

What is wanted of an order is committed as its wish, and its broker is asked by the order desk,
which finds the wish in the database: here only what cannot be is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.principal import Principal
from strikewire.core.errors import ConflictError, InvalidInputError
from strikewire.core.money import Pips
from strikewire.core.orders import (
    Cancellation,
    Modification,
    Order,
    OrderId,
    OrderState,
    OrderTerms,
    OrderWish,
)
from strikewire.desk.order_gate import Leg, OrderGate
from strikewire.desk.order_tools import OrderTools
from strikewire.desk.order_views import OrderView, describe_wish
from strikewire.desk.owners import find_reach
from strikewire.store.database import WriteSession
from strikewire.store.desk_order_figures import ASKED_BY
from strikewire.store.desk_orders import OrderEvent, OrderFilter, OrderStep


@dataclass(frozen=True, slots=True)
class OrderChanges:
    """What is to be different about an order; None stays."""

    quantity: int | None = None
    price: Pips | None = None
    trigger: Pips | None = None


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """An order and what became of it, line by line."""

    view: OrderView
    events: Sequence[OrderEvent]


class Orders:
    """Everybody's orders, once they are placed.

    Parameters
    ----------
    gate : the checks that a modified order has to pass again.
    """

    def __init__(self, *, tools: OrderTools, gate: OrderGate) -> None:
        self._tools = tools
        self._gate = gate

    async def get(self, order_id: int, *, principal: Principal) -> OrderHistory:
        """Return an order with its events and fills.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's to see.
        """
        async with self._tools.database.read() as session:
            order = await self._tools.store.get(
                session, OrderId(order_id), reach=find_reach(principal)
            )
            (view,) = await self._tools.reader.view(session, [order])
            return OrderHistory(view, await self._tools.store.load_events(session, order.id))

    async def list_page(
        self, wanted: OrderFilter, *, limit: int, offset: int
    ) -> tuple[list[OrderView], int]:
        """Return some orders, the newest first, and how many there are."""
        async with self._tools.database.read() as session:
            orders, total = await self._tools.store.list_page(
                session, wanted, limit=limit, offset=offset
            )
            return await self._tools.reader.view(session, orders), total

    async def list_of_strategy(
        self, strategy_id: int, *, principal: Principal, limit: int, offset: int
    ) -> tuple[list[OrderView], int]:
        """Return some orders that were placed from a strategy, the newest first, and how many.

        Raises
        ------
        NotFoundError : there is no such strategy, or it is not the principal's.
        """
        strategy = await self._tools.get_strategy(strategy_id, principal=principal)
        # They are its owner's, on whichever accounts.
        wanted = OrderFilter(strategy_id=strategy.id)
        return await self.list_page(wanted, limit=limit, offset=offset)

    async def modify(
        self, order_id: int, changes: OrderChanges, *, principal: Principal, actor: Actor
    ) -> OrderView:
        """Have an order's quantity or prices changed; it answers with the wish in it.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        ConflictError : it is over, about to be cancelled, or its fate is not known.
        InvalidInputError : a price that orders of its type do not have, or fewer units than filled.
        OrderRefusedError, RateLimitedError, AccountHaltedError : as when it was placed.
        """
        seen = (await self.get(order_id, principal=principal)).view
        last = await self._gate.market.find_last(seen.instrument)
        _require_modifiable(seen.order)
        wanted = Leg(None, _apply(seen.order, changes), seen.instrument, last)
        measured = await self._gate.measure(seen.order.account_id, [wanted], instead_of=seen.order)
        async with self._tools.database.write() as session:
            account = await self._gate.accounts.claim(
                session, seen.order.account_id, principal=principal
            )
            order = await self._lock(session, seen.order.id)
            _require_modifiable(order)
            terms = _apply(order, changes)
            leg = Leg(None, terms, seen.instrument, last)
            await self._gate.check_modified(session, account, order, leg, measured)
            wish = Modification(terms.quantity, terms.price, terms.trigger)
            view = await self._save_wish(session, order, wish, actor, "order.modify")
        self._tools.bell.ring()
        return view

    async def cancel(self, order_id: int, *, principal: Principal, actor: Actor) -> OrderView:
        """Have an order cancelled; once or twice is the same. It may be filled before that is done.

        Neither a halted account nor the pace of orders keeps anybody from it.

        Raises
        ------
        NotFoundError : there is none, or it is not the principal's.
        ConflictError : it is over.
        """
        async with self._tools.database.write() as session:
            reach = find_reach(principal)
            await self._tools.store.get(session, OrderId(order_id), reach=reach)
            order = await self._lock(session, OrderId(order_id))
            _require_living(order)
            if isinstance(order.wish, Cancellation):
                (view,) = await self._tools.reader.view(session, [order])
                return view
            wish = Cancellation(f"cancelled by {actor.subject}")
            view = await self._save_wish(session, order, wish, actor, "order.cancel")
        self._tools.bell.ring()
        return view

    async def _lock(self, session: WriteSession, order_id: OrderId) -> Order:
        return (await self._tools.store.lock(session, [order_id]))[order_id]

    async def _save_wish(
        self, session: WriteSession, order: Order, wish: OrderWish, actor: Actor, action: str
    ) -> OrderView:
        """Store what is wanted of an order, and by whom."""
        progress = replace(order.progress, revision=order.progress.revision + 1)
        wishing = replace(order, wish=wish, progress=progress)
        details = {ASKED_BY: actor.subject, "wish": describe_wish(wish)}
        await self._tools.store.save(session, [OrderStep(wishing, details=details)])
        # As it is stored: the time of its change is the database's.
        stored = await self._tools.store.get(session, order.id)
        before, after = await self._tools.reader.view(session, [order, stored])
        event = AuditEvent(action, "order", str(order.id), before.to_json(), after.to_json())
        await self._tools.trail.record(session, actor, event)
        return after


def _require_living(order: Order) -> None:
    if order.progress.state.is_final:
        msg = f"an order that is not over was wanted, {order.id} is {order.progress.state}"
        raise ConflictError(msg, order_id=order.id, state=order.progress.state.value)


def _require_modifiable(order: Order) -> None:
    _require_living(order)
    if order.progress.state is OrderState.UNKNOWN:
        msg = f"whether the broker has order {order.id} is not known yet"
        raise ConflictError(msg, order_id=order.id, state=order.progress.state.value)
    if isinstance(order.wish, Cancellation):
        msg = f"order {order.id} is about to be cancelled"
        raise ConflictError(msg, order_id=order.id)


def _apply(order: Order, changes: OrderChanges) -> OrderTerms:
    """Return the terms that are wanted: of the changes, of what was wanted before, as they are."""
    terms, wish = order.terms, order.wish
    if isinstance(wish, Modification):
        terms = replace(terms, quantity=wish.quantity, price=wish.price, trigger=wish.trigger)
    for name, given, has_it in (
        ("price", changes.price, terms.type.has_price),
        ("trigger_price", changes.trigger, terms.type.has_trigger),
    ):
        if given is not None and not has_it:
            msg = f"an order of type {terms.type} has no {name}"
            raise InvalidInputError(msg, field=name)
    quantity = terms.quantity if changes.quantity is None else changes.quantity
    if quantity <= order.progress.filled_quantity:
        msg = (
            f"more than the {order.progress.filled_quantity} units that are filled were wanted, "
            f"was {quantity}"
        )
        raise InvalidInputError(msg, filled_quantity=order.progress.filled_quantity)
    return replace(
        terms,
        quantity=quantity,
        price=changes.price or terms.price,
        trigger=changes.trigger or terms.trigger,
    )
