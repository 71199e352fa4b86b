from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.least_squares import minimise

WIDE = np.full(2, 10.0)


def measure_valley(points):
    """Return the residuals of Rosenbrock's curved valley, whose floor is at (1, 1)."""
    x, y = points[:, 0], points[:, 1]
    return np.stack([10.0 * (y - x * x), 1.0 - x], axis=1)


@pytest.mark.parametrize("start", [(-1.2, 1.0), (5.0, -5.0), (0.0, 0.0), (1.0, 1.0)])
def test_floor_of_a_curved_valley_is_found(start):
    found = minimise(measure_valley, np.array(start), -WIDE, WIDE)
    np.testing.assert_allclose(found, 1.0, rtol=1e-9)


@given(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0), st.floats(-12.0, 12.0), st.floats(-12.0, 12.0))
def test_minimum_outside_of_the_box_is_taken_to_its_side(x, y, far_x, far_y):
    far = np.array([far_x, far_y])
    asked = []

    def miss(points):
        asked.append(points)
        return points - far

    found = minimise(miss, np.array([x, y]), -WIDE, WIDE)

    np.testing.assert_allclose(found, np.clip(far, -10.0, 10.0), atol=1e-6)
    # And nothing is asked for outside of the box, where a model need not be defined.
    assert np.abs(np.vstack(asked)).max() <= 10.0


def test_parameter_that_nothing_hangs_on_stays():
    found = minimise(lambda points: points[:, :1] - 3.0, np.array([0.0, 0.7]), -WIDE, WIDE)
    assert found.tolist() == [pytest.approx(3.0), 0.7]


def test_best_of_what_has_no_exact_answer_is_the_mean():
    sample = np.array([1.0, 2.0, 6.0])
    one = np.ones(1)
    found = minimise(lambda points: points - sample, 0.0 * one, -10.0 * one, 10.0 * one)
    assert found[0] == pytest.approx(3.0)


def test_start_outside_of_the_box_is_brought_in_and_is_never_made_worse():
    box = np.array([0.5, 0.5])
    found = minimise(measure_valley, np.array([9.0, 9.0]), -box, box, tries_max=3)
    assert (np.abs(found) <= 0.5).all()
    start = (measure_valley(box[None]) ** 2).sum()
    assert (measure_valley(found[None]) ** 2).sum() <= start
    assert math.isfinite(found.sum())
