"""Orders, what became of them, and what they were filled at.

An order is changed by whoever has its row locked, and has read it so: by its owner, who wishes
something of it, and by the desk that says how far it has come. Nothing leads it back, here either.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import aliased

from strikewire.core.accounts import Reach
from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import from_datetime
from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, to_rupees
from strikewire.core.orders import (
    AccountId,
    Fill,
    Order,
    OrderId,
    OrderProgress,
    OrderState,
    OrderTerms,
    StrategyId,
)
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_accounts import is_reached
from strikewire.store.desk_ledgers import queue_entries
from strikewire.store.desk_order_rows import (
    ORDER_COLUMNS,
    encode_progress,
    encode_terms,
    encode_wish,
    make_fill,
    make_order,
)
from strikewire.store.desk_schema import (
    AccountRow,
    FillRow,
    OrderEventRow,
    OrderRow,
    StrategyEntryRow,
)

_LIVING: Final = tuple(state for state in OrderState if not state.is_final)
_PAPER: Final = "paper"
EVERYBODY: Final = Reach(is_everybody=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order that is placed.

    Parameters
    ----------
    market_ns : where the market stands.
    """

    account_id: AccountId
    terms: OrderTerms
    tag: str
    mode: str
    trading_day: date
    placed_by: str
    strategy_id: StrategyId | None = None
    basket_id: uuid.UUID | None = None
    market_ns: int | None = None


@dataclass(frozen=True, slots=True)
class NewFill:
    """A fill, and what its charges are made of.

    Parameters
    ----------
    charges : paise by name; together what the fill costs.
    """

    fill: Fill
    charges: Mapping[str, Paise]


@dataclass(frozen=True, slots=True)
class OrderStep:
    """One change of an order.

    Parameters
    ----------
    order : as it is now; its revision is one above that of the row.
    fills : what it was filled at in this step.
    details : what there is to say of it beside state and quantity.
    market_ns : where the market stood.
    """

    order: Order
    fills: Sequence[NewFill] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    market_ns: int | None = None


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One line of what became of an order."""

    revision: int
    state: OrderState
    filled_quantity: int
    details: Mapping[str, Any]
    market_ns: int | None
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders are asked for; None asks for all.

    Parameters
    ----------
    reach : whose accounts they are of.
    trading_day : the market's day on which they were placed.
    """

    reach: Reach = EVERYBODY
    account_id: AccountId | None = None
    states: Sequence[OrderState] | None = None
    strategy_id: StrategyId | None = None
    basket_id: uuid.UUID | None = None
    instrument_id: InstrumentId | None = None
    trading_day: date | None = None


