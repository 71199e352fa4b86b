"""Black's formula as the paper has it, with fifty digits.

Imports nothing of strikewire. Numbers go in as they are: a binary float is exact in decimals.
"""

from __future__ import annotations

import mpmath

DIGITS = 50


def compute_price(
    forward: float, strike: float, vol: float, tau: float, discount: float, *, is_call: bool
) -> float:
    """Price one option with `F N(d1) - K N(d2)`; the intrinsic value where nothing can move."""
    with mpmath.workdps(DIGITS):
        f, k, v, t, d = (mpmath.mpf(each) for each in (forward, strike, vol, tau, discount))
        if v == 0 or t == 0:
            return float(d * max(f - k if is_call else k - f, mpmath.mpf(0)))
        deviation = v * mpmath.sqrt(t)
        d1 = (mpmath.log(f / k) + v**2 * t / 2) / deviation
        d2 = d1 - deviation
        if is_call:
            return float(d * (f * mpmath.ncdf(d1) - k * mpmath.ncdf(d2)))
        return float(d * (k * mpmath.ncdf(-d2) - f * mpmath.ncdf(-d1)))
