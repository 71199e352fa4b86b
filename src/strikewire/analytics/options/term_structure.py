"""How volatility runs over the expiries, and what it says of the time between two of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import Floats


@dataclass(frozen=True, slots=True)
class TermStructure:
    """Volatility over expiries, nearest first.

    Parameters
    ----------
    total_variances : float64 (e,), vol * vol * tau.
    forward_vols : float64 (e,), fraction: the volatility from the nearest earlier expiry that has
        one (for the first, from now) to this one; NaN where either is unknown or the variance
        would have to be negative.
    is_arbitrage : bool (e,), True where this expiry's total variance is below that of an earlier
        one: a calendar spread at the money that would cost less than nothing.
    """

    total_variances: Floats
    forward_vols: Floats
    is_arbitrage: npt.NDArray[np.bool_]


def interpolate_vol(vols: Floats, taus: Floats, horizon: float) -> float:
    """Return the volatility at the money of a time to expiry that no expiry need have.

    What is compared from day to day must have the same time to go: an expiry's own volatility
    moves because the expiry comes nearer, too.

    Parameters
    ----------
    vols, taus : as `compute_term_structure`.
    horizon : years; 30 / 365 is what indices of volatility take.

    Returns
    -------
    float, fraction: between the known expiries on either side linearly in total variance, nearer
    than the first or later than the last that one's volatility; NaN where none is known.

    Raises
    ------
    ValueError : as `compute_term_structure`, or the horizon is not positive.
    """
    if not horizon > 0:
        msg = f"a horizon after now was wanted, found {horizon}"
        raise ValueError(msg)
    totals = compute_term_structure(vols, taus).total_variances
    is_known = np.isfinite(totals)
    if not is_known.any():
        return np.nan
    times = taus[is_known]
    if not times[0] <= horizon <= times[-1]:
        return float(vols[is_known][0 if horizon < times[0] else -1])
    return float(np.sqrt(np.interp(horizon, times, totals[is_known]) / horizon))


def compute_term_structure(vols: Floats, taus: Floats) -> TermStructure:
    """Compute the variances that stand between the expiries.

    Parameters
    ----------
    vols : float64 (e,), at the money, fractions; NaN where unknown.
    taus : float64 (e,), years to the cut-offs, ascending, of which the first may be 0.

    Raises
    ------
    ValueError : the columns differ in length, or `taus` does not ascend.

    Source: Gatheral, "The Volatility Surface" (2006), chapter 3. Oracle: in the tests, by hand.
    """
    if len(vols) != len(taus):
        msg = f"columns of one length were wanted, found {len(vols)} and {len(taus)}"
        raise ValueError(msg)
    if not (np.diff(taus) > 0).all():
        msg = f"expiries that ascend were wanted, found {taus.tolist()}"
        raise ValueError(msg)
    totals = np.where(taus > 0, vols * vols * taus, np.nan)
    known = np.flatnonzero(~np.isnan(totals))
    forward_vols = np.full(len(taus), np.nan)
    variances = np.diff(totals[known], prepend=0.0) / np.diff(taus[known], prepend=0.0)
    is_positive = variances >= 0
    forward_vols[known[is_positive]] = np.sqrt(variances[is_positive])
    is_arbitrage = np.zeros(len(taus), np.bool_)
    is_arbitrage[known] = totals[known] < np.maximum.accumulate(totals[known])
    return TermStructure(totals, forward_vols, is_arbitrage)
