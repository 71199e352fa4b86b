"""Moneyness buckets: how many strikes an option is from the money, of many chains at once.

A chain here is one expiry at one minute: a stretch of a strike column that ascends. What is nearest
the money depends on the level, so the same strike is in another bucket a minute later.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import Floats

Rows = npt.NDArray[np.int64]

#: In a column of rows: there is none.
NO_ROW: Final = -1


def find_atm_rows(starts: Rows, strikes: Floats, levels: Floats) -> Rows:
    """Find each chain's strike at the money.

    Parameters
    ----------
    starts : int64 (c + 1,), the first strike of each chain, and the number of strikes.
    strikes : float64 (n,), rupees, ascending within a chain.
    levels : float64 (c,), rupees, each chain's forward (or spot); NaN, or no price, where unknown.

    Returns
    -------
    int64 (c,), the row of the strike nearest to the level, the lower of two, as `compute_figures`
    chooses `atm_strikes`; `NO_ROW` where the level is unknown or the chain has no strike.

    Raises
    ------
    ValueError : the columns do not fit each other.

    Oracle: tests/oracles/moneyness.py.
    """
    if len(starts) != len(levels) + 1 or starts[-1] != len(strikes):
        msg = f"{len(levels) + 1} starts up to {len(strikes)} were wanted, found {starts.tolist()}"
        raise ValueError(msg)
    chains = np.repeat(np.arange(len(levels)), np.diff(starts))
    is_known = (levels > 0) & (levels < np.inf)
    distances = np.abs(strikes - np.where(is_known, levels, np.nan)[chains])
    least = np.full(len(levels), np.inf)
    np.fmin.at(least, chains, distances)
    nearest = np.flatnonzero(distances == least[chains])[::-1]
    found = np.full(len(levels), NO_ROW, np.int64)
    # Of several values for one chain the last is kept: backwards that is the lowest strike.
    found[chains[nearest]] = nearest
    return found


def find_bucket_rows(starts: Rows, atm_rows: Rows, depth: int) -> Rows:
    """Find each chain's strikes around the money.

    Parameters
    ----------
    starts : int64 (c + 1,), as for `find_atm_rows`.
    atm_rows : int64 (c,), from there.
    depth : how many strikes on either side, 0 or more.

    Returns
    -------
    int64 (c, 2 * depth + 1), the rows of those strikes, ascending, the one at the money in the
    middle; `NO_ROW` where the chain ends before or has none at the money. `name_buckets` tells what
    the columns are called.
    """
    rows = atm_rows[:, None] + np.arange(-depth, depth + 1)
    is_there = (rows >= starts[:-1, None]) & (rows < starts[1:, None])
    return np.where(is_there & (atm_rows[:, None] != NO_ROW), rows, NO_ROW)


def name_buckets(depth: int, *, is_call: bool) -> list[str]:
    """Return the names of the columns of `find_bucket_rows`, for calls or for puts.

    A call above the money is out of it (`OTM1` is the next strike), a put below.
    """
    lower, upper = ("ITM", "OTM") if is_call else ("OTM", "ITM")
    below = [f"{lower}{steps}" for steps in range(depth, 0, -1)]
    return [*below, "ATM", *(f"{upper}{steps}" for steps in range(1, depth + 1))]


def take_rows(values: Floats, rows: Rows) -> Floats:
    """Return what a column says at rows of any shape; NaN at `NO_ROW`."""
    found = np.full(rows.shape, np.nan)
    is_there = rows != NO_ROW
    found[is_there] = values[rows[is_there]]
    return found
