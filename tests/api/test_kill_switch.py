"""The kill switch where a market is heard: what stood is cancelled within a second (S25)."""

from __future__ import annotations

import itertools
import time

import pytest

from strikewire.core.instants import to_datetime
from strikewire.core.money import to_pips
from strikewire.core.orders import (
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    Validity,
)
from strikewire.store.desk_orders import NewOrder, OrderFilter, OrderStore
from tests.eventually import eventually

FUTURE = "NFO:NIFTY26NOVFUT"
COUNT = 10


@pytest.fixture
def place(market):
    """Return a function that stores orders that are placed, far below the market."""
    numbers = itertools.count()

    async def place(account_id, count):
        future = await market.runtime.instruments.get(FUTURE)
        terms = OrderTerms(
            future.id, Side.BUY, OrderType.LIMIT, Product.NRML, Validity.DAY, 65, to_pips(100.0)
        )
        now = to_datetime(market.runtime.market_clock.now_ns())
        new = [
            NewOrder(
                account_id=account_id, terms=terms, tag=f"k{next(numbers)}", mode="simulated",
                trading_day=now.date(), placed_by="asha",
            )
            for _ in range(count)
        ]  # fmt: skip
        async with market.runtime.database.write() as session:
            return await OrderStore().insert(session, new)

    return place


@pytest.mark.promise("S25")
async def test_orders_that_stand_are_cancelled_within_a_second(market, place):
    made = [
        await market.client.post("/api/v1/accounts", json={"name": name}) for name in ("a", "b")
    ]
    account, other = [answer.json()["id"] for answer in made]

    async def count_states(account_id):
        async with market.runtime.database.read() as session:
            orders, _ = await OrderStore().list_page(
                session, OrderFilter(account_id=account_id), limit=1_000
            )
        return [each.progress.state for each in orders]

    async def are_open():
        states = await count_states(account) + await count_states(other)
        return states == [OrderState.OPEN] * (COUNT + 1)

    await place(other, 1)
    await place(account, COUNT)
    await eventually(are_open, timeout_s=30.0)
    # And some that the broker has not taken yet.
    await place(account, COUNT)

    answer = await market.client.post(
        f"/api/v1/accounts/{account}/halt", json={"reason": "fat finger"}
    )
    began_s = time.monotonic()
    assert answer.json()["cancelled_orders"] == 2 * COUNT

    async def are_cancelled():
        return set(await count_states(account)) == {OrderState.CANCELLED}

    await eventually(are_cancelled, timeout_s=10.0)
    took_s = time.monotonic() - began_s

    assert took_s < 1.0
    assert await count_states(other) == [OrderState.OPEN]
