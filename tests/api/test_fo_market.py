"""An underlying as it is now: its surface, its futures, a book, and all of it at a glance."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

from strikewire.core.instants import parse_rfc3339

NIFTY = {"underlying": "NIFTY"}
FO = "/api/v1/fo"
INDEX = "NSE:NIFTY 50"


async def get(market, path, **params):
    answer = await market.client.get(f"{FO}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_smile_says_what_fits_it(market):
    told = await get(market, "smile", **NIFTY)

    assert (told["reason"], set(told["svi"])) == (None, {"a", "b", "rho", "m", "sigma"})
    for row in told["items"]:
        if row["otm_iv"] is None:
            assert row["residual"] is None
            continue
        assert row["fit_iv"] - row["otm_iv"] == pytest.approx(row["residual"], abs=1e-12)
        svi, k = told["svi"], row["log_moneyness"]
        root = math.hypot(k - svi["m"], svi["sigma"])
        variance = svi["a"] + svi["b"] * (svi["rho"] * (k - svi["m"]) + root)
        assert row["fit_iv"] == pytest.approx(math.sqrt(variance / told["tau_years"]), rel=1e-9)


async def test_surface_has_a_slice_of_every_expiry(market):
    told = await get(market, "surface", **NIFTY)
    terms = (await get(market, "term-structure", **NIFTY))["items"]

    assert [each["expiry"] for each in told["items"]] == [each["expiry"] for each in terms]
    assert [each["atm_iv"] for each in told["items"]] == [each["atm_iv"] for each in terms]
    fitted = [each for each in told["items"] if each["svi"]]
    assert fitted
    middle = told["log_moneyness"].index(0.0)
    for each in fitted:
        assert len(each["ivs"]) == len(told["log_moneyness"])
        assert each["ivs"][middle] == pytest.approx(each["atm_iv"], abs=0.01)
        # Nobody quotes strikes as far out as the grid goes.
        assert each["ivs"][0] is None
    for each in told["items"]:
        assert (each["svi"] is None) == (each["reason"] is not None)


async def test_surface_is_a_long_table_too(market):
    told = await get(market, "surface", **NIFTY)
    answer = await market.client.get(f"{FO}/surface", params=NIFTY, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert len(rows) == len(told["items"]) * len(told["log_moneyness"])
    wanted = [iv for each in told["items"] for iv in each["ivs"]]
    assert [float(row["iv"]) if row["iv"] else None for row in rows] == wanted


async def test_futures_stand_in_order_and_add_up(market):
    told = await get(market, "futures", **NIFTY)
    expiries = await get(market, "expiries", **NIFTY)

    wanted = [each["future_symbol"] for each in expiries["items"] if each["future_symbol"]]
    assert [each["symbol"] for each in told["items"]] == wanted
    assert told["spot_symbol"] == INDEX
    items = told["items"]
    assert sum(each["oi_share"] for each in items) == pytest.approx(1.0)
    assert told["rollover"] == pytest.approx(1.0 - items[0]["oi_share"])
    for each in items:
        assert each["basis"] == pytest.approx(each["price"] - told["spot"])
        carry = math.log(each["price"] / told["spot"]) / each["tau_years"]
        assert each["carry"] == pytest.approx(carry)
    assert items[0]["spread"] is None
    assert items[1]["spread"] == pytest.approx(items[1]["price"] - items[0]["price"])


async def test_book_is_the_engines(market):
    symbol = (await get(market, "chain", strikes=0, **NIFTY))["calls"]["symbol"][0]
    told = await get(market, "depth", symbol=symbol, lots=2)

    instrument = await market.runtime.instruments.get(symbol)
    book = market.runtime.view.find_book(instrument.id)
    levels = told["items"]
    for side in ("bid", "ask"):
        held = [each for each in levels if each["side"] == side]
        np.testing.assert_array_equal([each["price"] for each in held], book[f"{side}_price"][0])
        assert [each["quantity"] for each in held] == book[f"{side}_quantity"][0].tolist()
        assert [each["level"] for each in held] == [1, 2, 3, 4, 5]
    assert told["quantity"] == 2 * told["lot_size"]
    assert told["buy_vwap"] >= levels[5]["price"] >= told["middle"] >= told["sell_vwap"]
    assert parse_rfc3339(told["as_of"]) <= market.runtime.view.as_of_ns


async def test_monitor_is_the_chains_and_futures_at_once(market):
    told = await get(market, "monitor", expiry_limit=3, otm_levels=1, **NIFTY)
    expiries = await get(market, "expiries", **NIFTY)
    futures = await get(market, "futures", **NIFTY)

    days = [each["expiry"] for each in expiries["items"]][:3]
    chains = [await get(market, "chain", expiry=day, strikes=1, **NIFTY) for day in days]
    assert told["chains"] == chains
    assert (told["spot"], told["spot_symbol"]) == (chains[0]["spot"], INDEX)
    for name, column in told["futures"].items():
        assert column == [each[name] for each in futures["items"]]


async def test_monitor_as_a_table_is_every_chain(market):
    told = await get(market, "monitor", otm_levels=1, **NIFTY)
    answer = await market.client.get(
        f"{FO}/monitor", params=NIFTY | {"otm_levels": 1}, headers={"Accept": "text/csv"}
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    wanted = [(chain["expiry"], strike) for chain in told["chains"] for strike in chain["strikes"]]
    assert [(row["expiry"], float(row["strike"])) for row in rows] == wanted


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("futures", {"underlying": "NOPE"}, 404, "unknown_underlying"),
        ("futures", NIFTY | {"as_of": "2001-01-01"}, 404, "nothing_recorded"),
        ("futures", NIFTY | {"as_of": "2999-01-01"}, 422, "ahead_of_market"),
        ("depth", {"symbol": "NO:SUCH"}, 404, "unknown_symbol"),
        ("depth", {"symbol": INDEX}, 404, "nothing_recorded"),
        ("depth", {"symbol": INDEX, "as_of": "2001-01-01"}, 404, "nothing_recorded"),
        ("depth", {"symbol": INDEX, "lots": 0}, 422, "validation_failed"),
        ("depth", {"underlying": "NIFTY"}, 422, "validation_failed"),
        ("monitor", NIFTY | {"expiry_limit": 0}, 422, "validation_failed"),
        ("monitor", NIFTY | {"otm_levels": 101}, 422, "validation_failed"),
        ("surface", NIFTY | {"expiry": "2026-01-01"}, 422, "validation_failed"),
    ],
)
async def test_what_is_not_there_is_said(market, path, params, status, code):
    answer = await market.client.get(f"{FO}/{path}", params=params)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_cross_greeks_stand_beside_the_chain(market):
    chain = await get(market, "chain", **NIFTY)
    told = await get(market, "cross-greeks", **NIFTY)
    exchange = await get(market, "cross-greeks", convention="nse", **NIFTY)

    assert [row["strike"] for row in told["items"]] == chain["strikes"]
    for row, iv in zip(told["items"], chain["calls"]["iv"], strict=True):
        assert (row["call_vanna"] is None) == (iv is None)
    known = [row for row in told["items"] if row["call_volga"] is not None]
    assert known
    # Calls and puts of one strike and volatility move alike; the market's differ a little.
    assert any(row["put_volga"] is not None for row in known)
    assert exchange["convention"] == "nse"
    assert exchange["items"] != told["items"]


async def test_expiry_day_says_what_the_chain_would_settle_at(market):
    chain = await get(market, "chain", **NIFTY)
    told = await get(market, "expiry-day", **NIFTY)

    settlement = told["settlement"]
    # Days before it nothing is fixed, and the auction is one instant.
    assert (settlement["estimate"], settlement["fixed_part"]) == (told["spot"], 0.0)
    assert settlement["from"] == settlement["to"] < told["cutoff"]
    assert [row["strike"] for row in told["items"]] == chain["strikes"]
    pins = [row["pin_probability"] for row in told["items"]]
    assert 0 < sum(pins) <= 1
    middle = min(told["items"], key=lambda row: abs(row["strike"] - told["spot"]))
    # Between two strikes the drift and the smile decide which of the two it is.
    likeliest = told["items"][pins.index(max(pins))]
    step = chain["strikes"][1] - chain["strikes"][0]
    assert abs(likeliest["strike"] - told["spot"]) <= step
    call = chain["calls"]["premium"][chain["strikes"].index(middle["strike"])]
    assert 0 < middle["call_time_value"] <= call
