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
