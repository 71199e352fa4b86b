"""Templates and analysis on an invented market, as it is now."""

from __future__ import annotations

from datetime import date

import pytest

from strikewire.analytics.strategies.ladder import Spacing
from strikewire.analytics.strategies.templates import TEMPLATES
from strikewire.core.instants import format_rfc3339, parse_rfc3339
from strikewire.live.strategy_templates import TemplateWish

STRATEGIES = "/api/v1/strategies"
#: The invented chain has few strikes, and its market does not stay in the middle of them.
NEAR = {"underlying": "NIFTY", "distance": 1, "width": 1}


async def post(market, path, body):
    answer = await market.client.post(f"{STRATEGIES}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def build(market, name, **wish):
    return await post(market, f"templates/{name}", NEAR | wish)


def take(legs):
    """Return the legs of a template as an analysis takes them."""
    return [{name: each[name] for name in ("symbol", "quantity", "entry_price")} for each in legs]


async def analyse(market, legs, **wish):
    return await post(market, "analysis", {"legs": legs} | wish)


async def get_chain(market, **params):
    answer = await market.client.get("/api/v1/fo/chain", params={"underlying": "NIFTY"} | params)
    return answer.json()


async def list_expiries(market):
    answer = await market.client.get("/api/v1/fo/expiries", params={"underlying": "NIFTY"})
    items = answer.json()["items"]
    return [date.fromisoformat(each["expiry"]) for each in items if each["options"]]


async def test_templates_are_listed(market):
    first = (await market.client.get(f"{STRATEGIES}/templates?limit=40")).json()
    rest = (await market.client.get(f"{STRATEGIES}/templates?offset=40")).json()
    bearish = (await market.client.get(f"{STRATEGIES}/templates?outlook=bearish")).json()

    assert [each["name"] for each in first["items"] + rest["items"]] == list(TEMPLATES)
    assert first["total"] == rest["total"] == len(TEMPLATES)
    assert {each["outlook"] for each in bearish["items"]} == {"bearish"}
    assert bearish["total"] == len(bearish["items"]) > 5


async def test_templates_of_two_expiries_are_built_of_live_chains(market):
    key, listed = await market.runtime.contracts.find("NIFTY")
    expiries = (await list_expiries(market))[:2]
    keys = [market.runtime.contracts.get_chain(key, listed, each) for each in expiries]
    chains = [await get_chain(market, expiry=each.isoformat()) for each in expiries]
    strikes = chains[0]["strikes"]
    money = strikes.index(chains[0]["figures"]["atm_strike"])

    for name, template in TEMPLATES.items():
        wish = TemplateWish(tuple(keys), 2, Spacing(None, 1, 1))
        places = [money + leg.rung for leg in template.legs]
        if template.expiry_count == 1 or not 0 <= min(places) <= max(places) < len(strikes):
            continue
        found = await market.runtime.strategies.templates.build(template, wish)
        for leg, place, priced in zip(template.legs, places, found.legs, strict=True):
            side = chains[leg.is_far][f"{leg.kind}s"]
            there = chains[leg.is_far]["strikes"].index(strikes[place])
            assert priced.instrument.symbol == side["symbol"][there], name
            assert priced.quantity == 2 * chains[0]["lot_size"] * leg.ratio
            assert float(priced.entry) == pytest.approx(side["premium"][there], abs=5e-5)


async def test_greeks_are_those_of_the_chain(market):
    chain = await get_chain(market)
    straddle = await build(market, "short-straddle", lots=3)
    found = (await analyse(market, take(straddle["legs"])))["strategy"]

    place = chain["strikes"].index(chain["figures"]["atm_strike"])
    units = -3 * chain["lot_size"]
    for name in ("delta", "gamma", "theta", "vega", "rho"):
        both = [chain[side][name][place] for side in ("calls", "puts")]
        assert found["greeks"][name] == pytest.approx(units * sum(both), rel=1e-9, abs=1e-9)
        legs = {each["kind"]: each[name] for each in found["legs"]}
        assert [legs["call"], legs["put"]] == pytest.approx(both, rel=1e-9, abs=1e-12)
    assert {each["iv_source"] for each in found["legs"]} == {"own"}
    assert (found["max_loss"], found["max_loss_reason"]) == (None, "unbounded")


async def test_calendar_has_legs_on_two_forwards_and_dates_between(market):
    calendar = await build(market, "call-calendar")
    near, far = (each["expiry"] for each in calendar["legs"])
    whole = await analyse(market, take(calendar["legs"]))
    middle = (parse_rfc3339(whole["as_of"]) + parse_rfc3339(whole["strategy"]["horizon"])) // 2
    told = await analyse(
        market, take(calendar["legs"]), curve={"dates": [format_rfc3339(middle)], "points": 11}
    )
    found = told["strategy"]

    assert [near, far] == [each.isoformat() for each in (await list_expiries(market))[:2]]
    assert not found["is_exact"]
    assert [each["at"] for each in found["curve"]] == [
        told["as_of"], format_rfc3339(middle), found["horizon"],
    ]  # fmt: skip
    low, high = found["break_evens"]
    assert low < calendar["legs"][0]["strike"] < high
    assert float(found["max_loss"]) == pytest.approx(-float(found["net_premium"]), rel=0.02)


async def get_futures(market):
    answer = await market.client.get("/api/v1/fo/futures", params={"underlying": "NIFTY"})
    return {each["symbol"]: each for each in answer.json()["items"] if each["expiry"]}


async def test_conversion_holds_a_future_and_its_outcome_is_known(market):
    futures = await get_futures(market)
    last = max(await list_expiries(market))
    told = await build(market, "conversion", expiry=last.isoformat())
    found = (await analyse(market, take(told["legs"])))["strategy"]
    held, put, call = told["legs"]

    assert (held["kind"], held["iv"], held["lots"]) == ("future", None, 1)
    assert held["entry_price"] == futures[held["symbol"]]["price"]
    assert {put["strike"], call["strike"]} == {put["strike"]}
    if held["expiry"] == put["expiry"]:
        # Bought by the future, sold by the synthetic: the same wherever the market ends.
        sold = put["strike"] + call["entry_price"] - put["entry_price"]
        wanted = held["lot_size"] * (sold - held["entry_price"])
        for name in ("max_profit", "max_loss"):
            assert float(found[name]) == pytest.approx(wanted, abs=0.01)
    assert abs(found["greeks"]["gamma"]) < 1e-3


async def test_future_alone_is_a_straight_line_without_a_probability(market):
    symbol, future = next(iter((await get_futures(market)).items()))
    legs = [{"symbol": symbol, "quantity": -future["lot_size"], "entry_price": 25_000.0}]
    found = (await analyse(market, legs))["strategy"]

    assert found["break_evens"] == pytest.approx([25_000.0])
    assert (found["is_exact"], found["max_loss_reason"]) == (True, "unbounded")
    assert float(found["max_profit"]) == 25_000.0 * future["lot_size"]
    assert found["probability_of_profit"] is None
    assert found["probability_reason"] == "no_volatility"
    assert found["greeks"]["delta"] == -future["lot_size"]
    assert found["horizon"] == future["cutoff"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"quantity": 1}, 422, "validation_failed"),
        ({"quantity": 0}, 422, "validation_failed"),
        ({"symbol": "NFO:NOPE"}, 404, "unknown_symbol"),
        ({"symbol": "NSE:NIFTY 50", "quantity": 1}, 422, "validation_failed"),
        ({"entry_price": "much"}, 422, "validation_failed"),
        ({"entry_price": -0.05}, 422, "validation_failed"),
        ({"colour": "red"}, 422, "validation_failed"),
    ],
    ids=str,
)
async def test_leg_that_cannot_be_is_refused(market, change, status, code):
    (leg,) = take((await build(market, "long-call"))["legs"])
    answer = await market.client.post(f"{STRATEGIES}/analysis", json={"legs": [leg | change]})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"as_of": "2999-01-01"}, 422, "ahead_of_market"),
        ({"as_of": "2001-01-01"}, 404, "nothing_recorded"),
        ({"curve": {"dates": ["2999-01-01"]}}, 422, "validation_failed"),
        ({"curve": {"low": 100, "high": 100}}, 422, "validation_failed"),
        ({"grid": {"days": [4000]}}, 422, "validation_failed"),
        ({"grid": {"moves_pct": [0] * 200, "vol_shifts": [0] * 100}}, 422, "validation_failed"),
        ({"legs": []}, 422, "validation_failed"),
        ({"against": []}, 422, "validation_failed"),
        ({"legs": [{"symbol": "NFO:NIFTY", "quantity": 65}] * 21}, 422, "validation_failed"),
        ({"curve": {"points": 2_000}}, 422, "validation_failed"),
    ],
    ids=lambda each: str(each)[:40],
)
async def test_analysis_that_cannot_be_is_refused(market, wish, status, code):
    legs = take((await build(market, "long-call"))["legs"])
    answer = await market.client.post(f"{STRATEGIES}/analysis", json={"legs": legs} | wish)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("name", "wish", "status", "code"),
    [
        ("no-such", {}, 404, "not_found"),
        ("long-call", {"underlying": "NOPE"}, 404, "unknown_underlying"),
        ("long-call", {"expiry": "2026-01-01"}, 404, "unknown_expiry"),
        ("long-call", {"as_of": "2999-01-01"}, 422, "ahead_of_market"),
        ("long-call", {"far_expiry": "2026-01-01"}, 422, "validation_failed"),
        ("iron-condor", {"width": 30}, 422, "validation_failed"),
        ("iron-condor", {"delta": 0.2}, 422, "validation_failed"),
        ("iron-condor", {"lots": 0}, 422, "validation_failed"),
    ],
    ids=str,
)
async def test_template_that_cannot_be_is_refused(market, name, wish, status, code):
    answer = await market.client.post(f"{STRATEGIES}/templates/{name}", json=NEAR | wish)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_far_expiry_lies_behind_the_near_one(market):
    near, far = (each.isoformat() for each in (await list_expiries(market))[:2])
    answer = await market.client.post(
        f"{STRATEGIES}/templates/call-calendar", json=NEAR | {"expiry": far, "far_expiry": near}
    )

    assert answer.status_code == 422
    assert f"after {far}" in answer.json()["error"]["message"]
