"""What all open options of an expiry would pay, were it to end at one of its strikes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import Floats


def compute_pains(strikes: Floats, call_oi: npt.ArrayLike, put_oi: npt.ArrayLike) -> Floats:
    """Compute what holders would be paid together at each strike.

    Parameters
    ----------
    strikes : float64 (n,), rupees.
    call_oi, put_oi : float64 (n,), units; NaN counts as none.

    Returns
    -------
    float64 (n,), rupees; NaN at every strike where nothing is open. It is least where
    `chains.compute_figures` has its `max_pains`.

    Oracle: tests/oracles/chains.py, 1e-12.
    """
    calls, puts = np.nan_to_num(np.asarray(call_oi)), np.nan_to_num(np.asarray(put_oi))
    if not calls.sum() + puts.sum() > 0:
        return np.full(len(strikes), np.nan)
    # Every strike against every other: a few hundred of them, once for each answer.
    distances = strikes[:, None] - strikes
    pains: Floats = np.maximum(distances, 0) @ calls + np.maximum(-distances, 0) @ puts
    return pains
