"""Expiry day: what the settlement price will be, how much may still happen to it, and pinning.

Indian contracts settle at a closing price that is an average over the last half hour, or that an
auction makes; when either begins and ends, the market rules say. While the average is being taken
each minute fixes a part of it, so less and less can happen than the time that is left suggests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.expiry_time import YEAR_NS
from strikewire.analytics.options.rows import Floats
from strikewire.core.instants import MINUTE_NS


@dataclass(frozen=True, slots=True)
class SettlementWindow:
    """When a settlement price is made, `[start, end)`; an instant where an auction makes it.

    Parameters
    ----------
    start_ns, end_ns : UTC; the end is the contract's cut-off.

    Raises
    ------
    ValueError : it ends before it starts.
    """

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            msg = f"a window must not end before it starts, was {self.start_ns} to {self.end_ns}"
            raise ValueError(msg)

    def measure_part(self, as_of_ns: int) -> float:
        """Return which part of the window is over, 0 to 1."""
        if as_of_ns >= self.end_ns:
            return 1.0
        return max(as_of_ns - self.start_ns, 0) / (self.end_ns - self.start_ns or 1)


@dataclass(frozen=True, slots=True)
class SettlementEstimate:
    """What a settlement price would be if the market stayed where it is.

    Parameters
    ----------
    price : rupees; NaN where nothing is known.
    fixed_part : 0 to 1, how much of it is known and no longer changes.
    """

    price: float
    fixed_part: float


def estimate_settlement(
    minutes_ns: npt.NDArray[np.int64],
    prices: Floats,
    volumes: Floats,
    *,
    window: SettlementWindow,
    as_of_ns: int,
    level: float,
) -> SettlementEstimate:
    """Estimate a settlement price from the minutes of its window that are over.

    Parameters
    ----------
    minutes_ns : int64 (n,), when each minute began.
    prices : float64 (n,), rupees, of the underlying in that minute; NaN where it did not trade.
    volumes : float64 (n,), units; where none of them is positive (an index) minutes count alike.
    window : of the contract.
    as_of_ns : now; minutes that end later are not looked at.
    level : rupees, where the underlying is now.

    Returns
    -------
    The average so far for the part of the window that is over, and the level for the part that is
    not. By time: that the rest of the window trades as much as what is over, nobody knows. Of an
    index it is the average of the index, while the exchange takes that of its shares.
    """
    last_ns = min(as_of_ns, window.end_ns) - MINUTE_NS
    is_over = (minutes_ns >= window.start_ns) & (minutes_ns <= last_ns) & np.isfinite(prices)
    if not is_over.any():
        # What an auction made is where the underlying is since; of an average nothing is known yet.
        is_made = window.start_ns == window.end_ns <= as_of_ns
        return SettlementEstimate(level, float(is_made))
    weights = np.where(volumes[is_over] > 0, volumes[is_over], 0.0)
    average = float(np.average(prices[is_over], weights=weights if weights.any() else None))
    fixed_part = window.measure_part(as_of_ns)
    if fixed_part == 1.0:
        return SettlementEstimate(average, 1.0)
    return SettlementEstimate(fixed_part * average + (1.0 - fixed_part) * level, fixed_part)


def compute_averaged_tau(window: SettlementWindow, as_of_ns: int) -> float:
    """Return the years in which a price would vary as much as the settlement price still does.

    Until the window the time to it, and a third of its length; inside of it, with u of its length l
    left, u**3 / (3 * l**2). This is the tau of an option on the estimate, at the same volatility.

    Source: the variance of the mean of a Brownian path, as for Asian options; Levy, "Pricing
    European average rate currency options" (1992). Oracle: in the tests, the sum over all pairs of
    instants.
    """
    before_ns = max(window.start_ns - as_of_ns, 0)
    length_ns = window.end_ns - window.start_ns
    left = min(max(window.end_ns - as_of_ns, 0) / length_ns, 1.0) if length_ns else 0.0
    return (before_ns + length_ns * left**3 / 3.0) / YEAR_NS


def compute_pin_probabilities(
    strikes: Floats, *, estimate: float, vol: float, tau: float, half_width: float
) -> Floats:
    """Compute how probable a settlement price near each strike is.

    Who is short there does not know until the end whether the option is exercised.

    Parameters
    ----------
    strikes : float64 (n,), rupees.
    estimate : rupees, of the settlement price.
    vol : fraction, a year's.
    tau : years, of `compute_averaged_tau`.
    half_width : rupees; of half a step the strikes' probabilities add up to that of their range.

    Returns
    -------
    float64 (n,), lognormal, at `strike - half_width` and above, below `strike + half_width`; NaN
    where the estimate or the volatility is no number, or less than 0.
    """
    total_vol = vol * math.sqrt(tau) if tau >= 0 else math.nan
    if not (0 < estimate < math.inf and 0 <= total_vol < math.inf):
        return np.full(len(strikes), np.nan)
    bounds = np.stack([strikes - half_width, strikes + half_width])
    if total_vol == 0:
        is_there: npt.NDArray[np.bool_] = (bounds[0] <= estimate) & (estimate < bounds[1])
        return is_there.astype(np.float64)
    logs = np.log(np.maximum(bounds, np.finfo(np.float64).tiny) / estimate)
    deviations = (logs / total_vol + 0.5 * total_vol) / math.sqrt(2.0)
    below = np.array([[0.5 * math.erfc(-each) for each in row] for row in deviations.tolist()])
    probabilities: Floats = below[1] - below[0]
    return probabilities
