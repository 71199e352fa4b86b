"""Comparing arrays of bars, in which NaN equals NaN."""

from __future__ import annotations

import numpy as np


def assert_same_bars(actual: np.ndarray, expected: np.ndarray) -> None:
    """Raise unless both hold the same bars, field by field and bit by bit of each value."""
    assert actual.dtype == expected.dtype
    assert len(actual) == len(expected)
    for name in expected.dtype.names:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)
