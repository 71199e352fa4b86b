"""What orders would cost, asked of the running server on an invented market."""

from decimal import Decimal

import pytest

from strikewire.auth.scopes import Scope
from strikewire.core.charges import ChargeItem
from tests.api.test_strategies import analyse, build, take
from tests.clients import open_client

CHARGES, MARGINS = "/api/v1/orders/charges", "/api/v1/orders/margins"
ITEMS = [item.value for item in ChargeItem]
PARTS = ("initial", "exposure", "premium", "cash")


def to_orders(legs):
    return [
        {
            "symbol": leg["symbol"],
            "side": "buy" if leg["quantity"] > 0 else "sell",
            "quantity": abs(leg["quantity"]),
        }
        for leg in legs
    ]


async def ask(service, path, orders):
    answer = await service.client.post(path, json={"orders": orders})
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(money):
    return {name: Decimal(value) for name, value in money.items()}


async def test_condor_is_charged_leg_by_leg(market):
    condor = await build(market, "iron-condor", lots=4)
    orders = to_orders(condor["legs"])
    orders[0] |= {"price": "12.35"}
    told = await ask(market, CHARGES, orders)

    assert [each["symbol"] for each in told["orders"]] == [each["symbol"] for each in orders]
    first = told["orders"][0]
    assert (first["price"], first["product"]) == ("12.35", "nrml")
    assert Decimal(first["turnover"]) == Decimal("12.35") * first["quantity"]
    sums = dict.fromkeys([*ITEMS, "total"], Decimal(0))
    for order in told["orders"]:
        charges = read(order["charges"])
        assert charges["total"] == sum(charges[item] for item in ITEMS)
        assert charges["brokerage"] == 20
        # Who sells pays STT, who buys stamp duty.
        is_sold = order["side"] == "sell"
        assert (charges["transaction_tax"] > 0, charges["stamp_duty"] == 0) == (is_sold, is_sold)
        sums = {name: sums[name] + charges[name] for name in sums}
    assert read(told["charges"]) == sums


async def test_condor_needs_less_than_its_legs(market):
    condor = await build(market, "iron-condor", lots=4)
    orders = to_orders(condor["legs"])
    told = await ask(market, MARGINS, orders)

    initial, final = read(told["initial"]), read(told["final"])
    legs = [read(order["margin"]) for order in told["orders"]]
    for each in (initial, final, *legs):
        assert each["total"] == pytest.approx(
            sum(each[name] for name in PARTS), abs=Decimal("0.03")
        )
    assert initial["total"] == pytest.approx(sum(leg["total"] for leg in legs), abs=Decimal("0.05"))
    assert Decimal(told["hedge_benefit"]) == initial["total"] - final["total"] > 0
    assert final["total"] < initial["total"] / 2
    assert final["exposure"] == pytest.approx(initial["exposure"], abs=Decimal("0.02"))
    # No condor can lose more than its wings are apart; what was received is kept besides.
    width = max(leg["strike"] for leg in condor["legs"]) - min(
        leg["strike"] for leg in condor["legs"]
    )
    assert final["initial"] <= Decimal(str(width * orders[0]["quantity"]))
    for order, leg in zip(told["orders"], legs, strict=True):
        if order["side"] == "buy":
            assert leg["total"] == leg["premium"] > 0
        else:
            assert leg["total"] > leg["exposure"] > 0 > leg["premium"]


@pytest.mark.parametrize("path", [CHARGES, MARGINS])
async def test_orders_that_make_no_sense_are_refused(market, path):
    async def refuse(orders):
        answer = await market.client.post(path, json={"orders": orders})
        return answer.status_code, answer.json()["error"]["code"]

    straddle = to_orders((await build(market, "long-straddle"))["legs"])
    assert await refuse([]) == (422, "validation_failed")
    assert await refuse(straddle * 26) == (422, "validation_failed")
    assert await refuse([straddle[0] | {"quantity": 0}]) == (422, "validation_failed")
    assert await refuse([straddle[0] | {"price": "1e3"}]) == (422, "validation_failed")
    assert await refuse([straddle[0] | {"lots": 1}]) == (422, "validation_failed")
    assert await refuse([straddle[0] | {"symbol": "NSE:NIFTY 50"}]) == (422, "validation_failed")
    assert await refuse([straddle[0] | {"symbol": "NFO:NOBODY"}]) == (404, "unknown_symbol")


@pytest.mark.parametrize("path", [CHARGES, MARGINS])
async def test_costs_are_told_to_whoever_may_see_orders(market, path):
    orders = to_orders((await build(market, "long-straddle"))["legs"])

    async def ask_as(scopes):
        body = {"name": f"costs {path} {scopes}", "scopes": scopes}
        key = (await market.client.post("/api/v1/keys", json=body)).json()["key"]
        async with open_client(market.url, headers={"X-API-Key": key}) as client:
            return (await client.post(path, json={"orders": orders})).status_code

    assert await ask_as([Scope.BARS_READ]) == 403
    assert await ask_as([Scope.ORDERS_READ]) == 200


async def test_charges_follow_a_rule_at_once(market):
    orders = to_orders((await build(market, "long-straddle"))["legs"])[:1]
    rule = "/api/v1/market-rules/NFO/charges/2021-02-01"
    body = {"value": {"option": {"brokerage": {"flat": 7.5}}}, "source": "a plan of our own"}
    try:
        assert (await market.client.put(rule, json=body)).status_code == 201
        told = await ask(market, CHARGES, orders)
    finally:
        await market.client.delete(rule)

    assert told["charges"]["brokerage"] == "7.50"
    assert (await ask(market, CHARGES, orders))["charges"]["brokerage"] == "20.00"


async def test_analysis_tells_what_the_orders_would_cost(market):
    condor = await build(market, "iron-condor", lots=4)
    legs = take(condor["legs"])
    told = (await analyse(market, legs))["strategy"]

    orders = [
        order | {"price": f"{leg['entry_price']:.4f}"}
        for order, leg in zip(to_orders(legs), legs, strict=True)
    ]
    margins = read((await ask(market, MARGINS, orders))["final"])
    charges = (await ask(market, CHARGES, orders))["charges"]
    assert (told["margin_reason"], told["charges_reason"]) == (None, None)
    assert told["charges"] == charges
    # What the options cost is told beside it, as the net premium.
    margin = read(told["margin"])
    assert margin.pop("total") == pytest.approx(
        margins["initial"] + margins["exposure"], abs=Decimal("0.02")
    )
    assert margin == {name: margins[name] for name in margin}


async def test_analysis_says_why_it_knows_no_charges(market):
    condor = await build(market, "covered-call")
    spot = {"symbol": "NSE:NIFTY 50", "quantity": condor["legs"][0]["lot_size"]}
    call = next(leg for leg in take(condor["legs"]) if leg["quantity"] < 0)
    told = (await analyse(market, [spot, call]))["strategy"]

    # Nobody can buy an index: it hedges nothing, and is charged nothing.
    assert (told["charges"], told["charges_reason"]) == (None, "not_tradable")
    alone = (await analyse(market, [call]))["strategy"]
    assert told["margin"] == alone["margin"]
    assert read(told["margin"])["exposure"] > 0
