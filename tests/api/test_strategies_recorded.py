"""A straddle of a recorded morning against what its file says."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pyarrow.parquet as pq
import pytest

from strikewire.analytics.strategies.templates import TEMPLATES, LegKind
from strikewire.bootstrap import ReplayRequest
from strikewire.core.instants import MINUTE_NS, format_rfc3339
from tests.api.conftest import OPEN_NS, make_database, make_settings, serve
from tests.api.test_replay import reach
from tests.api.test_strategies import STRATEGIES, post, take
from tests.oracles.strategies import Leg, compute_pnl, compute_price

#: 09:20 in Bombay: the newest minute that is over is that of 09:19.
AS_OF = format_rfc3339(OPEN_NS + 5 * MINUTE_NS)
#: 2023-01-05T15:30 in Bombay.
CUTOFF = datetime(2023, 1, 5, 10, 0, tzinfo=UTC)
TAU = (CUTOFF - datetime(2022, 12, 30, 3, 50, tzinfo=UTC)).total_seconds() / (365 * 86_400)
LOT = 25
CHAIN = {"underlying": "BANKNIFTY", "expiry": "2023-01-05", "as_of": AS_OF}


@pytest.fixture(scope="module")
def closes(shared_data):
    """Give the last close before 09:20 of every symbol in the file."""
    path = shared_data("banknifty_1min_20221230/bnf_20221230.parquet")
    table = pq.read_table(path, columns=["symbol", "time", "close"]).to_pydict()
    rows = sorted(zip(table["time"], table["symbol"], table["close"], strict=True))
    return {symbol: Decimal(close) for time, symbol, close in rows if time < "09:20:00"}


@pytest.fixture(scope="module")
async def morning(postgres_url, data_dirs, shared_data):
    """Play the day's first minutes, and let it stand there."""
    path = shared_data("banknifty_1min_20221230/bnf_20221230.parquet")
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs())
        async with serve(settings, replay=ReplayRequest(path=path, speed=600.0)) as service:
            await reach(service, 7)
            yield service


async def build(service, name, **wish):
    return await post(service, f"templates/{name}", CHAIN | wish)


async def analyse(service, legs, **wish):
    return await post(service, "analysis", {"legs": legs, "as_of": AS_OF} | wish)


async def get_chain(service, **params):
    known = {name: each for name, each in (CHAIN | params).items() if each is not None}
    return (await service.client.get("/api/v1/fo/chain", params=known)).json()


def to_decimal(price):
    """Return a price as the decimal that was meant."""
    return Decimal(repr(price))


def solve_vol(leg: Leg, price: float) -> float:
    """Bisect for the volatility at which an option costs so much."""
    low, high = 0.01, 2.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        if compute_price(leg, leg.forward, middle, leg.tau) < price:
            low = middle
        else:
            high = middle
    return low


