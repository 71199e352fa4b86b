from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strikewire.analytics.options.svi import (
    compute_curves,
    compute_densities,
    compute_least_variances,
    compute_wing_slopes,
)
from tests.oracles import surface as oracle

#: The slice of Gatheral and Jacquier's example 3.1, by Vogt: it looks like any other, and is not.
VOGT = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)

slices = st.tuples(
    st.floats(0.0, 0.05), st.floats(0.01, 0.5), st.floats(-0.95, 0.95), st.floats(-0.3, 0.3),
    st.floats(0.02, 0.5),
)  # fmt: skip


@given(slices, st.floats(-1.0, 1.0))
@settings(max_examples=40)
def test_derivatives_are_those_of_the_curve(parameters, k):
    step = 1e-5
    around = compute_curves(np.array(parameters), np.array([k - step, k, k + step]))
    below, here, above = around.variances.tolist()
    assert here == pytest.approx(float(oracle.compute_variance(parameters, k)), rel=1e-12)
    assert around.slopes[1] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)
    slopes = around.slopes
    assert around.curvatures[1] == pytest.approx(
        (slopes[2] - slopes[0]) / (2 * step), rel=1e-4, abs=1e-7
    )


@given(slices, st.floats(-0.8, 0.8))
@settings(max_examples=25)
def test_density_is_that_of_the_prices(parameters, k):
    found = compute_densities(compute_curves(np.array(parameters), np.array([k])), np.array([k]))[0]
    assert found == pytest.approx(oracle.compute_density(parameters, k), rel=1e-9, abs=1e-9)


@given(slices)
def test_least_variance_is_that_of_the_curve_at_its_lowest(parameters):
    rho, m, sigma = parameters[2:]
    lowest = m - sigma * rho / np.sqrt(1 - rho * rho)
    around = compute_curves(np.array(parameters), lowest + np.linspace(-0.01, 0.01, 3)).variances
    found = float(compute_least_variances(np.array(parameters)))
    assert found == pytest.approx(around[1], rel=1e-9, abs=1e-12)
    assert found <= around.min() + 1e-12


def test_slice_of_vogt_has_a_negative_density_above_the_money():
    k = np.linspace(-1.5, 1.5, 301)
    densities = compute_densities(compute_curves(np.array(VOGT), k), k)
    assert densities.min() < -0.01
    assert 0.6 < k[densities.argmin()] < 1.1
    assert (densities[k < 0.5] > 0).all()


def test_flat_smile_has_the_lognormal_density_itself():
    k = np.linspace(-1.0, 1.0, 11)
    flat = np.array([0.04, 0.0, 0.0, 0.0, 0.1])
    np.testing.assert_allclose(compute_densities(compute_curves(flat, k), k), 1.0)


def test_several_slices_are_measured_at_once_and_an_unknown_one_says_nothing():
    table = np.array([VOGT, [np.nan] * 5, [0.04, 0.2, -0.5, 0.0, 0.1]])
    k = np.linspace(-0.5, 0.5, 7)
    curves = compute_curves(table, k)
    assert curves.variances.shape == (3, 7)
    assert np.isnan(curves.variances[1]).all()
    alone = compute_curves(table[2], k)
    np.testing.assert_array_equal(curves.slopes[2], alone.slopes)
    np.testing.assert_allclose(compute_wing_slopes(table), [0.1331 * 1.306, np.nan, 0.3])
