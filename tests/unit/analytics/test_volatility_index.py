from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.options.volatility_index import compute_index, compute_variance
from tests.oracles import volatility_index as oracle

NAN = math.nan

prices = st.one_of(
    st.just(NAN), st.just(0.0), *[st.integers(1, 4_000).map(lambda ticks: ticks / 20)] * 4
)
chains = st.lists(
    st.tuples(st.integers(200, 240).map(lambda step: 100.0 * step), prices, prices),
    max_size=25,
    unique_by=lambda row: row[0],
).map(sorted)


def price_strip(forward: float, vol: float, tau: float, rate: float, strikes: np.ndarray):
    discount = math.exp(-rate * tau)
    return (compute_prices(forward, strikes, vol, tau, discount, flag) for flag in (True, False))


@given(chains, st.floats(19_500.0, 24_500.0), st.floats(0.002, 1.0), st.floats(-0.02, 0.1))
def test_variance_is_that_of_the_oracle(rows, forward, tau, rate):
    strikes, calls, puts = (np.array([row[i] for row in rows], float) for i in range(3))
    found = compute_variance(strikes, calls, puts, forward=forward, tau=tau, rate=rate)
    wanted = oracle.compute_variance(rows, forward, tau, rate)
    assert found == pytest.approx(wanted, rel=1e-10, abs=1e-12, nan_ok=True)


@given(
    st.floats(24_000.0, 26_000.0), st.floats(0.08, 0.5), st.floats(0.02, 0.3), st.floats(0.0, 0.1)
)
def test_variance_of_one_volatility_for_all_strikes_is_its_square(forward, vol, tau, rate):
    reach = 8.0 * vol * math.sqrt(tau)
    step = forward * vol * math.sqrt(tau) / 40
    strikes = np.arange(forward * math.exp(-reach), forward * math.exp(reach), step)
    calls, puts = price_strip(forward, vol, tau, rate, strikes)
    found = compute_variance(strikes, calls, puts, forward=forward, tau=tau, rate=rate)
    assert math.sqrt(found) == pytest.approx(vol, rel=1e-3)


def test_strip_ends_before_two_strikes_without_a_price():
    strikes = np.arange(22_000.0, 28_050.0, 50.0)
    calls, puts = price_strip(25_000.0, 0.15, 0.08, 0.0, strikes)

    def measure(gap: slice) -> float:
        some = calls.copy()
        some[gap] = NAN
        return compute_variance(strikes, some, puts, forward=25_000.0, tau=0.08, rate=0.0)

    whole = measure(slice(0, 0))
    at = int(np.searchsorted(strikes, 25_500.0))
    # One that is missing is bridged; two end it, and what is further out is not counted.
    assert measure(slice(at, at + 1)) == pytest.approx(whole, rel=2e-3)
    assert measure(slice(at, at + 2)) == pytest.approx(measure(slice(at, None)))
    assert measure(slice(at, at + 2)) < 0.95 * whole


@pytest.mark.parametrize(
    ("forward", "tau"), [(NAN, 0.1), (0.0, 0.1), (100.0, 0.0), (100.0, NAN), (50.0, 0.1)]
)
def test_without_forward_time_or_strikes_there_is_no_variance(forward, tau):
    strikes = [90.0, 100.0, 110.0]
    assert math.isnan(
        compute_variance(
            strikes, [11.0, 3.0, 1.0], [1.0, 3.0, 11.0], forward=forward, tau=tau, rate=0
        )
    )


@given(st.floats(0.05, 0.8), st.floats(0.005, 0.08), st.floats(0.083, 0.4))
def test_index_of_equal_volatilities_is_that_volatility(vol, near, far):
    assert compute_index((vol**2, vol**2), (near, far)) == pytest.approx(100 * vol)


def test_index_interpolates_total_variance():
    # 23 and 37 days, 0.04 and 0.05: the example's own arithmetic.
    near, far = 23 / 365, 37 / 365
    total = 0.5 * (0.04 * near + 0.05 * far)
    wanted = 100 * math.sqrt(total / (30 / 365))
    assert compute_index((0.04, 0.05), (near, far)) == pytest.approx(wanted)
    assert compute_index((0.04, 0.05), (30 / 365, far)) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("variances", "taus"),
    [((NAN, 0.04), (0.05, 0.1)), ((0.04, 0.04), (0.1, 0.1)), ((0.04, -0.9), (0.05, 0.1))],
)
def test_index_of_what_says_nothing_is_unknown(variances, taus):
    assert math.isnan(compute_index(variances, taus))
