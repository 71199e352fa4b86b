"""Daily volatilities and their ranks by definition, day by day. Imports nothing of strikewire."""

from __future__ import annotations

import math
from typing import NamedTuple

YEAR_S = 365 * 86_400


class Record(NamedTuple):
    """How an expiry stood at the end of the minute that opens then."""

    minute_s: int
    cutoff_s: int
    vol: float


def find_daily_vols(
    records: list[Record], days: list[tuple[int, int]], horizon_s: int
) -> list[float]:
    """Return the volatility of each day's end, days as the first and the last minute of each."""
    found = []
    for first_s, last_s in days:
        newest: dict[int, Record] = {}
        for each in sorted(records):
            if first_s <= each.minute_s <= last_s:
                newest[each.cutoff_s] = each
        end_s = max((each.minute_s + 60 for each in newest.values()), default=0)
        known = sorted(
            (cutoff_s - end_s, each.vol)
            for cutoff_s, each in newest.items()
            if cutoff_s > end_s and not math.isnan(each.vol)
        )
        found.append(interpolate(known, horizon_s) if known else math.nan)
    return found


def interpolate(known: list[tuple[int, float]], horizon_s: int) -> float:
    """Return the volatility of a time to expiry between, before or after those that are known."""
    before = [each for each in known if each[0] <= horizon_s]
    after = [each for each in known if each[0] >= horizon_s]
    if not before or not after:
        return (before[-1] if before else after[0])[1]
    (near_s, near), (far_s, far) = before[-1], after[0]
    if near_s == far_s:
        return near
    share = (horizon_s - near_s) / (far_s - near_s)
    total = (1 - share) * near**2 * near_s / YEAR_S + share * far**2 * far_s / YEAR_S
    return math.sqrt(total / (horizon_s / YEAR_S))


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
