from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.options.elementary_nb import (
    ERFCX_MAX,
    ERFCX_MIN,
    EXPONENT_MAX,
    erfcx_nb,
    erfcx_over_nb,
    erfcx_under_nb,
    exp_nb,
    log_quotient_nb,
)


def find_erfcx(x: float) -> float:
    with mpmath.workdps(40):
        return float(mpmath.exp(mpmath.mpf(x) ** 2) * mpmath.erfc(x))


@given(st.floats(-EXPONENT_MAX, EXPONENT_MAX))
def test_exponential_is_that_of_mpmath(x):
    assert exp_nb(np.float64(x)) == pytest.approx(float(mpmath.exp(x)), rel=4e-16, abs=0)


@given(st.floats(1e-12, 1e12), st.floats(0.0, 60.0))
def test_logarithm_of_a_quotient_is_that_of_mpmath(smaller, x):
    larger = np.float64(smaller * np.exp(x))
    with mpmath.workdps(40):
        wanted = float(mpmath.log(mpmath.mpf(float(larger)) / mpmath.mpf(smaller)))
    found = log_quotient_nb(larger, np.float64(smaller), np.float64(smaller) / larger)
    assert found == pytest.approx(wanted, rel=5e-16, abs=0)


@given(st.floats(1.0, 1e6), st.integers(0, 1_000_000))
def test_logarithm_keeps_its_digits_near_the_money(smaller, steps):
    # The quotient itself has lost up to all of them.
    larger = smaller + steps * np.spacing(smaller)
    with mpmath.workdps(40):
        wanted = float(mpmath.log(mpmath.mpf(larger) / mpmath.mpf(smaller)))
    found = log_quotient_nb(np.float64(larger), np.float64(smaller), np.float64(smaller / larger))
    assert found == pytest.approx(wanted, rel=5e-16, abs=0)


@given(st.floats(ERFCX_MIN, ERFCX_MAX))
def test_quotient_for_kernels_is_the_scaled_error_function(x):
    found = erfcx_over_nb(np.float64(x)) / erfcx_under_nb(np.float64(x))
    assert found == pytest.approx(find_erfcx(x), rel=1.2e-15, abs=0)


@given(st.floats(-25.0, 1e8))
def test_scaled_error_function_is_that_of_mpmath(x):
    # Below zero the square is rounded before it is an exponent.
    error = 1.2e-15 + max(-x, 0.0) * abs(x) * 2.3e-16
    assert erfcx_nb(np.float64(x)) == pytest.approx(find_erfcx(x), rel=error, abs=0)