class OrderStore:
    """The tables `orders`, `order_events` and `fills`, and what fills bring into ledgers.

    Holds nothing: it works in the caller's transaction.
    """

    # -- what changes them ----------------------------------------------------------------------

    async def insert(self, session: WriteSession, orders: Sequence[NewOrder]) -> list[Order]:
        """Store orders that are placed, in their order, each with the first line of its events."""
        placed = []
        for new in orders:
            query = (
                insert(OrderRow)
                .values(
                    account_id=new.account_id,
                    strategy_id=new.strategy_id,
                    basket_id=new.basket_id,
                    instrument_id=new.terms.instrument_id,
                    side=new.terms.side,
                    type=new.terms.type,
                    product=new.terms.product,
                    validity=new.terms.validity,
                    tag=new.tag,
                    mode=new.mode,
                    trading_day=new.trading_day,
                    placed_by=new.placed_by,
                    placed_at=func.clock_timestamp(),
                    updated_at=func.clock_timestamp(),
                    **encode_terms(new.terms),
                    **encode_progress(OrderProgress()),
                )
                .returning(*ORDER_COLUMNS)
            )
            placed.append(make_order((await session.execute(query)).one()))
        steps = [
            OrderStep(order, details={"by": new.placed_by}, market_ns=new.market_ns)
            for order, new in zip(placed, orders, strict=True)
        ]
        await self._record_events(session, steps)
        return placed

    async def lock(
        self, session: WriteSession, order_ids: Iterable[OrderId]
    ) -> dict[OrderId, Order]:
        """Return orders as they stand, and keep others from changing them until the end."""
        query = (
            select(*ORDER_COLUMNS)
            .where(OrderRow.id.in_(set(order_ids)))
            .order_by(OrderRow.id)
            .with_for_update()
        )
        return {order.id: order for order in await _load(session, query)}

    async def save(self, session: WriteSession, steps: Sequence[OrderStep]) -> None:
        """Store what became of orders: the rows, their events, their fills, the ledgers' entries.

        Parameters
        ----------
        steps : in the order in which they were made; several of one order may be among them.

        Raises
        ------
        ConflictError : an order was changed since it was read, or the step would lead it back.
        """
        for step in steps:
            await self._save_order(session, step.order)
        await self._record_events(session, steps)
        fills = [(step.order, new) for step in steps for new in step.fills]
        if fills:
            await session.execute(
                pg_insert(FillRow).on_conflict_do_nothing(),
                [_encode_fill(order, new) for order, new in fills],
            )
        entries = [
            _encode_entry(order, new) for order, new in fills if order.strategy_id is not None
        ]
        if entries:
            await queue_entries(session)
            await session.execute(pg_insert(StrategyEntryRow).on_conflict_do_nothing(), entries)

    async def _save_order(self, session: WriteSession, order: Order) -> None:
        progress = order.progress
        query = (
            update(OrderRow)
            .where(
                OrderRow.id == order.id,
                OrderRow.revision == progress.revision - 1,
                OrderRow.filled_quantity <= progress.filled_quantity,
                or_(OrderRow.state.in_(_LIVING), OrderRow.state == progress.state),
            )
            .values(
                broker_order_id=order.broker_order_id,
                wish=encode_wish(order.wish),
                updated_at=func.clock_timestamp(),
                **encode_terms(order.terms),
                **encode_progress(progress),
            )
            .returning(OrderRow.id)
        )
        if (await session.execute(query)).one_or_none() is None:
            msg = (
                f"revision {progress.revision - 1} of order {order.id} was wanted, not further "
                f"than {progress.state} with {progress.filled_quantity}; it has moved on"
            )
            raise ConflictError(msg, order_id=order.id)

    async def _record_events(self, session: WriteSession, steps: Sequence[OrderStep]) -> None:
        if not steps:
            return
        rows = [
            {
                "order_id": step.order.id,
                "revision": step.order.progress.revision,
                "state": step.order.progress.state,
                "filled_quantity": step.order.progress.filled_quantity,
                "details": dict(step.details),
                "market_ns": step.market_ns,
            }
            for step in steps
        ]
        await session.execute(insert(OrderEventRow), rows)

    # -- what a desk needs ----------------------------------------------------------------------

    async def load_living(self, session: ReadSession | WriteSession) -> list[Order]:
        """Return the orders of paper accounts that have not come to their end, the oldest first."""
        return await _load(session, _select_paper(OrderRow.state.in_(_LIVING)))

    async def load_living_of(
        self, session: ReadSession | WriteSession, account_id: AccountId
    ) -> list[Order]:
        """Return an account's orders that have not come to their end, the oldest first."""
        query = select(*ORDER_COLUMNS).where(
            OrderRow.account_id == account_id, OrderRow.state.in_(_LIVING)
        )
        return await _load(session, query.order_by(OrderRow.id))

    async def load_waiting(self, session: ReadSession | WriteSession) -> list[Order]:
        """Return the orders of paper accounts of which something is wanted, the oldest first.

        These are the ones that are pending, and those with a wish.
        """
        is_waiting = or_(OrderRow.state == OrderState.PENDING, OrderRow.wish.is_not(None))
        return await _load(session, _select_paper(is_waiting))

    async def count_day(
        self, session: ReadSession | WriteSession, account_id: AccountId, trading_day: date
    ) -> int:
        """Return how many orders of an account were placed on a day of the market."""
        query = select(func.count()).where(
            OrderRow.account_id == account_id, OrderRow.trading_day == trading_day
        )
        return (await session.execute(query)).scalar_one()

    async def find_newest(self, session: ReadSession | WriteSession, account_id: AccountId) -> int:
        """Return the id of an account's newest order; 0 where there is none."""
        query = select(func.max(OrderRow.id)).where(OrderRow.account_id == account_id)
        return (await session.execute(query)).scalar_one() or 0

    # -- what is asked --------------------------------------------------------------------------

    async def get(
        self,
        session: ReadSession | WriteSession,
        order_id: OrderId,
        *,
        reach: Reach = EVERYBODY,
    ) -> Order:
        """Return an order.

        Parameters
        ----------
        reach : of whose accounts it has to be.

        Raises
        ------
        NotFoundError : there is no such order, or it is somebody else's.
        """
        query = _select(OrderFilter(reach=reach)).where(OrderRow.id == order_id)
        found = await _load(session, query)
        if not found:
            msg = f"there is no order {order_id}"
            raise NotFoundError(msg, order_id=order_id)
        return found[0]

    async def list_page(
        self,
        session: ReadSession | WriteSession,
        wanted: OrderFilter,
        *,
        limit: int,
        offset: int = 0,
    ) -> tuple[list[Order], int]:
        """Return a page of orders, the newest first, and how many there are."""
        query = _select(wanted)
        total = (
            await session.execute(select(func.count()).select_from(query.subquery()))
        ).scalar_one()
        page = query.order_by(OrderRow.id.desc()).limit(limit).offset(offset)
        return await _load(session, page), total

    async def load_current(
        self, session: ReadSession | WriteSession, account_id: AccountId, *, limit: int
    ) -> list[Order]:
        """Return an account's living orders and those of its newest one's day, the oldest first.

        Where there are more than the limit, the newest of them.
        """
        row = aliased(OrderRow)
        newest = select(row.trading_day).where(row.account_id == account_id)
        day = newest.order_by(row.id.desc()).limit(1).scalar_subquery()
        query = (
            select(*ORDER_COLUMNS)
            .where(OrderRow.account_id == account_id)
            .where(or_(OrderRow.state.in_(_LIVING), OrderRow.trading_day == day))
            .order_by(OrderRow.id.desc())
            .limit(limit)
        )
        return (await _load(session, query))[::-1]

    async def load_events(
        self, session: ReadSession | WriteSession, order_id: OrderId
    ) -> list[OrderEvent]:
        """Return what became of an order, line by line."""
        row = OrderEventRow
        query = (
            select(row.revision, row.state, row.filled_quantity, row.details, row.market_ns, row.at)
            .where(row.order_id == order_id)
            .order_by(row.revision)
        )
        return [
            OrderEvent(
                revision=found.revision,
                state=OrderState(found.state),
                filled_quantity=found.filled_quantity,
                details=found.details,
                market_ns=found.market_ns,
                at_ns=from_datetime(found.at),
            )
            for found in await session.execute(query)
        ]

    async def load_fills(
        self, session: ReadSession | WriteSession, order_ids: Iterable[OrderId]
    ) -> dict[OrderId, list[NewFill]]:
        """Return the fills of orders by order, in their order; those that have none are absent."""
        query = (
            select(FillRow)
            .where(FillRow.order_id.in_(set(order_ids)))
            .order_by(FillRow.order_id, FillRow.number)
        )
        fills: dict[OrderId, list[NewFill]] = {}
        for row in (await session.execute(query)).scalars():
            fill = make_fill(row)
            fills.setdefault(fill.order_id, []).append(NewFill(fill, row.charges))
        return fills


