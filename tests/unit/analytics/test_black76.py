from __future__ import annotations

import csv
import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.black76 import compute_prices
from tests.oracles import black76 as oracle

prices = st.floats(1.0, 200_000.0)
moneyness = st.floats(-1.5, 1.5)
vols = st.floats(0.001, 3.0)
taus = st.floats(1e-7, 10.0)
discounts = st.floats(0.3, 1.2)


def price(forward, strike, vol, tau, discount=1.0, *, is_call=True) -> float:
    return float(compute_prices(forward, strike, vol, tau, discount, is_call))


@given(prices, moneyness, vols, taus, discounts, st.booleans())
def test_price_equals_the_oracle(forward, x, vol, tau, discount, is_call):
    strike = forward * math.exp(x)
    found = price(forward, strike, vol, tau, discount, is_call=is_call)
    wanted = oracle.compute_price(forward, strike, vol, tau, discount, is_call=is_call)
    assert abs(found - wanted) <= 1e-15 * discount * (forward + strike)


@given(prices, moneyness, vols, taus, discounts)
def test_call_less_put_is_the_discounted_difference(forward, x, vol, tau, discount):
    strike = forward * math.exp(x)
    call = price(forward, strike, vol, tau, discount)
    put = price(forward, strike, vol, tau, discount, is_call=False)
    assert call - put == pytest.approx(
        discount * (forward - strike), abs=4e-16 * discount * (forward + strike)
    )


@given(prices, moneyness, vols, taus, discounts, st.booleans())
def test_price_is_between_intrinsic_value_and_what_is_delivered(
    forward, x, vol, tau, discount, is_call
):
    strike = forward * math.exp(x)
    found = price(forward, strike, vol, tau, discount, is_call=is_call)
    intrinsic = max(forward - strike if is_call else strike - forward, 0.0)
    assert discount * intrinsic <= found
    assert found <= discount * (forward if is_call else strike) * (1 + 1e-15)


@given(prices, moneyness, st.floats(0.0, 0.5), vols, taus, st.booleans())
def test_price_is_monotone_and_convex_in_the_strike(forward, x, step, vol, tau, is_call):
    low = forward * math.exp(x)
    strikes = np.array([low, low * (1 + step / 2), low * (1 + step)])
    found = compute_prices(forward, strikes, vol, tau, 1.0, is_call)
    error = 2e-15 * (forward + strikes[-1])
    rise = np.diff(found) * (-1 if is_call else 1)
    assert (rise >= -error).all()
    assert (rise <= np.diff(strikes) + error).all()
    assert found[0] - 2 * found[1] + found[2] >= -2 * error


@given(prices, moneyness, vols, st.floats(0.0, 1.0), taus, st.booleans())
def test_price_grows_with_volatility_and_with_time(forward, x, vol, more, tau, is_call):
    strike = forward * math.exp(x)
    error = 2e-15 * (forward + strike)
    base = price(forward, strike, vol, tau, is_call=is_call)
    assert price(forward, strike, vol + more, tau, is_call=is_call) >= base - error
    assert price(forward, strike, vol, tau * (1 + more), is_call=is_call) >= base - error


@given(prices, moneyness, vols, taus, st.integers(-20, 20), st.booleans())
def test_price_scales_with_forward_and_strike(forward, x, vol, tau, power, is_call):
    # By a power of two, which no rounding touches: then it is equal to the last bit.
    strike, scale = forward * math.exp(x), 2.0**power
    scaled = price(scale * forward, scale * strike, vol, tau, is_call=is_call)
    assert scaled == scale * price(forward, strike, vol, tau, is_call=is_call)


@pytest.mark.parametrize(("vol", "tau"), [(0.2, 0.0), (0.0, 0.5), (0.0, 0.0), (1e-200, 1e-300)])
def test_price_without_time_or_volatility_is_the_intrinsic_value(vol, tau):
    forwards = np.array([90.0, 100.0, 110.0])
    assert compute_prices(forwards, 100.0, vol, tau, 0.5, is_call=True).tolist() == [0, 0, 5]
    assert compute_prices(forwards, 100.0, vol, tau, 0.5, is_call=False).tolist() == [5, 0, 0]


