"""What an account holds and has made, over HTTP: positions, holdings, trades and funds."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date

import pytest

from strikewire.auth.scopes import Role
from strikewire.core.instants import MINUTE_NS, format_rfc3339
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
from tests.api.conftest import OPEN_NS, make_bars, make_database, serve, store_session
from tests.api.people import add_user, browse, make_people_settings

#: Of the future in its last minute; the bar behind it is the one at the close.
CLOSE = float(make_bars(2)["close"][-2])
FUTURE, PUT, SHARE = "NFO:BANKNIFTY-I", "NFO:BANKNIFTY2310536500PE", "NSE:RELIANCE"


@pytest.fixture(scope="module")
async def service(postgres_url):
    """Serve a database with instruments, a session of bars, and a trader."""
    async with (
        make_database(postgres_url) as url,
        serve(make_people_settings(url)) as service,
    ):
        await store_session(service.runtime)
        await add_user(service, "asha", Role.TRADER)
        yield service


@pytest.fixture(scope="module")
async def asha(service):
    async with browse(service, "asha") as client:
        yield client


@pytest.fixture
async def account(asha, request):
    answer = await asha.post("/api/v1/accounts", json={"name": request.node.name})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


@pytest.fixture
def trade(service, account):
    """Return a function that has an order filled, as the order desk does."""

    async def trade(symbol, side, quantity, price, *, product=Product.NRML, charges=0):
        instrument = await service.runtime.instruments.get(symbol)
        terms = OrderTerms(
            instrument.id, side, OrderType.MARKET, product, Validity.DAY, quantity,
            protection_bps=300,
        )  # fmt: skip
        async with service.runtime.database.write() as session:
            new = NewOrder(
                account_id=account, terms=terms, tag=f"a{account}n{next(numbers)}", mode="replay",
                trading_day=date(2022, 12, 30), placed_by="asha",
            )  # fmt: skip
            (order,) = await OrderStore().insert(session, [new])
            moment = MarketMoment(OPEN_NS + order.id * MINUTE_NS)
            progress = replace(
                order.progress,
                state=OrderState.COMPLETE,
                filled_quantity=quantity,
                accepted=moment,
                revision=2,
            )
            fill = NewFill(
                Fill(order.id, 1, quantity, to_pips(price), moment),
                {"brokerage": Paise(charges)},
            )
            await OrderStore().save(session, [OrderStep(replace(order, progress=progress), [fill])])
        return order.id, format_rfc3339(moment.as_of_ns)

    numbers = itertools.count()
    return trade


@pytest.fixture
def ask(asha, account):
    async def ask(name, **query):
        answer = await asha.get(f"/api/v1/accounts/{account}/{name}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


async def test_new_account_has_its_opening_and_nothing_else(ask):
    positions = await ask("positions")

    assert positions["items"] == []
    assert positions["total"] == {
        "realised": "0.00", "unrealised": "0.00", "charges": "0.00", "net": "0.00",
    }  # fmt: skip
    funds = await ask("funds")
    assert (funds["opening"], funds["balance"], funds["available"]) == ("1000000.00",) * 3
    assert (await ask("trades"))["items"] == (await ask("holdings"))["items"] == []


async def test_positions_and_funds_are_what_the_trades_come_to(ask, trade):
    close = to_pips(CLOSE)
    await trade(FUTURE, Side.SELL, 50, 43_010.05, charges=2_017)
    await trade(FUTURE, Side.BUY, 25, 43_000.0, charges=2_001)
    await trade(PUT, Side.BUY, 25, 182.05, charges=2_100)
    await trade(SHARE, Side.BUY, 10, 2_500.0, product=Product.CNC)

    positions = await ask("positions")
    future, put = positions["items"]
    assert (future["symbol"], future["quantity"], future["product"]) == (FUTURE, -25, "nrml")
    assert (future["average_price"], future["realised"]) == ("43010.0500", "251.25")
    assert future["charges"] == "40.18"
    # Nobody hears a market: it was all long ago, and so are the bars.
    assert (future["bought"], future["sold"], future["day_charges"]) == (0, 0, "0.00")
    assert future["mark"]["is_stale"] is True
    assert future["mark"]["age_s"] > 0
    gain = 25 * (430_100_500 - close)
    assert float(future["unrealised"]) == pytest.approx(gain / 10_000, abs=0.005)
    # It has ended; there are no bars of it, and none of the bank on its last day.
    assert (put["quantity"], put["unrealised"]) == (25, None)
    assert put["mark"] == {
        "price": None, "as_of": None, "age_s": None, "is_stale": False, "is_settled": True,
    }  # fmt: skip
    assert positions["total"] == {
        "realised": "251.25", "unrealised": None, "charges": "61.18", "net": None,
    }  # fmt: skip
    (held,) = (await ask("holdings"))["items"]
    assert (held["symbol"], held["quantity"], held["lots"]) == (SHARE, 10, 10.0)
    funds = await ask("funds")
    assert (funds["realised"], funds["charges"], funds["balance"]) == (
        "251.25", "61.18", "1000190.07",
    )  # fmt: skip
    # A put and ten shares.
    assert funds["paid"] == "29551.25"
    # The future's bars are known, but not the market that margin hangs on.
    assert (funds["owed"], funds["available"]) == ("0.00", None)
    assert funds["unknown"] == ["NFO:BANKNIFTY"]


async def test_open_future_that_loses_is_owed_and_one_that_gains_is_not(ask, trade):
    await trade(FUTURE, Side.BUY, 25, CLOSE + 100)

    funds = await ask("funds")
    assert (funds["owed"], funds["unrealised"]) == ("2500.00", "-2500.00")
    await trade(FUTURE, Side.SELL, 50, CLOSE + 300)
    funds = await ask("funds")
    # 5,000 is made, and what is sold would gain 7,500.
    assert (funds["realised"], funds["owed"], funds["unrealised"]) == ("5000.00", "0.00", "7500.00")
    assert funds["balance"] == "1005000.00"


async def test_trades_are_told_the_newest_first(ask, trade):
    made = [await trade(FUTURE, Side.BUY, 25, 43_000.0 + n, charges=n) for n in range(3)]

    page = await ask("trades", limit=2)
    assert (page["total"], len(page["items"])) == (3, 2)
    first = page["items"][0]
    assert [each["order_id"] for each in page["items"]] == [made[2][0], made[1][0]]
    assert first | {"recorded_at": None} == {
        "order_id": made[2][0],
        "number": 1,
        "instrument_id": first["instrument_id"],
        "symbol": FUTURE,
        "product": "nrml",
        "side": "buy",
        "quantity": 25,
        "price": "43002.00",
        "charges": "0.02",
        "at": made[2][1],
        "recorded_at": None,
    }
    assert (await ask("trades", offset=2))["items"][0]["order_id"] == made[0][0]


async def test_books_are_their_owners(service, account):
    await add_user(service, "bela", Role.TRADER)
    async with browse(service, "bela") as bela:
        for name in ("positions", "holdings", "trades", "funds"):
            answer = await bela.get(f"/api/v1/accounts/{account}/{name}")
            assert answer.status_code == 404
            assert (await service.client.get(answer.url.path)).status_code == 401
