from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.volatility_rank import rank_among, rank_vols
from tests.oracles import volatility_rank as oracle

NAN = math.nan
histories = st.lists(
    st.one_of(st.integers(5, 60).map(lambda pct: pct / 100), st.sampled_from([NAN, math.inf])),
    max_size=30,
)


@given(histories, st.integers(1, 12), st.integers(0, 6))
def test_ranks_are_those_of_the_oracle(vols, window, least_days):
    found = rank_vols(np.array(vols, float), window=window, least_days=least_days)
    wanted = oracle.rank_vols(vols, window, least_days)
    for day, (rank, percentile, count) in enumerate(wanted):
        assert found.ranks_pct[day] == pytest.approx(rank, rel=1e-12, nan_ok=True)
        assert found.percentiles_pct[day] == pytest.approx(percentile, rel=1e-12, nan_ok=True)
        assert found.day_counts[day] == count


@given(histories, histories, st.integers(0, 6))
def test_moments_of_a_day_are_ranked_each_by_itself(before, moments, least_days):
    found = rank_among(np.array(moments, float), np.array(before, float), least_days=least_days)
    for rank, vol in zip(found, moments, strict=True):
        days = np.array([*before, vol], float)
        wanted = rank_vols(days, window=len(days), least_days=least_days).ranks_pct[-1]
        np.testing.assert_allclose(rank, wanted, rtol=1e-12)


@given(st.lists(histories, min_size=1, max_size=4), st.integers(1, 12))
def test_each_underlying_is_by_itself(columns, window):
    days = max(len(each) for each in columns)
    table = np.array([each + [NAN] * (days - len(each)) for each in columns], float).T
    together = rank_vols(table, window=window, least_days=2)
    for number in range(len(columns)):
        alone = rank_vols(table[:, number], window=window, least_days=2)
        np.testing.assert_array_equal(together.ranks_pct[:, number], alone.ranks_pct)
        np.testing.assert_array_equal(together.percentiles_pct[:, number], alone.percentiles_pct)
        np.testing.assert_array_equal(together.day_counts[:, number], alone.day_counts)


@given(histories, st.integers(1, 12))
def test_no_day_looks_ahead(vols, window):
    whole = rank_vols(np.array(vols, float), window=window, least_days=1)
    for day in range(len(vols)):
        before = rank_vols(np.array(vols[: day + 1], float), window=window, least_days=1)
        np.testing.assert_array_equal(whole.ranks_pct[: day + 1], before.ranks_pct)


def test_rank_and_percentile_of_a_year_with_one_spike():
    vols = np.r_[np.linspace(0.10, 0.15, 251), 0.40, 0.16]
    found = rank_vols(vols)
    # A fifth of the way to the spike, and above all days but that one.
    assert found.ranks_pct[-1] == pytest.approx(20.0)
    assert found.percentiles_pct[-1] == pytest.approx(100 * 251 / 252)
    assert found.day_counts[-1] == 252
    # The highest and the lowest of its window.
    assert (found.ranks_pct[-2], found.percentiles_pct[-2]) == (100.0, 100.0)


def test_too_little_is_known_for_a_rank():
    vols = np.linspace(0.1, 0.2, 40)
    vols[5:15] = NAN
    found = rank_vols(vols)
    assert np.flatnonzero(~np.isnan(found.percentiles_pct)).tolist() == list(range(30, 40))
    assert found.day_counts[29] == 19
    flat = rank_vols(np.full(40, 0.2))
    assert np.isnan(flat.ranks_pct).all()
    assert flat.percentiles_pct[-1] == 0.0


def test_shape_that_is_no_history_is_refused():
    with pytest.raises(ValueError, match=r"days \(and underlyings\)"):
        rank_vols(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="window"):
        rank_vols(np.zeros(2), window=0)
