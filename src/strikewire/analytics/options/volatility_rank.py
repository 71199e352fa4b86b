"""Where today's volatility stands in its own past: IV rank and IV percentile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import Floats

#: A year of sessions, and the month of them without which a rank would be an accident.
WINDOW: Final = 252
LEAST_DAYS: Final = 20


@dataclass(frozen=True, slots=True)
class VolRanks:
    """Ranks of daily volatilities among those of the days before them; see `rank_vols`.

    Parameters
    ----------
    ranks_pct : float64, of the shape of the history, 0 to 100: how far the day's volatility is up
        from the lowest towards the highest of the window, the day itself included.
    percentiles_pct : float64, 0 to 100: the part of the days before it in the window with a lower
        volatility.
    day_counts : int64, how many days before it in the window are known.
    """

    ranks_pct: Floats
    percentiles_pct: Floats
    day_counts: npt.NDArray[np.int64]


def rank_vols(vols: Floats, *, window: int = WINDOW, least_days: int = LEAST_DAYS) -> VolRanks:
    """Rank each day's volatility among those of the days before it.

    Parameters
    ----------
    vols : float64 (d,) or (d, u), of each session (and each of u underlyings) one volatility, at
        the money and of a constant time to expiry if they are to compare, oldest first, each
        session once; NaN where it is not known. The last one may be the running day's.
    window : how many sessions before a day count.
    least_days : how many of them must be known.

    Returns
    -------
    Of the shape of `vols`. Both are NaN where the day itself is not known or fewer than
    `least_days` before it are; the rank is, too, where all of them are equal.

    Raises
    ------
    ValueError : `vols` is of another shape, or the window has no day.

    Notes
    -----
    Neither is a property of the market alone: they say what they say of the days that were
    recorded, `day_counts` of them. A rank hangs on two extreme days for as long as they are in the
    window, the percentile does not.

    Source: the definitions that brokers publish, tastytrade's IV Rank and IV Percentile. Oracle:
    tests/oracles/volatility_rank.py, 1e-12.
    """
    if vols.ndim not in (1, 2) or window < 1:
        msg = f"days (and underlyings) and a window were wanted, found {vols.shape} and {window}"
        raise ValueError(msg)
    known = np.where(np.isfinite(vols), vols, np.nan)
    # One more than the first day needs, for a history of none; its window is dropped.
    padding = np.full((window + 1, *vols.shape[1:]), np.nan)
    spans = np.lib.stride_tricks.sliding_window_view(
        np.concatenate([padding, known]), window + 1, axis=0
    )[1:]
    counts = np.sum(~np.isnan(spans[..., :-1]), axis=-1)
    below = np.sum(spans[..., :-1] < known[..., None], axis=-1)
    lowest, highest = np.fmin.reduce(spans, axis=-1), np.fmax.reduce(spans, axis=-1)
    is_ranked = ~np.isnan(known) & (counts >= max(least_days, 1))
    ranks, percentiles = np.full(vols.shape, np.nan), np.full(vols.shape, np.nan)
    ranges = highest - lowest
    np.divide(100.0 * (known - lowest), ranges, out=ranks, where=is_ranked & (ranges > 0))
    np.divide(100.0 * below, counts, out=percentiles, where=is_ranked)
    return VolRanks(ranks, percentiles, counts)


def rank_among(vols: Floats, before: Floats, *, least_days: int = LEAST_DAYS) -> Floats:
    """Rank moments of one day, each by itself among the days before it.

    Parameters
    ----------
    vols : float64 (m,), of moments of a day.
    before : float64 (b,), of the days before it that count, one each; NaN where it is not known.
    least_days : how many of them must be known.

    Returns
    -------
    float64 (m,), as `VolRanks.ranks_pct`. Oracle: `rank_vols` of each moment, 1e-12.
    """
    ranks = np.full(len(vols), np.nan)
    known = before[np.isfinite(before)]
    if len(known) < max(least_days, 1):
        return ranks
    vols = np.where(np.isfinite(vols), vols, np.nan)
    lowest, highest = np.minimum(vols, known.min()), np.maximum(vols, known.max())
    np.divide(100.0 * (vols - lowest), highest - lowest, out=ranks, where=highest > lowest)
    return ranks
