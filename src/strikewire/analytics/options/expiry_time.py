"""Time to expiry, and the two conventions that users compare."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import OptionRows
from strikewire.core.instants import DAY_NS

#: ACT/365: a year is 365 days of 24 hours, weekends and leap days like any other.
YEAR_NS: Final = 365 * DAY_NS

#: What the National Stock Exchange takes money to cost in the volatilities of its option chain,
#: whatever money costs: told under the chain, https://www.nseindia.com/option-chain.
NSE_RATE: Final = 0.10


class Convention(StrEnum):
    """How a volatility is computed, for it to be compared with others."""

    #: Ours: Black's formula on the expiry's own forward, the desk's rate.
    FORWARD = "forward"
    #: The exchange's: Black and Scholes on the spot, 10 %, no dividends. Where the forward is not
    #: the spot grown at 10 %, calls and puts of one strike have different volatilities.
    NSE = "nse"


def compute_taus(cutoffs_ns: npt.ArrayLike, as_of_ns: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the years from an instant to each contract's own cut-off.

    Parameters
    ----------
    cutoffs_ns : int64, when each contract's settlement price is fixed: by the market rules of its
        venue and day, which the caller asks. 15:30 is not always it.
    as_of_ns : int64, the instant, or one for each.

    Returns
    -------
    float64, of the common shape, ACT/365; 0 from the cut-off on.
    """
    left_ns = np.asarray(cutoffs_ns, np.int64) - np.asarray(as_of_ns, np.int64)
    taus: npt.NDArray[np.float64] = np.maximum(left_ns, 0) / YEAR_NS
    return taus


def make_nse_rows(
    *, spots: npt.ArrayLike, strikes: npt.ArrayLike, taus: npt.ArrayLike, is_call: npt.ArrayLike
) -> OptionRows:
    """Return rows by the exchange's convention; as `OptionRows.on_spots`.

    Raises
    ------
    ValueError : the arrays differ in length, or have more than one dimension.
    """
    return OptionRows.on_spots(
        spots=spots, strikes=strikes, taus=taus, rates=NSE_RATE, yields=0.0, is_call=is_call
    )
