from __future__ import annotations

import csv
import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.options.rows import OptionRows, Values
from strikewire.analytics.options.valuation import compute_cross_greeks, compute_values
from tests.oracles import greeks as oracle

FIRST = ("deltas", "gammas", "thetas", "vegas", "rhos")
CROSS = ("vannas", "volgas", "charms")

#: Forty digits less those that differentiating twice takes.
NOISE = 1e-20

moneyness = st.floats(-1.0, 1.0)
vols = st.floats(0.03, 2.0)
taus = st.floats(1e-3, 5.0)
rates = st.floats(-0.05, 0.2)


def value_on_forward(strike, vol, tau, rate=0.0, *, forward=100.0, is_call=True) -> Values:
    rows = OptionRows.on_forwards(
        forwards=forward, strikes=strike, taus=tau, rates=rate, is_call=is_call
    )
    return compute_values(vol, rows)


def make_spot_row(strike, tau, rate, dividend_yield, *, spot=100.0, is_call=True) -> OptionRows:
    return OptionRows.on_spots(
        spots=spot, strikes=strike, taus=tau, rates=rate, yields=dividend_yield, is_call=is_call
    )


def assert_equals_the_oracle(rows: OptionRows, vol: float) -> None:
    dividend_yield = None if rows.yields is None else float(rows.yields[0])
    underlying, strike, tau, rate = (
        float(column[0]) for column in (rows.underlyings, rows.strikes, rows.taus, rows.rates)
    )
    option = (underlying, strike, vol, tau, rate, dividend_yield, bool(rows.is_call[0]))
    wanted = oracle.compute_greeks(option)
    values = compute_values(vol, rows)
    cross = compute_cross_greeks(vol, rows, values.greeks)
    # Each is a sum of parts that may cancel; the parts' size is what rounding is measured by.
    total_vol = vol * math.sqrt(tau)
    parts = {
        "deltas": 1.0,
        "gammas": 0.0,
        "thetas": (underlying + strike) * (abs(rate) + abs(dividend_yield or 0.0)) / 365,
        "vegas": 0.0,
        "rhos": (underlying + strike) * tau / 100,
        "vannas": 0.01 / vol,
        "volgas": 0.01 * abs(wanted["vegas"]) / vol,
        "charms": (abs(rate) + abs(dividend_yield or 0.0) + 1 / tau) / total_vol / 365,
    }
    for name in FIRST:
        found = float(getattr(values.greeks, name)[0])
        error = 4e-15 * math.exp(5 * abs(rate)) * parts[name]
        assert found == pytest.approx(wanted[name], rel=2e-12, abs=error + NOISE), name
    for name in CROSS:
        found = float(getattr(cross, name)[0])
        error = 1e-13 * parts[name]
        assert found == pytest.approx(wanted[name], rel=1e-11, abs=error + NOISE), name


@given(moneyness, vols, taus, rates, st.booleans())
@settings(max_examples=12)
def test_greeks_on_a_forward_are_the_derivatives(x, vol, tau, rate, is_call):
    rows = OptionRows.on_forwards(
        forwards=100.0, strikes=100.0 * math.exp(x), taus=tau, rates=rate, is_call=is_call
    )
    assert_equals_the_oracle(rows, vol)


@given(moneyness, vols, taus, rates, st.floats(0.0, 0.1), st.booleans())
@settings(max_examples=12)
def test_greeks_on_a_spot_are_the_derivatives(x, vol, tau, rate, dividend_yield, is_call):
    strike = 100.0 * math.exp(x)
    assert_equals_the_oracle(make_spot_row(strike, tau, rate, dividend_yield, is_call=is_call), vol)


@given(moneyness, vols, taus, rates)
def test_greeks_of_call_and_put_are_a_forward_apart(x, vol, tau, rate):
    strike = 100.0 * math.exp(x)
    call = value_on_forward(strike, vol, tau, rate)
    put = value_on_forward(strike, vol, tau, rate, is_call=False)
    discount = math.exp(-rate * tau)
    assert call.prices[0] - put.prices[0] == pytest.approx(
        discount * (100.0 - strike), abs=1e-15 * discount * (100.0 + strike)
    )
    assert call.greeks.deltas[0] - put.greeks.deltas[0] == pytest.approx(discount, rel=1e-14)
    np.testing.assert_array_equal(call.greeks.gammas, put.greeks.gammas)
    np.testing.assert_array_equal(call.greeks.vegas, put.greeks.vegas)


@given(moneyness, vols, taus, rates, st.booleans())
def test_delta_is_a_discounted_chance_and_gamma_and_vega_are_not_negative(
    x, vol, tau, rate, is_call
):
    greeks = value_on_forward(100.0 * math.exp(x), vol, tau, rate, is_call=is_call).greeks
    delta = greeks.deltas[0] if is_call else -greeks.deltas[0]
    assert 0.0 <= delta <= math.exp(-rate * tau) * (1 + 1e-15)
    assert greeks.gammas[0] >= 0.0
    assert greeks.vegas[0] >= 0.0


