"""What accounts traded, as the store adds it up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date

import pytest

from strikewire.core.instruments import InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import (
    Fill,
    MarketMoment,
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    Validity,
)
from strikewire.core.users import Role
from strikewire.store.desk_orders import NewFill, NewOrder, OrderStep, OrderStore
from strikewire.store.desk_schema import AccountRow
from strikewire.store.desk_trades import DaySum, TradeFilter, TradeStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.users import UserStore

DAY_NS = 500
COUNT = 60


@pytest.fixture
async def account_ids(database):
    """Give two accounts of one user."""
    async with database.write() as session:
        user = await UserStore().create(session, login="asha", roles=[Role.TRADER])
        rows = [AccountRow(user_id=user.id, name=name, broker="paper") for name in ("a", "b")]
        session.add_all(rows)
        await session.flush()
        return [row.id for row in rows]


@pytest.fixture
async def instruments(database):
    names = ("NIFTY23JANFUT", "NIFTY23FEBFUT", "NIFTY23MARFUT")
    specs = [InstrumentSpec("NFO", name, InstrumentKind.FUTURE) for name in names]
    async with database.write() as session:
        return await InstrumentStore().upsert(session, specs)


@pytest.fixture
async def traded(database, account_ids, instruments, rng):
    """Trade at random moments of two days on both accounts; orders with one to three fills."""
    store = OrderStore()
    async with database.write() as session:
        for number in range(COUNT):
            terms = OrderTerms(
                instrument_id=instruments[int(rng.integers(3))].id,
                side=Side.BUY if rng.integers(2) else Side.SELL,
                type=OrderType.MARKET,
                product=Product.MIS if rng.integers(2) else Product.NRML,
                validity=Validity.DAY,
                quantity=90,
                protection_bps=300,
            )
            new = NewOrder(
                account_id=account_ids[int(rng.integers(2))], terms=terms, tag=f"t{number}",
                mode="simulated", trading_day=date(2026, 11, 20), placed_by="asha",
            )  # fmt: skip
            (order,) = await store.insert(session, [new])
            count = int(rng.integers(1, 4))
            fills = [
                NewFill(
                    Fill(
                        order_id=order.id,
                        number=fill + 1,
                        quantity=int(rng.integers(1, 30)),
                        price=Pips(int(rng.integers(1, 10**7))),
                        moment=MarketMoment(int(rng.integers(0, 1_000)), int(rng.integers(0, 3))),
                    ),
                    {"brokerage": Paise(int(rng.integers(0, 5_000)))},
                )
                for fill in range(count)
            ]
            filled = sum(each.fill.quantity for each in fills)
            progress = replace(
                order.progress, state=OrderState.CANCELLED, filled_quantity=filled, revision=2
            )
            await store.save(session, [OrderStep(replace(order, progress=progress), fills)])


@pytest.mark.usefixtures("traded")
@pytest.mark.parametrize("now", [None, MarketMoment(200, 1), MarketMoment(700, 0)])
async def test_day_is_added_up_as_its_trades_are(database, account_ids, now):
    async with database.read() as session:
        trades = await TradeStore().load(session, TradeFilter(account_ids[0], now))
        found = await TradeStore().sum_day(session, account_ids[0], day_ns=DAY_NS, now=now)

    assert trades
    wanted = defaultdict(lambda: [0, 0, 0, 0])
    for each in trades:
        sums, units = wanted[each.instrument_id], each.side.sign * each.quantity
        if each.moment.as_of_ns < DAY_NS:
            sums[0] += units
        else:
            sums[1] += units
            sums[2] += units * each.price
            sums[3] += each.charges
    assert {each.instrument_id: each for each in found} == {
        key: DaySum(InstrumentId(key), *sums) for key, sums in wanted.items()
    }


@pytest.mark.usefixtures("traded")
async def test_trades_come_in_the_order_of_the_market_and_none_of_its_future(database, account_ids):
    now = MarketMoment(700, 1)
    async with database.read() as session:
        both = [await TradeStore().load(session, TradeFilter(each)) for each in account_ids]
        reached = await TradeStore().load(session, TradeFilter(account_ids[0], now))
        page, total = await TradeStore().list_page(
            session, TradeFilter(account_ids[0], now), limit=5, offset=3
        )

    keys = [
        [(t.moment.as_of_ns, t.moment.seq, t.order_id, t.number) for t in each] for each in both
    ]
    assert keys == [sorted(each) for each in keys]
    assert not set(keys[0]) & set(keys[1])
    assert reached == [each for each in both[0] if each.moment.is_reached(now)]
    assert 0 < len(reached) < len(both[0])
    assert (page, total) == (reached[::-1][3:8], len(reached))
