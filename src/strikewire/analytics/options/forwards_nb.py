"""The forward of each expiry from what there is; see `forwards.py`."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.elementary_nb import compiled

Floats = npt.NDArray[np.float64]

NO_SOURCE: Final = 0
FUTURE: Final = 1
PARITY: Final = 2
SPOT: Final = 3

#: How much of the straddle is the least uncertainty of a pair, and of the median.
_FLOOR: Final = 1e-3
#: Median absolute deviation to standard deviation of a normal distribution, and how many of those
#: a pair may be off.
_DEVIATIONS: Final = 3.0 * 1.4826


@compiled
def find_weighted_median_nb(values: Floats, weights: Floats) -> float:
    """Return the lowest value that half the weight is not above."""
    order = np.argsort(values)
    half = 0.5 * weights.sum()
    gathered = 0.0
    for i in order:
        gathered += weights[i]
        if gathered >= half:
            return float(values[i])
    return float(values[order[-1]])


@compiled
def compute_parity_nb(
    strikes: Floats, calls: Floats, puts: Floats, spreads: Floats, discount: float
) -> tuple[float, float, int]:
    """Return the forward by put-call parity, how far the pairs disagree, how many were used."""
    count = 0
    known = 0
    spread_sum = 0.0
    nearest = np.inf
    anchor = 0.0
    straddle = 0.0
    forwards = np.empty(len(strikes))
    places = np.empty(len(strikes), np.int64)
    for i in range(len(strikes)):
        gap = calls[i] - puts[i]
        # NaN fails the comparison.
        if not abs(gap) < np.inf:
            continue
        forward = strikes[i] + gap / discount
        forwards[count] = forward
        places[count] = i
        count += 1
        if spreads[i] >= 0.0:
            known += 1
            spread_sum += spreads[i]
        if abs(gap) < nearest:
            nearest = abs(gap)
            anchor = forward
            straddle = calls[i] + puts[i]
    if count == 0 or not straddle > 0.0:
        return np.nan, np.nan, 0
    forwards = forwards[:count]
    floor = _FLOOR * straddle
    unknown_spread = spread_sum / known if known else 0.0
    weights = np.empty(count)
    for j in range(count):
        i = places[j]
        spread = spreads[i] if spreads[i] >= 0.0 else unknown_spread
        distance = (strikes[i] - anchor) / straddle
        weights[j] = 1.0 / ((spread + floor) * (spread + floor) * (1.0 + distance * distance))
    median = find_weighted_median_nb(forwards, weights)
    deviations = np.abs(forwards - median)
    limit = max(_DEVIATIONS * find_weighted_median_nb(deviations, weights), floor)
    weight_sum = 0.0
    excess = 0.0
    used = 0
    for j in range(count):
        if deviations[j] <= limit:
            used += 1
            weight_sum += weights[j]
            # About the median, so that equal forwards give themselves to the last bit.
            excess += weights[j] * (forwards[j] - median)
    forward = median + excess / weight_sum
    variance = 0.0
    for j in range(count):
        if deviations[j] <= limit:
            variance += weights[j] * (forwards[j] - forward) * (forwards[j] - forward)
    return forward, math.sqrt(variance / weight_sum), used


@compiled
def find_forwards_nb(
    futures: Floats,
    spots: Floats,
    rates: Floats,
    taus: Floats,
    starts: npt.NDArray[np.int64],
    strikes: Floats,
    calls: Floats,
    puts: Floats,
    spreads: Floats,
    forwards: Floats,
    dispersions: Floats,
    counts: npt.NDArray[np.int64],
    sources: npt.NDArray[np.uint8],
) -> None:
    """Fill the last four, expiry by expiry."""
    for e in range(len(futures)):
        dispersions[e] = np.nan
        counts[e] = 0
        if 0.0 < futures[e] < np.inf:
            forwards[e] = futures[e]
            sources[e] = FUTURE
            continue
        first, end = starts[e], starts[e + 1]
        growth = math.exp(rates[e] * taus[e])
        forward, dispersion, used = compute_parity_nb(
            strikes[first:end], calls[first:end], puts[first:end], spreads[first:end], 1.0 / growth
        )
        if 0.0 < forward < np.inf:
            forwards[e] = forward
            dispersions[e] = dispersion
            counts[e] = used
            sources[e] = PARITY
        elif 0.0 < spots[e] * growth < np.inf:
            forwards[e] = spots[e] * growth
            sources[e] = SPOT
        else:
            forwards[e] = np.nan
            sources[e] = NO_SOURCE
