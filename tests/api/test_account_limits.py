"""Limits of an account where a market is heard: a day that has lost enough opens nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from strikewire.core.instants import to_datetime
from strikewire.core.money import Paise, to_pips
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
from strikewire.store.desk_orders import NewFill, NewOrder, OrderStep, OrderStore

FUTURE = "NFO:NIFTY26NOVFUT"
LOT = 65


@pytest.fixture
async def last(market):
    """Give the future's last price, rupees."""
    instrument = await market.runtime.instruments.get(FUTURE)
    return (await market.runtime.quotes.find(instrument)).last


@pytest.fixture
def buy(market):
    """Return a function that has an account buy a lot now, at whatever price."""

    async def buy(account_id, price):
        future = await market.runtime.instruments.get(FUTURE)
        terms = OrderTerms(
            future.id, Side.BUY, OrderType.LIMIT, Product.NRML, Validity.DAY, LOT, to_pips(price)
        )
        moment = MarketMoment(market.runtime.view.as_of_ns)
        new = NewOrder(
            account_id=account_id, terms=terms, tag=uuid.uuid4().hex[:20], mode="simulated",
            trading_day=to_datetime(moment.as_of_ns).date(), placed_by="asha",
        )  # fmt: skip
        async with market.runtime.database.write() as session:
            (order,) = await OrderStore().insert(session, [new])
            progress = replace(
                order.progress, state=OrderState.COMPLETE, filled_quantity=LOT,
                accepted=moment, revision=2,
            )  # fmt: skip
            fill = Fill(order.id, 1, LOT, to_pips(price), moment)
            charges = {"brokerage": Paise(2_000)}
            step = OrderStep(replace(order, progress=progress), [NewFill(fill, charges)])
            await OrderStore().save(session, [step])

    return buy


async def test_day_that_has_lost_enough_opens_nothing_until_it_may_lose_more(market, last, buy):
    made = await market.client.post(
        "/api/v1/accounts",
        json={"name": uuid.uuid4().hex, "limits": {"max_loss_per_day": "6520.00"}},
    )
    account = made.json()["id"]

    async def place(side, price):
        body = {
            "account_id": account, "symbol": FUTURE, "side": side, "type": "limit",
            "quantity": LOT, "price": f"{round(price / 5) * 5:.2f}",
        }  # fmt: skip
        answer = await market.client.post("/api/v1/orders", json=body)
        error = answer.json().get("error", {"details": {}})
        return answer.status_code, error["details"].get("check"), error["details"].get("made")

    low, high = 0.9 * last, 1.1 * last
    assert (await place("buy", low))[0] == 201
    # 65 units at 100 above the market, and 20 for the broker.
    await buy(account, last + 100)
    status, check, lost = await place("buy", low)
    assert (status // 100, check, lost) == (4, "loss_per_day", "-6520.00")
    assert (await place("sell", high))[0] == 201
    changed = await market.client.patch(
        f"/api/v1/accounts/{account}", json={"limits": {"max_loss_per_day": "6520.01"}}
    )
    assert changed.status_code == 200
    assert (await place("buy", low))[0] == 201
