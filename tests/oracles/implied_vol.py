"""Implied volatility as its definition has it: bisection on Black's formula, with fifty digits.

Imports nothing of strikewire.
"""

from __future__ import annotations

import mpmath

DIGITS = 50
#: From (0, 64] to fifty digits.
ROUNDS = 175


def compute_share(x: float, total_vol: float) -> mpmath.mpf:
    """Return the time value over the lower of forward and strike, at x = |ln(F/K)|."""
    with mpmath.workdps(DIGITS):
        h, t = mpmath.mpf(x) / total_vol, mpmath.mpf(total_vol) / 2
        return mpmath.ncdf(t - h) - mpmath.exp(x) * mpmath.ncdf(-h - t)


def compute_rest(x: float, total_vol: float) -> mpmath.mpf:
    """Return one less the share, where that is too near one for fifty digits."""
    with mpmath.workdps(DIGITS):
        h, t = mpmath.mpf(x) / total_vol, mpmath.mpf(total_vol) / 2
        return mpmath.ncdf(h - t) + mpmath.exp(x) * mpmath.ncdf(-h - t)


def solve_total_vol(x: float, share: float) -> float:
    """Return vol * sqrt(tau) for a share, by bisection; the share at least 1e-25."""
    with mpmath.workdps(DIGITS):
        low, high = mpmath.mpf(0), mpmath.mpf(64)
        for _ in range(ROUNDS):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if compute_share(x, middle) < mpmath.mpf(share) else (low, middle)
            )
        return float(low)


def compute_implied_vol(
    premium: float, forward: float, strike: float, tau: float, discount: float, *, is_call: bool
) -> float:
    """Return the volatility of one premium between its bounds."""
    with mpmath.workdps(DIGITS):
        p, f, k, d = (mpmath.mpf(each) for each in (premium, forward, strike, discount))
        time_value = p / d - max(f - k if is_call else k - f, mpmath.mpf(0))
        x = abs(mpmath.log(f / k))
        return float(solve_total_vol(x, time_value / min(f, k)) / mpmath.sqrt(tau))
