from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.futures import BuildUp, classify_build_up, compute_future_figures
from tests.oracles import futures as oracle

NAN = math.nan
prices = st.one_of(st.just(NAN), st.just(0.0), st.floats(100.0, 60_000.0))
units = st.one_of(st.just(NAN), st.integers(0, 10**7).map(float))
ladders = st.lists(st.tuples(prices, units, st.integers(1, 400)), max_size=6)


@given(ladders, prices, st.booleans())
def test_figures_are_those_of_the_oracle(rows, spot, is_expiry_day):
    taus = np.cumsum([row[2] for row in rows]) / 365.0 if rows else np.empty(0)
    if is_expiry_day and rows:
        taus -= taus[0]
    futures, oi = (np.array([row[i] for row in rows], float) for i in range(2))
    found = compute_future_figures(futures, oi, taus, spot=spot)
    wanted = oracle.compute_figures(futures.tolist(), oi.tolist(), taus.tolist(), spot)
    for name, column in wanted.items():
        np.testing.assert_allclose(
            getattr(found, name), column, rtol=1e-12, atol=1e-12, err_msg=name
        )
    if rows and not math.isnan(found.oi_shares[0]):
        assert 0.0 <= found.rollover <= 1.0


def test_carry_brings_the_spot_to_the_future():
    taus = np.array([0.05, 0.13, 0.21])
    futures = 25_000.0 * np.exp(0.062 * taus)
    found = compute_future_figures(futures, np.array([6e6, 3e6, 1e6]), taus, spot=25_000.0)
    np.testing.assert_allclose(found.carries, 0.062, rtol=1e-12)
    np.testing.assert_allclose(found.rollover_costs[1:], 0.062, rtol=1e-12)
    np.testing.assert_allclose(np.cumsum(found.spreads[1:]), found.bases[1:] - found.bases[0])
    assert found.rollover == pytest.approx(0.4)


def test_no_futures_say_nothing():
    empty = np.empty(0)
    found = compute_future_figures(empty, empty, empty, spot=25_000.0)
    assert len(found.bases) == len(found.spreads) == 0
    assert math.isnan(found.rollover)


def test_columns_that_do_not_fit_are_refused():
    two = np.array([0.1, 0.2])
    with pytest.raises(ValueError, match="one length"):
        compute_future_figures(two, two, two[:1], spot=1.0)
    with pytest.raises(ValueError, match="ascend"):
        compute_future_figures(two, two, two[::-1], spot=1.0)


def test_build_up_is_one_of_four_or_none():
    price_changes = np.array([1.0, -1.0, 1.0, -1.0, 0.0, 1.0, NAN, 1.0])
    oi_changes = np.array([5.0, 5.0, -5.0, -5.0, 5.0, 0.0, 5.0, NAN])
    assert classify_build_up(price_changes, oi_changes).tolist() == [
        BuildUp.LONG_BUILD_UP,
        BuildUp.SHORT_BUILD_UP,
        BuildUp.SHORT_COVERING,
        BuildUp.LONG_UNWINDING,
        *[BuildUp.NONE] * 4,
    ]