async def test_short_straddle_is_what_the_file_says(morning, closes):
    built = await build(morning, "short-straddle")
    legs = [{"symbol": each["symbol"], "quantity": each["quantity"]} for each in built["legs"]]
    told = await analyse(morning, legs, grid={})
    found = told["strategy"]

    assert told["as_of"] == AS_OF
    spot = float(closes["BANKNIFTY"])
    assert told["level"] == spot
    # The money by parity, of the file: where call and put are nearest to each other.
    gaps = {
        strike: abs(closes[f"BANKNIFTY05JAN23{strike}CE"] - closes[f"BANKNIFTY05JAN23{strike}PE"])
        for strike in range(42_000, 44_000, 100)
    }
    strike = min(gaps, key=lambda each: gaps[each])
    call, put = (closes[f"BANKNIFTY05JAN23{strike}{side}"] for side in ("CE", "PE"))
    assert {(each["strike"], each["quantity"]) for each in built["legs"]} == {(strike, -LOT)}
    assert {each["kind"]: to_decimal(each["entry_price"]) for each in built["legs"]} == {
        "call": call, "put": put,
    }  # fmt: skip
    credit = call + put
    assert Decimal(found["net_premium"]) == -LOT * credit
    assert Decimal(found["max_profit"]) == LOT * credit
    assert (found["max_profit_level"], found["max_loss"]) == (strike, None)
    assert found["max_loss_reason"] == "unbounded"
    ends = [float(strike - credit), float(strike + credit)]
    assert found["break_evens"] == pytest.approx(ends, rel=1e-12)
    assert found["tau_years"] == pytest.approx(TAU, rel=1e-12)
    assert found["horizon"] == "2023-01-05T10:00:00Z"

    # Volatilities and what hangs on them: on the forward the chain tells, by bisection.
    chain = await get_chain(morning)
    forward, rate = chain["forward"]["value"], chain["rate"]
    parity = strike + float(call - put) * math.exp(rate * TAU)
    assert forward == pytest.approx(parity, rel=2e-4)
    rows = []
    for side, price in (("call", call), ("put", put)):
        leg = Leg(-LOT, float(price), side, strike, math.nan, forward, TAU, rate)
        rows.append(leg._replace(vol=solve_vol(leg, float(price))))
    told_vols = {each["kind"]: each["iv"] for each in found["legs"]}
    assert [told_vols[row.side] for row in rows] == pytest.approx(
        [row.vol for row in rows], rel=1e-9
    )
    deviation = chain["figures"]["atm_iv"] * math.sqrt(TAU)
    below = [
        0.5 * math.erfc(-(math.log(end / forward) / deviation + deviation / 2) / math.sqrt(2))
        for end in ends
    ]
    assert found["probability_of_profit"] == pytest.approx(below[1] - below[0], abs=1e-9)
    assert chain["figures"]["atm_iv"] == pytest.approx((rows[0].vol + rows[1].vol) / 2, rel=0.01)

    grid = found["grid"]
    assert grid["pnls"][20][10][0] == 0.0
    for s in range(0, 41, 8):
        for v in range(0, 21, 5):
            for t in (0, 4, 10):
                wanted = compute_pnl(
                    rows, spot, grid["levels"][s], grid["vol_shifts"][v],
                    min(grid["days"][t] / 365, TAU),
                )  # fmt: skip
                assert grid["pnls"][s][v][t] == pytest.approx(wanted, abs=0.02)


async def test_every_template_of_one_expiry_is_built(morning):
    # As it is now, from memory: sixty questions to the store would take their time.
    chain = await get_chain(morning, as_of=None)
    money = chain["strikes"].index(chain["figures"]["atm_strike"])
    names = [name for name, each in TEMPLATES.items() if each.expiry_count == 1]

    for name in names:
        built = await build(morning, name, lots=2, distance=1, width=2, as_of=None)
        for leg, told in zip(TEMPLATES[name].legs, built["legs"], strict=True):
            assert told["quantity"] == 2 * LOT * leg.ratio
            assert told["lots"] * told["lot_size"] == told["quantity"]
            if leg.kind is LegKind.UNDERLYING:
                assert told["strike"] is None
                continue
            # One strike out, and two more for each rung farther.
            steps = 0 if leg.rung == 0 else (2 * abs(leg.rung) - 1) * (1 if leg.rung > 0 else -1)
            place, side = money + steps, chain[f"{leg.kind}s"]
            assert told["symbol"] == side["symbol"][place], name
            assert told["entry_price"] == pytest.approx(side["premium"][place], abs=5e-5)


async def test_template_by_delta_takes_the_strike_with_the_nearest(morning):
    chain = await get_chain(morning)
    told = await build(morning, "short-strangle", delta=0.3)

    by_symbol = {each["symbol"]: each for each in told["legs"]}
    money = chain["strikes"].index(chain["figures"]["atm_strike"])
    for side, rows in (("calls", slice(money + 1, None)), ("puts", slice(0, money))):
        deltas = np.abs(chain[side]["delta"][rows])
        nearest = chain[side]["symbol"][rows][int(np.argmin(np.abs(deltas - 0.3)))]
        assert by_symbol[nearest]["quantity"] == -LOT
    received = sum(to_decimal(each["entry_price"]) * each["quantity"] for each in told["legs"])
    assert abs(Decimal(told["net_premium"]) - received) <= Decimal("0.005")