def _select_paper(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(*ORDER_COLUMNS)
        .join(AccountRow, AccountRow.id == OrderRow.account_id)
        .where(AccountRow.broker == _PAPER, condition)
        .order_by(OrderRow.id)
    )


def _select(wanted: OrderFilter) -> Select[*tuple[Any, ...]]:
    query = select(*ORDER_COLUMNS)
    if not wanted.reach.is_everybody:
        query = query.join(
            AccountRow, and_(AccountRow.id == OrderRow.account_id, is_reached(wanted.reach))
        )
    if wanted.states is not None:
        query = query.where(OrderRow.state.in_(wanted.states))
    exact = {
        OrderRow.account_id: wanted.account_id,
        OrderRow.strategy_id: wanted.strategy_id,
        OrderRow.basket_id: wanted.basket_id,
        OrderRow.instrument_id: wanted.instrument_id,
        OrderRow.trading_day: wanted.trading_day,
    }
    return query.where(*(column == value for column, value in exact.items() if value is not None))


async def _load(
    session: ReadSession | WriteSession, query: Select[*tuple[Any, ...]]
) -> list[Order]:
    return [make_order(row) for row in await session.execute(query)]


def _encode_fill(order: Order, new: NewFill) -> dict[str, Any]:
    fill = new.fill
    return {
        "order_id": order.id,
        "number": fill.number,
        "account_id": order.account_id,
        "instrument_id": order.terms.instrument_id,
        "product": order.terms.product,
        "side": order.terms.side,
        "quantity": fill.quantity,
        "price": to_rupees(fill.price),
        "market_ns": fill.moment.as_of_ns,
        "market_seq": fill.moment.seq,
        "charges_paise": sum(new.charges.values()),
        "charges": dict(new.charges),
    }


def _encode_entry(order: Order, new: NewFill) -> dict[str, Any]:
    fill = new.fill
    return {
        "strategy_id": order.strategy_id,
        "instrument_id": order.terms.instrument_id,
        "quantity": order.terms.side.sign * fill.quantity,
        "price": to_rupees(fill.price),
        "charges_paise": sum(new.charges.values()),
        "market_ns": fill.moment.as_of_ns,
        "market_seq": fill.moment.seq,
        "source": "fill",
        "order_id": order.id,
        "fill_number": fill.number,
        "recorded_by": order.placed_by,
    }