@given(moneyness, vols, taus, rates, st.floats(0.0, 0.1))
def test_option_on_a_spot_costs_what_it_costs_on_its_forward(x, vol, tau, rate, dividend_yield):
    strike = 100.0 * math.exp(x)
    values = compute_values(vol, make_spot_row(strike, tau, rate, dividend_yield))
    forward = 100.0 * math.exp((rate - dividend_yield) * tau)
    wanted = compute_prices(forward, strike, vol, tau, math.exp(-rate * tau), is_call=True)
    assert values.prices[0] == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_wide_and_far_rows_are_valued_as_well(rng):
    # Beyond what the vectorised steps hold for: one by one, and the same.
    count = 200
    strikes = 100.0 * np.exp(rng.uniform(-12, 12, count))
    spread = rng.uniform(0.01, 8.0, count)
    flags = rng.random(count) < 0.5
    values = value_on_forward(strikes, spread, 1.0, is_call=flags)
    prices = compute_prices(100.0, strikes, spread, 1.0, 1.0, flags)
    np.testing.assert_array_equal(values.prices, prices)
    for i in range(0, count, 8):
        option = (100.0, float(strikes[i]), float(spread[i]), 1.0, 0.0, None, bool(flags[i]))
        wanted = oracle.compute_greeks(option)
        assert values.greeks.deltas[i] == pytest.approx(wanted["deltas"], rel=1e-10, abs=1e-14)
        assert values.greeks.vegas[i] == pytest.approx(wanted["vegas"], rel=1e-10, abs=NOISE)


@pytest.mark.parametrize(
    ("vol", "tau"), [(0.0, 0.5), (0.2, 0.0), (math.nan, 0.5), (0.2, math.nan), (-0.1, 0.5)]
)
def test_without_time_or_volatility_there_are_no_greeks(vol, tau):
    values = value_on_forward([90.0, 110.0], vol, tau)
    if vol == 0 or tau == 0:
        assert values.prices.tolist() == [10.0, 0.0]
    else:
        assert np.isnan(values.prices).all()
    for name in FIRST:
        assert np.isnan(getattr(values.greeks, name)).all()


def test_european_table_of_haug(shared_data):
    path = shared_data("reference/haug_european_quantlib.csv")
    checked = 0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            spot, strike, q, r, t, vol = (
                float(row[name]) for name in ("spot", "strike", "q", "r", "t", "vol")
            )
            rows = make_spot_row(strike, t, r, q, spot=spot, is_call=row["type"] == "Call")
            found = find_quantity(row["quantity"], compute_values(vol, rows), rows)
            # Half a unit of the last digit printed.
            printed = 0.5 * 10.0 ** Decimal(row["expected"]).as_tuple().exponent
            error = max(float(row["tol"]), printed)
            assert found == pytest.approx(float(row["expected"]), abs=error), row
            checked += 1
    assert checked == 54


def find_quantity(name: str, values: Values, rows: OptionRows) -> float:
    """Return a quantity in the table's unit: per 1.00 of volatility and rate, and per year."""
    price, delta = float(values.prices[0]), float(values.greeks.deltas[0])
    spot, tau = float(rows.underlyings[0]), float(rows.taus[0])
    quantities = {
        "value": price,
        "delta": delta,
        "gamma": float(values.greeks.gammas[0]),
        "vega": float(values.greeks.vegas[0]) * 100,
        "theta": float(values.greeks.thetas[0]) * 365,
        "theta per day": float(values.greeks.thetas[0]),
        "rho": float(values.greeks.rhos[0]) * 100,
        # These two follow: what a per cent of the spot does, and what the yield takes off it.
        "elasticity": delta * spot / price,
        "dividendRho": -tau * spot * delta,
    }
    return quantities[name]


def test_greek_grid_of_vollib(shared_data):
    # Read as text, because each number is printed with as many digits as its author trusted.
    text = shared_data("reference/py_vollib_bs_greeks_test_data.json").read_text()
    table = json.loads(text, parse_float=Decimal)
    assert len(table["data"]) == 101
    columns = {"D": "deltas", "G": "gammas", "T": "thetas", "V": "vegas", "R": "rhos"}
    units = {"thetas": 365.0, "vegas": 100.0, "rhos": 100.0}
    for values in table["data"]:
        row = dict(zip(table["columns"], values, strict=True))
        spot, strike, rate, tau, vol = (float(row[name]) for name in ("S", "K", "R", "t", "v"))
        for side, is_call in (("C", True), ("P", False)):
            rows = make_spot_row(strike, tau, rate, 0.0, spot=spot, is_call=is_call)
            greeks = compute_values(vol, rows).greeks
            for letter, name in columns.items():
                wanted = Decimal(row[side + letter])
                found = float(getattr(greeks, name)[0]) * units.get(name, 1.0)
                last_digit = 10.0 ** wanted.as_tuple().exponent
                assert found == pytest.approx(float(wanted), abs=last_digit, rel=1e-9), (row, name)
