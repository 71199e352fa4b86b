from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.term_structure import compute_term_structure, interpolate_vol

NAN = math.nan
expiries = st.lists(
    st.tuples(st.integers(1, 200), st.one_of(st.just(NAN), st.floats(0.03, 1.0))), max_size=8
)


@given(expiries)
def test_forward_variances_add_up_to_the_last_expirys(rows):
    taus = np.cumsum([row[0] for row in rows]) / 365.0 if rows else np.empty(0)
    vols = np.array([row[1] for row in rows], float)
    found = compute_term_structure(vols, taus)

    total, since = 0.0, 0.0
    highest = 0.0
    for i, (vol, tau) in enumerate(zip(vols.tolist(), taus.tolist(), strict=True)):
        if math.isnan(vol):
            assert math.isnan(found.forward_vols[i])
            assert not found.is_arbitrage[i]
            continue
        variance = vol * vol * tau
        assert found.is_arbitrage[i] == (variance < highest)
        if variance >= total:
            step = found.forward_vols[i] ** 2 * (tau - since)
            assert total + step == pytest.approx(variance, rel=1e-9)
        else:
            assert math.isnan(found.forward_vols[i])
        total, since, highest = variance, tau, max(highest, variance)


def test_one_volatility_for_all_expiries_is_the_one_between_them():
    found = compute_term_structure(np.full(3, 0.2), np.array([0.1, 0.2, 0.5]))
    np.testing.assert_allclose(found.forward_vols, 0.2)
    assert not found.is_arbitrage.any()


def test_expiry_that_is_over_says_nothing():
    found = compute_term_structure(np.array([0.3, 0.2]), np.array([0.0, 0.1]))
    np.testing.assert_allclose(found.forward_vols, [NAN, 0.2])


def test_volatility_of_a_month_is_between_those_of_the_expiries_around_it():
    vols, taus = np.array([0.4, NAN, 0.2, 0.3, 0.25]), np.array([0.0, 0.05, 0.06, 0.1, 0.3])
    # Half the way from 0.06 to 0.1 years, in total variance.
    wanted = math.sqrt((0.2**2 * 0.06 + 0.3**2 * 0.1) / 2 / 0.08)
    assert interpolate_vol(vols, taus, 0.08) == pytest.approx(wanted)
    for horizon, vol in ((0.06, 0.2), (0.1, 0.3), (0.3, 0.25), (0.01, 0.2), (1.0, 0.25)):
        assert interpolate_vol(vols, taus, horizon) == pytest.approx(vol)
    assert math.isnan(interpolate_vol(vols[:2], taus[:2], 0.08))
    with pytest.raises(ValueError, match="after now"):
        interpolate_vol(vols, taus, 0.0)


def test_columns_that_do_not_fit_are_refused():
    two = np.array([0.1, 0.2])
    with pytest.raises(ValueError, match="one length"):
        compute_term_structure(two, two[:1])
    with pytest.raises(ValueError, match="ascend"):
        compute_term_structure(two, two[::-1])
