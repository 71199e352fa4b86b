"""Implied volatility of one option, wherever it lies: the scalar solver behind the fast one.

Every option has the time value of the one out of the money at its strike (put-call parity). With
x = |ln(F/K)| and s = vol * sqrt(tau), that over the lower of F and K is the *share*

    c(x, s) = N(s/2 - x/s) - e**x N(-s/2 - x/s)  =  exp(-a*a)/2 * (erfcx(a) - erfcx(b)),

    a = (x/s - s/2) / sqrt(2),  b = (x/s + s/2) / sqrt(2),

which grows in s from 0 to 1. Below one half the root is sought of 1/ln(c) - 1/ln(share), above it
of ln(1 - c) - ln(1 - share): both are nearly straight lines where c itself is flat, and neither
underflows. Each step is Householder's of fourth order; one that leaves the bracket, which shrinks
with every evaluation, is replaced by a bisection, so that no input makes it fail.

Source: Jäckel, "Let's Be Rational" (2015), for the objective functions and the order of the step.
Oracle: tests/oracles/implied_vol.py, which bisects in fifty digits.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from strikewire.analytics.options.elementary_nb import (
    SQRT_2_OVER_PI,
    SQRT_HALF,
    compiled,
    erfcx_nb,
)

#: Four steps are usual and eight the most seen; 1,100 bisections would reach any double.
_STEPS_MAX: Final = 1_200
_EPS: Final = 2.0**-52
# Where the two error functions are so close that their difference is summed as a series instead.
_NARROW: Final = 0.25
_NEAR: Final = 0.5


@compiled
def compute_difference_nb(x: float, s: float) -> float:
    """Return erfcx(a) - erfcx(b).

    It loses digits as x/s grows, about (x/s)**2 units of the last place; so does ln(c) depend on s,
    and the volatility solved from it loses none.
    """
    middle = x / s * SQRT_HALF
    half = 0.5 * s * SQRT_HALF
    if s >= _NARROW or x >= _NEAR:
        return erfcx_nb(middle - half) - erfcx_nb(middle + half)
    # Taylor's series about the middle; even terms cancel. The derivatives of erfcx follow
    # f[n+1] = 2 m f[n] + 2 n f[n-1].
    even = erfcx_nb(middle)
    odd = 2.0 * middle * even - math.sqrt(2.0) * SQRT_2_OVER_PI
    power = half
    total = power * odd
    for n in range(1, 40, 2):
        even = 2.0 * (middle * odd + n * even)
        odd = 2.0 * (middle * even + (n + 1) * odd)
        power *= half * half / ((n + 1) * (n + 2))
        total += power * odd
        if abs(power * odd) <= 0.1 * _EPS * abs(total):
            break
    return -2.0 * total


@compiled
def solve_total_vol_nb(x: float, share: float, rest: float) -> float:
    """Return vol * sqrt(tau) for a share of the time value.

    Parameters
    ----------
    x : |ln(F/K)|; 0, or 1e-16 and more, as it is of any two floats that differ.
    share : time value over the lower of F and K, between 0 and 1.
    rest : 1 - `share`, given apart because it cannot be had from it near 1.

    Returns
    -------
    float, to the last bits that `share` (or, above one half, `rest`) determines.
    """
    if x == 0.0 and share < 1e-8:
        return share * math.sqrt(2.0 * math.pi)  # the next term is s**2 / 24 of it
    is_low = share < 0.5
    # Where x/s = s/2 the share is below one half, and 1.5 further on above it.
    turn = math.sqrt(2.0 * x)
    if is_low:
        target = math.log(share)
        below, above = 0.0, turn + 1.5
        # Far from the money ln(c) = -x*x / (2*s*s) and smaller terms; at it c = s / sqrt(2 pi).
        s = math.sqrt(x * x / (-2.0 * target) + 2.0 * math.pi * share * share)
        s = min(s, turn + 1.0)
    else:
        target = math.log(rest)
        below, above = turn, np.inf
        # The tail 1 - c is of the order of N(-(s - turn) / 2).
        s = turn + 2.0 * math.sqrt(2.0 * (1.0 - target))
    for _ in range(_STEPS_MAX):
        h = x / s
        t = 0.5 * s
        a = (h - t) * SQRT_HALF
        # The second derivative of c over the first, and how that changes.
        q = (h - t) * (h + t) / s
        dq = -3.0 * (h / s) * (h / s) - 0.25
        if is_low:
            difference = compute_difference_nb(x, s)
            value = math.log(0.5 * difference) - a * a
            g = SQRT_2_OVER_PI / difference
            miss = value - target
            newton = -miss * value / (target * g)
            bend = 1.0 + 2.0 / value
            second = q - g * bend
            third = second * second + dq - g * (q - g) * bend + 2.0 * g * g / (value * value)
        else:
            both = erfcx_nb(-a) + erfcx_nb((h + t) * SQRT_HALF)
            value = math.log(0.5 * both) - a * a
            g = SQRT_2_OVER_PI / both
            miss = target - value
            newton = -miss / g
            second = q + g
            third = second * second + dq + g * second
        if miss < 0.0:
            below = s
        elif miss > 0.0:
            above = s
        else:
            return s
        step = newton * (1.0 + 0.5 * second * newton)
        step /= 1.0 + newton * (second + third * newton / 6.0)
        moved = s + step
        if abs(step) <= _EPS * s:
            return moved
        if not below < moved < above:
            moved = 2.0 * s if above == np.inf else 0.5 * (below + above)
            if moved in (below, above):
                return moved
        s = moved
    return s