async def test_iron_condor_is_analysed(morning):
    condor = await build(morning, "iron-condor", width=2)
    told = await analyse(morning, take(condor["legs"]), grid={})
    found = told["strategy"]

    strikes = sorted(each["strike"] for each in condor["legs"])
    lot = condor["legs"][0]["lot_size"]
    credit = -Decimal(condor["net_premium"])
    # What everybody knows of one: it keeps the credit, and loses a wing less that.
    assert found["net_premium"] == condor["net_premium"]
    assert (found["is_exact"], found["pnl"]) == (True, "0.00")
    assert Decimal(found["max_profit"]) == credit
    width = Decimal(strikes[1] - strikes[0]) * lot
    assert abs(Decimal(found["max_loss"]) - (credit - width)) <= Decimal("0.01")
    each_way = float(credit) / lot
    assert found["break_evens"] == pytest.approx([strikes[1] - each_way, strikes[2] + each_way])
    assert found["gains"] == [
        {"low": pytest.approx(found["break_evens"][0]), "high": found["break_evens"][1]}
    ]
    assert 0.0 < found["probability_of_profit"] < 1.0
    now, end = found["curve"]
    assert (now["at"], end["at"]) == (told["as_of"], found["horizon"])
    for strike in strikes:
        assert strike in told["levels"]
    at = dict(zip(told["levels"], end["pnls"], strict=True))
    assert at[strikes[1]] == pytest.approx(float(credit), abs=0.01)
    # Where nothing has moved, nothing is made; and at the horizon the grid is the payoff.
    grid = found["grid"]
    assert [len(grid[name]) for name in ("levels", "vol_shifts", "days")] == [41, 21, 11]
    assert grid["levels"][20] == told["level"]
    assert grid["vol_shifts"][10] == 0.0
    assert grid["pnls"][20][10][0] == pytest.approx(0.0, abs=0.05)
    drawn = [row[0][-1] for row in grid["pnls"]]
    outer = [pnl for pnl, level in zip(drawn, grid["levels"], strict=True) if level < strikes[0]]
    assert outer == pytest.approx([float(found["max_loss"])] * len(outer), abs=0.02)


async def test_given_entries_make_a_profit_or_a_loss(morning):
    spread = await build(morning, "bull-call-spread")
    legs = take(spread["legs"])
    quantity = legs[0]["quantity"]
    legs[0]["entry_price"] -= 1.25
    found = (await analyse(morning, legs))["strategy"]

    assert Decimal(found["pnl"]) == Decimal("1.25") * quantity
    assert (
        Decimal(found["net_premium"]) - Decimal(spread["net_premium"])
        == -Decimal("1.25") * quantity
    )
    del legs[0]["entry_price"]
    assert (await analyse(morning, legs))["strategy"]["pnl"] == "0.00"


async def test_two_are_compared_in_one_call(morning):
    first = take((await build(morning, "short-straddle"))["legs"])
    second = take((await build(morning, "iron-butterfly"))["legs"])
    told = await analyse(morning, first, against=second)
    alone = await analyse(
        morning, second, curve={"low": told["levels"][0], "high": told["levels"][-1]}
    )

    assert told["against"]["max_loss"] == alone["strategy"]["max_loss"]
    assert told["against"]["greeks"] == alone["strategy"]["greeks"]
    for each in (told["strategy"], told["against"]):
        assert all(len(line["pnls"]) == len(told["levels"]) for line in each["curve"])
    gap = told["difference"]
    assert gap["max_loss"] is None
    for name in ("net_premium", "pnl", "max_profit"):
        pair = Decimal(told["against"][name]), Decimal(told["strategy"][name])
        assert Decimal(gap[name]) == pair[0] - pair[1]
    for name, value in gap["greeks"].items():
        wanted = told["against"]["greeks"][name] - told["strategy"]["greeks"][name]
        assert value == pytest.approx(wanted)


