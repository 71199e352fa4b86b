"""The variance an expiry's options cost together, without a model, and an index of two of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import Floats

#: Thirty days, as the indices of the exchanges have it.
HORIZON: Final = 30 / 365


def compute_variance(
    strikes: npt.ArrayLike,
    calls: npt.ArrayLike,
    puts: npt.ArrayLike,
    *,
    forward: float,
    tau: float,
    rate: float,
) -> float:
    """Compute the variance a year that options out of the money replicate.

    Parameters
    ----------
    strikes : float64 (n,), rupees, ascending.
    calls, puts : float64 (n,), premiums, the middle of the book; NaN where nobody bids.
    forward : rupees.
    tau : years to the cut-off.
    rate : continuously compounded, a year.

    Returns
    -------
    float, a year's variance; its root is the volatility as a fraction. NaN without a forward, time,
    both premiums of the strike below the forward, or at least one priced strike on either side.

    Notes
    -----
    The strip goes from the strike at or below the forward outwards and ends before two strikes
    without a price in a row; a single one is passed over and its neighbours take its place. It says
    less than all there is where the quoted strikes end early: no tail is made up.

    Source: Cboe, "Volatility Index Methodology: Cboe Volatility Index" (2019), after Demeterfi,
    Derman, Kamal and Zou, "More than you ever wanted to know about volatility swaps" (1999). NSE's
    India VIX takes the same sum over a spline of the missing quotes. Oracle:
    tests/oracles/volatility_index.py, 1e-12.
    """
    k = np.asarray(strikes, np.float64)
    call, put = np.asarray(calls, np.float64), np.asarray(puts, np.float64)
    middle = int(np.searchsorted(k, forward, side="right")) - 1
    if not (tau > 0 and 0 < forward < np.inf) or middle < 0:
        return np.nan
    if not np.isfinite(call[middle] + put[middle]):
        return np.nan
    lower = middle - 1 - _find_strip(put[:middle][::-1])
    upper = middle + 1 + _find_strip(call[middle + 1 :])
    if not len(lower) or not len(upper):
        return np.nan
    chosen = np.concatenate([lower[::-1], [middle], upper])
    prices = np.where(chosen < middle, put[chosen], call[chosen])
    prices[len(lower)] = 0.5 * (call[middle] + put[middle])
    # Half the way to either neighbour; at the ends all the way to the only one.
    widths = np.gradient(k[chosen], edge_order=1)
    widths[1:-1] = 0.5 * (k[chosen][2:] - k[chosen][:-2])
    total = float(np.sum(widths / k[chosen] ** 2 * prices)) * float(np.exp(rate * tau))
    return float((2.0 * total - (forward / k[middle] - 1.0) ** 2) / tau)


def compute_index(
    variances: tuple[float, float], taus: tuple[float, float], horizon: float = HORIZON
) -> float:
    """Return the volatility index of two expiries, in points (18 is 18 %).

    Parameters
    ----------
    variances : of the nearer and the later expiry, a year's.
    taus : their years to the cut-off, in that order.
    horizon : years. Outside the two the line is drawn on, as the exchanges do.

    Returns
    -------
    float, points: the root of the total variance interpolated to the horizon, a year's. NaN where
    a variance is, where the interpolated one is not positive, or where the expiries are one.
    """
    (near, far), (near_tau, far_tau) = variances, taus
    if not near_tau < far_tau:
        return np.nan
    part = (horizon - near_tau) / (far_tau - near_tau)
    total = near * near_tau * (1 - part) + far * far_tau * part
    return float(100.0 * np.sqrt(total / horizon)) if total > 0 else np.nan


def find_terms(variances: Floats, taus: Floats, horizon: float = HORIZON) -> tuple[int, int] | None:
    """Choose the two expiries an index is made of: those on either side of the horizon.

    Parameters
    ----------
    variances : float64 (e,), a year's; NaN where unknown: such an expiry is passed over.
    taus : float64 (e,), years, ascending.

    Returns
    -------
    Their places; where all are on one side, the two nearest to the horizon; None of fewer than two.

    Source: as `compute_variance`; the exchanges choose among monthly expiries, and of those that
    have at least a week left. Here every expiry with options counts.
    """
    known = np.flatnonzero(np.isfinite(variances) & (taus > 0))
    if len(known) < 2:
        return None
    far = int(np.clip(np.searchsorted(taus[known], horizon), 1, len(known) - 1))
    return int(known[far - 1]), int(known[far])


def _find_strip(prices: Floats) -> npt.NDArray[np.intp]:
    """Return which strikes, counted outwards, are priced before two in a row are not."""
    is_priced = prices > 0
    is_end = ~is_priced[:-1] & ~is_priced[1:]
    end = int(np.argmax(is_end)) if is_end.any() else len(prices)
    found: npt.NDArray[np.intp] = np.flatnonzero(is_priced[:end])
    return found
