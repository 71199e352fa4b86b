"""SVI: the total variance of one expiry as a hyperbola over log-moneyness.

    w(k) = a + b * (rho * (k - m) + sqrt((k - m)**2 + sigma**2)),    k = ln(strike / forward)

Total variance is vol * vol * tau. Here are the curve, and what no curve of option prices may do.

Source: Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces" (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from strikewire.analytics.options.rows import Floats

#: The parameters of a slice, in this order, are the last dimension of their arrays.
PARAMETERS: Final = ("a", "b", "rho", "m", "sigma")
#: The steepest that total variance may grow over log-moneyness, far from the money. Source: Lee,
#: "The moment formula for implied volatility at extreme strikes" (2004).
WING_SLOPE_MAX: Final = 2.0
# Below it a variance is taken for this, so that what is asked of it is a number.
_VARIANCE_MIN: Final = 1e-12


@dataclass(frozen=True, slots=True)
class SviCurves:
    """What slices say at a number of log-moneynesses.

    Parameters
    ----------
    variances : float64 (..., n), total.
    slopes, curvatures : float64 (..., n), their first and second derivatives.
    """

    variances: Floats
    slopes: Floats
    curvatures: Floats


def compute_curves(parameters: Floats, k: Floats) -> SviCurves:
    """Compute total variances and their derivatives.

    Parameters
    ----------
    parameters : float64 (..., 5), of `PARAMETERS`.
    k : float64 (n,), log-moneyness.

    Returns
    -------
    Of the leading dimensions of `parameters`, and n; NaN where a parameter is.
    """
    a, b, rho, m, sigma = (parameters[..., i, None] for i in range(len(PARAMETERS)))
    offsets = k - m
    roots = np.hypot(offsets, sigma)
    return SviCurves(
        variances=a + b * (rho * offsets + roots),
        slopes=b * (rho + offsets / roots),
        curvatures=b * sigma * sigma / roots**3,
    )


def compute_least_variances(parameters: Floats) -> Floats:
    """Return the least total variance of slices at any strike, float64 (...); above 0 it must be.

    With a wing of no slope it is only neared, far from the money.
    """
    a, b, rho, _, sigma = np.moveaxis(parameters, -1, 0)
    least: Floats = a + b * sigma * np.sqrt((1.0 - rho) * (1.0 + rho))
    return least


def compute_densities(curves: SviCurves, k: Floats) -> Floats:
    """Compute Durrleman's function, which has the sign of the density of the price at the expiry.

    Parameters
    ----------
    curves : at n log-moneynesses.
    k : float64 (n,), those.

    Returns
    -------
    Of the curves' shape. Less than 0: a butterfly of three strikes there would cost less than
    nothing. About 1 at the money of a flat smile.

    Source: Durrleman, in Gatheral and Jacquier (2014), lemma 2.2. Oracle: in the tests, the second
    difference of Black's prices.
    """
    variances = np.maximum(curves.variances, _VARIANCE_MIN)
    tangents = 1.0 - 0.5 * k * curves.slopes / variances
    bends = 0.25 * curves.slopes**2 * (1.0 / variances + 0.25)
    densities: Floats = tangents * tangents - bends + 0.5 * curves.curvatures
    return densities


def compute_wing_slopes(parameters: Floats) -> Floats:
    """Return the steeper wing's slope, `b * (1 + |rho|)`; above `WING_SLOPE_MAX` is arbitrage."""
    slopes: Floats = parameters[..., 1] * (1.0 + np.abs(parameters[..., 2]))
    return slopes