async def test_covered_call_takes_what_there_is_of_the_underlying(morning, closes):
    built = await build(morning, "covered-call")
    legs = [{"symbol": each["symbol"], "quantity": each["quantity"]} for each in built["legs"]]
    found = (await analyse(morning, legs))["strategy"]

    # The day's only future has no expiry of its own here, so it is the spot.
    assert built["legs"][0]["symbol"] == "NSE:NIFTY BANK"
    assert to_decimal(built["legs"][0]["entry_price"]) == closes["BANKNIFTY"]
    strike, credit = built["legs"][1]["strike"], to_decimal(built["legs"][1]["entry_price"])
    best = LOT * (Decimal(strike) - closes["BANKNIFTY"] + credit)
    assert Decimal(found["max_profit"]) == best
    assert found["break_evens"] == pytest.approx([float(closes["BANKNIFTY"] - credit)])


async def test_continuous_future_is_a_leg_that_never_ends(morning, closes):
    put = (await build(morning, "long-put"))["legs"]
    held = {"symbol": "NFO:BANKNIFTY-I", "quantity": LOT}
    told = await analyse(morning, [held, *take(put)])
    alone = await analyse(morning, [held])

    future = closes["BANKNIFTY-I"]
    leg = told["strategy"]["legs"][0]
    assert (leg["expiry"], leg["mark"]) == (None, pytest.approx(float(future)))
    # Insured by the put: below its strike what the one loses the other gains, but for the ratio of
    # the future to the index, which stays.
    ratio = float(future) / told["level"]
    strike, paid = put[0]["strike"], put[0]["entry_price"]
    least = LOT * (ratio * strike - float(future) - paid)
    at = dict(zip(told["levels"], told["strategy"]["curve"][-1]["pnls"], strict=True))
    assert at[strike] == pytest.approx(least, abs=0.02)
    assert told["strategy"]["max_profit_reason"] == "unbounded"
    assert (alone["strategy"]["horizon"], alone["strategy"]["probability_reason"]) == (
        None, "no_expiry",
    )  # fmt: skip
    assert [line["at"] for line in alone["strategy"]["curve"]] == [AS_OF]


async def test_option_that_did_not_trade_has_no_price(morning):
    chain = await get_chain(morning)
    calls = zip(chain["calls"]["symbol"], chain["calls"]["premium"], strict=True)
    symbol = next(each for each, premium in calls if each is not None and premium is None)
    reason = chain["calls"]["reason"][chain["calls"]["symbol"].index(symbol)]
    leg = {"symbol": symbol, "quantity": LOT}
    body = {"legs": [leg], "as_of": AS_OF}
    refused = await morning.client.post(f"{STRATEGIES}/analysis", json=body)
    told = await analyse(morning, [leg | {"entry_price": 3.5}])

    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (404, "no_price")
    assert error["details"] == {"symbol": leg["symbol"], "reason": reason}
    assert leg["symbol"] in error["message"]
    (found,) = told["strategy"]["legs"]
    assert (found["mark"], found["reason"]) == (None, reason)
    assert found["iv_source"] in {"twin", "smile"}
    assert told["strategy"]["pnl"] is None


async def test_costs_are_by_the_rules_of_the_recorded_day(morning):
    legs = (await build(morning, "short-straddle", lots=4))["legs"]
    told = await analyse(morning, take(legs))
    found = told["strategy"]

    turnovers = [to_decimal(leg["entry_price"]) * 4 * LOT for leg in legs]
    # Of 2022: STT 0.05 % of the premium sold, NSE 0.053 %, its fund nothing yet.
    for item, pct in (("transaction_tax", "0.05"), ("exchange", "0.053"), ("stamp_duty", "0")):
        paid = sum(
            (each * Decimal(pct) / 100).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
            for each in turnovers
        )
        assert Decimal(found["charges"][item]) == paid
    assert (found["charges"]["investor_protection"], found["charges"]["brokerage"]) == (
        "0.00", "40.00",
    )  # fmt: skip
    # A move of 9.3 % takes one leg; exposure is 2 % of both.
    notional = told["level"] * 4 * LOT
    assert float(found["margin"]["exposure"]) == pytest.approx(2 * 0.02 * notional, abs=0.01)
    assert float(found["margin"]["expiry_day"]) == 0.0
    assert 0.07 < float(found["margin"]["initial"]) / notional < 0.13
