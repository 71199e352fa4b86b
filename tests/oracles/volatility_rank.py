"""Ranks of volatilities by definition, day by day. Imports nothing of strikewire."""

from __future__ import annotations

import math


def rank_vols(vols: list[float], window: int, least_days: int) -> list[tuple[float, float, int]]:
    """Return rank, percentile and the number of known days before, of each day."""
    found = []
    for day, vol in enumerate(vols):
        before = [each for each in vols[max(day - window, 0) : day] if math.isfinite(each)]
        rank = percentile = math.nan
        if math.isfinite(vol) and before and len(before) >= least_days:
            lowest, highest = min(*before, vol), max(*before, vol)
            if highest > lowest:
                rank = 100 * (vol - lowest) / (highest - lowest)
            percentile = 100 * sum(each < vol for each in before) / len(before)
        found.append((rank, percentile, len(before)))
    return found