def test_price_far_from_the_money_goes_to_its_limits():
    assert price(100.0, 1e6, 0.2, 0.1) == 0.0
    assert price(1e6, 100.0, 0.2, 0.1, 0.9) == 0.9 * (1e6 - 100.0)
    assert price(100.0, 80.0, math.inf, 0.1, 0.9) == pytest.approx(90.0, rel=1e-15)
    assert price(100.0, 80.0, math.inf, 0.1, 0.9, is_call=False) == pytest.approx(72.0, rel=1e-15)


BAD = {
    0: (math.nan, 0.0, -1.0, math.inf),
    1: (math.nan, 0.0, -1.0, math.inf),
    2: (math.nan, -0.1),
    3: (math.nan, -0.1, math.inf),
    4: (math.nan, 0.0, -1.0, math.inf),
}


@pytest.mark.parametrize(("place", "value"), [(p, v) for p, group in BAD.items() for v in group])
def test_bad_row_is_nan_and_leaves_the_others_alone(place, value):
    columns = [np.full(3, good) for good in (100.0, 105.0, 0.2, 0.25, 0.99)]
    whole = compute_prices(*columns, is_call=[True, True, False])
    columns[place][1] = value
    found = compute_prices(*columns, is_call=[True, True, False])
    assert np.isnan(found[1])
    assert found[[0, 2]].tolist() == whole[[0, 2]].tolist()


def test_shapes_are_broadcast():
    found = compute_prices(100.0, [[90.0], [100.0], [110.0]], 0.2, [0.1, 0.2], 1.0, is_call=True)
    assert found.shape == (3, 2)
    assert found[2, 1] == price(100.0, 110.0, 0.2, 0.2)
    assert compute_prices(np.empty(0), 1.0, 1.0, 1.0, 1.0, is_call=True).shape == (0,)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        compute_prices([1.0, 2.0], [1.0, 2.0, 3.0], 0.2, 0.1, 1.0, is_call=True)


def test_example_of_haug():
    # Haug, "The Complete Guide to Option Pricing Formulas", 2nd edition, 1.1.3: F = K = 19,
    # nine months, r = 10 %, 28 %: call and put 1.7011.
    discount = math.exp(-0.10 * 0.75)
    for is_call in (True, False):
        assert round(price(19.0, 19.0, 0.28, 0.75, discount, is_call=is_call), 4) == 1.7011


def test_black_scholes_table_of_haug(shared_data):
    path = shared_data("reference/haug_european_quantlib.csv")
    checked = 0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["quantity"] != "value":
                continue
            spot, strike, q, r, t, vol = (
                float(row[k]) for k in ("spot", "strike", "q", "r", "t", "vol")
            )
            found = price(
                spot * math.exp((r - q) * t),
                strike,
                vol,
                t,
                math.exp(-r * t),
                is_call=row["type"] == "Call",
            )
            assert found == pytest.approx(float(row["expected"]), abs=float(row["tol"]))
            checked += 1
    assert checked == 43


def test_black_scholes_prices_of_vollib(shared_data):
    # Read as text, because each number is printed with as many digits as its author trusted.
    text = shared_data("reference/py_vollib_bs_greeks_test_data.json").read_text()
    table = json.loads(text, parse_float=Decimal)
    assert len(table["data"]) == 101
    for values in table["data"]:
        row = dict(zip(table["columns"], values, strict=True))
        spot, strike, rate, tau, vol = (float(row[name]) for name in ("S", "K", "R", "t", "v"))
        discount = math.exp(-rate * tau)
        for name, is_call in (("bs_call", True), ("bs_put", False)):
            found = price(spot / discount, strike, vol, tau, discount, is_call=is_call)
            last_digit = 10.0 ** row[name].as_tuple().exponent
            assert found == pytest.approx(float(row[name]), rel=1e-15, abs=last_digit)
