"""Orders as they are stored: changed step by step, never backwards, and found by whose they are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError

from strikewire.core.accounts import Reach
from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import (
    AccountId,
    Cancellation,
    Fill,
    MarketMoment,
    Modification,
    Order,
    OrderId,
    OrderProgress,
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    StrategyId,
    Validity,
)
from strikewire.core.users import Role, UserId
from strikewire.store.database import Database
from strikewire.store.desk_order_figures import Exposure, OrderFigures
from strikewire.store.desk_orders import NewFill, NewOrder, OrderFilter, OrderStep, OrderStore
from strikewire.store.desk_schema import AccountRow, StrategyEntryRow, StrategyRow
from strikewire.store.users import UserStore

STORE = OrderStore()
FIGURES = OrderFigures()
DAY = date(2022, 12, 30)
NEXT_DAY = date(2023, 1, 2)


@dataclass(frozen=True)
class Owner:
    user_id: UserId
    account_id: AccountId


@pytest.fixture
async def owner(database: Database) -> Owner:
    return await make_owner(database, "asha")


async def make_owner(database: Database, login: str, broker: str = "paper") -> Owner:
    async with database.write() as session:
        user = await UserStore().create(session, login=login, roles=[Role.TRADER])
        query = insert(AccountRow).values(user_id=user.id, name="first", broker=broker)
        row = await session.execute(query.returning(AccountRow.id))
        return Owner(user.id, AccountId(row.scalar_one()))


async def make_strategy(database: Database, owner: Owner) -> StrategyId:
    async with database.write() as session:
        query = insert(StrategyRow).values(user_id=owner.user_id, name="straddle")
        row = await session.execute(query.returning(StrategyRow.id))
        return StrategyId(row.scalar_one())


def make_new(owner: Owner, instrument: Instrument, tag: str, **fields: Any) -> NewOrder:
    terms = OrderTerms(
        instrument.id, Side.SELL, OrderType.LIMIT, Product.NRML, Validity.DAY, 150, Pips(182_2500)
    )
    values = {"terms": terms, "mode": "replay", "trading_day": DAY, "placed_by": "user:1"}
    return NewOrder(account_id=owner.account_id, tag=tag, **(values | fields))


async def place(database: Database, *orders: NewOrder) -> list[Order]:
    async with database.write() as session:
        return await STORE.insert(session, orders)


async def save(database: Database, *steps: OrderStep) -> None:
    async with database.write() as session:
        await STORE.save(session, steps)


async def find(database: Database, order_id: OrderId) -> Order:
    async with database.read() as session:
        return await STORE.get(session, order_id)


def move(order: Order, state: OrderState, filled: int = 0, at: int = 5, **fields: Any) -> Order:
    moment = MarketMoment(at, at)
    accepted = order.progress.accepted or moment
    revision = order.progress.revision + 1
    progress = OrderProgress(state, filled, accepted, moment, None, revision)
    return replace(order, progress=progress, **fields)


def make_fill(order: Order, number: int, quantity: int) -> NewFill:
    fill = Fill(
        order.id, number, quantity, Pips(182_3000), MarketMoment(40 + number, number), Paise(2_345)
    )
    return NewFill(fill, {"brokerage": Paise(2_000), "stt": Paise(345)})


async def test_an_order_is_read_as_it_was_placed(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    basket = uuid.UUID(int=7)
    market = OrderTerms(
        instrument.id, Side.BUY, OrderType.SL_M, Product.MIS, Validity.DAY, 75,
        trigger=Pips(99_0525), protection_bps=300,
    )  # fmt: skip
    first, second = await place(
        database,
        make_new(owner, instrument, "A1", basket_id=basket, market_ns=11),
        make_new(owner, instrument, "A2", terms=market),
    )

    assert first.terms.price == Pips(182_2500)
    assert second.terms == market
    assert (first.basket_id, first.trading_day, first.mode) == (basket, DAY, "replay")
    assert first.progress == OrderProgress()
    assert await find(database, first.id) == first
    async with database.read() as session:
        (event,) = await STORE.load_events(session, first.id)
    assert (event.revision, event.state, event.market_ns) == (1, OrderState.PENDING, 11)
    assert event.details == {"by": "user:1"}


async def test_steps_bring_fills_events_and_the_ledgers_entries_with_them(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    strategy = await make_strategy(database, owner)
    (placed,) = await place(database, make_new(owner, instrument, "B1", strategy_id=strategy))
    taken = move(placed, OrderState.OPEN)
    part = move(taken, OrderState.OPEN, 75, at=41)
    whole = move(part, OrderState.COMPLETE, 150, at=42)

    await save(
        database,
        OrderStep(taken, market_ns=5),
        OrderStep(part, [make_fill(part, 1, 75)], market_ns=41),
        OrderStep(whole, [make_fill(whole, 2, 75)], {"slippage": "0.05"}, market_ns=42),
    )

    found = await find(database, placed.id)
    assert replace(found, updated_ns=0) == replace(whole, updated_ns=0)
    async with database.read() as session:
        events = await STORE.load_events(session, placed.id)
        fills = (await STORE.load_fills(session, [placed.id]))[placed.id]
        entries = (await session.execute(select(StrategyEntryRow))).scalars().all()
    assert [(each.revision, each.state, each.filled_quantity) for each in events] == [
        (1, "pending", 0), (2, "open", 0), (3, "open", 75), (4, "complete", 150),
    ]  # fmt: skip
    assert events[-1].details == {"slippage": "0.05"}
    assert fills == [make_fill(part, 1, 75), make_fill(whole, 2, 75)]
    assert [(each.quantity, each.charges_paise, each.source) for each in entries] == [
        (-75, 2_345, "fill"), (-75, 2_345, "fill"),
    ]  # fmt: skip


async def test_a_step_from_what_is_old_changes_nothing(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    (placed,) = await place(database, make_new(owner, instrument, "C1"))
    taken = move(placed, OrderState.OPEN)
    await save(database, OrderStep(taken))

    with pytest.raises(ConflictError):
        await save(database, OrderStep(move(placed, OrderState.REJECTED)))
    assert (await find(database, placed.id)).progress == taken.progress


@pytest.mark.promise("O5")
@pytest.mark.parametrize(
    ("state", "filled"),
    [(OrderState.OPEN, 75), (OrderState.CANCELLED, 75), (OrderState.COMPLETE, 50)],
)
async def test_no_step_leads_an_order_back(
    database: Database, owner: Owner, instrument: Instrument, state: OrderState, filled: int
) -> None:
    (placed,) = await place(database, make_new(owner, instrument, "D1"))
    ended = move(placed, OrderState.COMPLETE, 75)
    await save(database, OrderStep(ended))

    with pytest.raises(ConflictError):
        await save(database, OrderStep(move(ended, state, filled)))
    assert (await find(database, placed.id)).progress == ended.progress


@pytest.mark.parametrize(
    "wish", [Modification(75, Pips(180_0000), None), Cancellation("by user:1")]
)
async def test_desk_finds_what_is_pending_and_what_is_wished(
    database: Database, owner: Owner, instrument: Instrument, wish: Modification | Cancellation
) -> None:
    elsewhere = await make_owner(database, "vikram", broker="kite")
    pending, wished, idle, _ = await place(
        database,
        *(make_new(owner, instrument, tag) for tag in ("E1", "E2", "E3")),
        make_new(elsewhere, instrument, "E4"),
    )
    wishing = replace(move(wished, OrderState.OPEN), wish=wish)
    await save(database, OrderStep(wishing), OrderStep(move(idle, OrderState.OPEN)))

    async with database.read() as session:
        waiting = await STORE.load_waiting(session)
        living = await STORE.load_living(session)
    assert [each.id for each in waiting] == [pending.id, wished.id]
    assert waiting[1].wish == wish
    assert [each.id for each in living] == [pending.id, wished.id, idle.id]

    async with database.write() as session:
        locked = (await STORE.lock(session, [wished.id]))[wished.id]
        done = replace(move(locked, OrderState.CANCELLED), wish=None)
        await STORE.save(session, [OrderStep(done)])
    async with database.read() as session:
        assert [each.id for each in await STORE.load_waiting(session)] == [pending.id]
        assert [each.id for each in await STORE.load_living(session)] == [pending.id, idle.id]


async def test_orders_are_found_by_whose_they_are_and_by_what_they_are(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    other = await make_owner(database, "vikram")
    strategy, basket = await make_strategy(database, owner), uuid.UUID(int=9)
    old, second, third, foreign = await place(
        database,
        make_new(owner, instrument, "F1", trading_day=DAY),
        make_new(owner, instrument, "F2", trading_day=NEXT_DAY, strategy_id=strategy),
        make_new(owner, instrument, "F3", trading_day=NEXT_DAY, basket_id=basket),
        make_new(other, instrument, "F4", trading_day=NEXT_DAY),
    )
    await save(database, OrderStep(move(second, OrderState.OPEN)))

    async def ask(limit: int = 10, offset: int = 0, **wanted: Any) -> tuple[Sequence[int], int]:
        async with database.read() as session:
            found, total = await STORE.list_page(
                session, OrderFilter(**wanted), limit=limit, offset=offset
            )
        return [each.id for each in found], total

    assert await ask() == ([foreign.id, third.id, second.id, old.id], 4)
    assert await ask(reach=Reach(owner.user_id), limit=1, offset=1) == ([second.id], 3)
    assert await ask(account_id=other.account_id) == ([foreign.id], 1)
    assert await ask(strategy_id=strategy) == ([second.id], 1)
    assert await ask(basket_id=basket) == ([third.id], 1)
    assert await ask(trading_day=DAY) == ([old.id], 1)
    assert await ask(states=[OrderState.OPEN]) == ([second.id], 1)
    assert await ask(instrument_id=instrument.id, states=[]) == ([], 0)
    async with database.read() as session:
        assert await STORE.count_day(session, owner.account_id, NEXT_DAY) == 2
        with pytest.raises(NotFoundError):
            await STORE.get(session, foreign.id, reach=Reach(owner.user_id))
        assert await STORE.get(session, old.id, reach=Reach(owner.user_id)) == old


async def test_current_orders_are_the_living_and_those_of_the_newest_ones_day(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    dead, living, today = await place(
        database,
        make_new(owner, instrument, "G1", trading_day=DAY),
        make_new(owner, instrument, "G2", trading_day=DAY),
        make_new(owner, instrument, "G3", trading_day=NEXT_DAY),
    )
    await save(
        database,
        OrderStep(move(dead, OrderState.CANCELLED)),
        OrderStep(move(today, OrderState.REJECTED)),
    )

    async with database.read() as session:
        found = await STORE.load_current(session, owner.account_id, limit=10)
        newest = await STORE.load_current(session, owner.account_id, limit=1)
    assert [each.id for each in found] == [living.id, today.id]
    assert [each.id for each in newest] == [today.id]


@pytest.mark.promise("O7")
async def test_no_market_order_is_stored_without_its_protection(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    naked = OrderTerms(
        instrument.id, Side.BUY, OrderType.MARKET, Product.NRML, Validity.DAY, 75
    )  # fmt: skip

    with pytest.raises(DBAPIError, match="ck_orders_protection"):
        await place(database, make_new(owner, instrument, "H1", terms=naked))
    async with database.read() as session:
        page = await STORE.list_page(session, OrderFilter(), limit=1)
    assert page == ([], 0)


@pytest.mark.promise("O7")
async def test_requests_are_counted_by_who_asked_and_when(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    other = await make_owner(database, "vikram")
    first, second, _ = await place(
        database,
        make_new(owner, instrument, "J1"),
        make_new(owner, instrument, "J2"),
        make_new(other, instrument, "J3"),
    )
    wishing = replace(move(first, OrderState.OPEN), wish=Cancellation("by user:1"))
    await save(
        database,
        OrderStep(wishing, details={"by": "user:1"}),
        # What the broker says is nobody's request.
        OrderStep(move(second, OrderState.OPEN)),
    )

    async with database.read() as session:
        lately = await FIGURES.count_requests(session, owner.account_id, window_s=60.0)
        now = await FIGURES.count_requests(session, owner.account_id, window_s=0.0)
    assert (lately.count, now.count) == (3, 0)
    assert 0.0 < lately.oldest_s < 60.0


async def test_exposures_are_what_is_held_and_what_may_come(
    database: Database, owner: Owner, instrument: Instrument
) -> None:
    filled, half, over = await place(
        database, *(make_new(owner, instrument, tag) for tag in ("K1", "K2", "K3"))
    )
    whole, part = move(filled, OrderState.COMPLETE, 150), move(half, OrderState.OPEN, 75)
    await save(
        database,
        OrderStep(whole, [make_fill(whole, 1, 150)]),
        OrderStep(part, [make_fill(part, 1, 75)]),
        OrderStep(move(over, OrderState.CANCELLED)),
    )

    async with database.read() as session:
        found = await FIGURES.load_exposures(session, owner.account_id, [instrument.id])
        nothing = await FIGURES.load_exposures(session, owner.account_id, [InstrumentId(999)])
    assert found == {(instrument.id, Product.NRML): Exposure(held=-225, buying=0, selling=75)}
    assert nothing == {}
