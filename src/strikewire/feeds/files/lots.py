"""How many units a lot had, where a file says volume in lots and turnover in rupees.

Each traded row bounds the lot: turnover is lots x units x an average price between the row's low
and high (plus the strike, for an option). And the lot must divide every open interest. A lot that
agrees with nearly all that was traded, and is the only one, is the answer; otherwise there is none.

Nearly, because the exchange's own rows contradict themselves now and then: on 1 August 2019 the
October future of IOC has an average price below its low. Oracle: the UDiFF files of 2025, which
name the lot: of 25,995 traded rows 25,950 are found, and none wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

#: Turnover is rounded to a hundredth of a lakh of rupees, in some rows cut.
_CUT_RUPEES: Final = 1_000.0
_ROUNDING_RUPEES: Final = 500.0
#: How much of what a group traded must agree with its lot.
_AGREEING_SHARE: Final = 0.9
#: How far around the likeliest lot to look, and how far a row may be from its lot.
_SEARCH_MARGIN: Final = 0.1
_ROW_MARGIN: Final = 0.02
_LARGEST_LOT: Final = 100_000.0
_TELLING_COUNT: Final = 20


@dataclass(frozen=True, slots=True)
class Turnover:
    """What the rows tell, float64 (n,) each; NaN unknown.

    Parameters
    ----------
    contracts : lots traded.
    value_rupees : their turnover; of options with the strike included.
    lowest, highest : what a unit was reckoned at, at least and at most: price, plus strike.
    oi, oi_change : units.
    """

    contracts: npt.NDArray[np.float64]
    value_rupees: npt.NDArray[np.float64]
    lowest: npt.NDArray[np.float64]
    highest: npt.NDArray[np.float64]
    oi: npt.NDArray[np.float64]
    oi_change: npt.NDArray[np.float64]

    def compute_bounds(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the least and the most units a lot can have by each row; NaN without a trade."""
        is_traded = (self.contracts > 0) & (self.value_rupees > 0)
        is_traded &= (self.lowest > 0) & (self.highest >= self.lowest)
        contracts = np.where(is_traded, self.contracts, np.nan)
        least = (self.value_rupees - _ROUNDING_RUPEES) / (contracts * self.highest)
        most = (self.value_rupees + _CUT_RUPEES) / (contracts * self.lowest)
        return least, most


def infer_lot_sizes(
    turnover: Turnover, groups: npt.NDArray[np.int64], group_count: int
) -> npt.NDArray[np.float64]:
    """Return the lot of each row, by the rows of its group.

    Parameters
    ----------
    groups : int64 (n,), which group each row belongs to, 0 to `group_count` - 1.

    Returns
    -------
    float64 (n,), units; NaN where the group allows more than one lot or none, and in rows that are
    far from their group's lot: lots are revised for some expiries before others.
    """
    least, most = turnover.compute_bounds()
    divisors = _compute_divisors(turnover, groups, group_count)
    lots = np.full(group_count, np.nan)
    order = np.argsort(groups, kind="stable")
    order = order[np.isfinite(least[order]) & np.isfinite(most[order])]
    ends = np.searchsorted(groups[order], np.arange(1, group_count))
    for group, rows in enumerate(np.split(order, ends)):
        if len(rows):
            weights = turnover.contracts[rows]
            lots[group] = _pick(least[rows], most[rows], weights, int(divisors[group]))
    per_row = lots[groups]
    is_far = (per_row < least * (1 - _ROW_MARGIN)) | (per_row > most * (1 + _ROW_MARGIN))
    return np.where(is_far, np.nan, per_row)


def _compute_divisors(
    turnover: Turnover, groups: npt.NDArray[np.int64], group_count: int
) -> npt.NDArray[np.int64]:
    """Return the greatest common divisor of each group's open interests; 0 where there is none."""
    divisors = np.zeros(group_count, dtype=np.int64)
    for quantities in (turnover.oi, turnover.oi_change):
        known = np.abs(np.nan_to_num(quantities, posinf=0.0, neginf=0.0))
        is_whole = (known < 2**53) & (known == np.floor(known))
        np.gcd.at(divisors, groups, np.where(is_whole, known, 0.0).astype(np.int64))
    return divisors


def _pick(
    least: npt.NDArray[np.float64],
    most: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    divisor: int,
) -> float:
    """Return the one lot that divides and agrees with what was traded; NaN if it is not one."""
    middles = (least + most) / 2
    order = np.argsort(middles)
    shares = np.cumsum(weights[order]) / weights.sum()
    likeliest = float(middles[order][np.searchsorted(shares, 0.5)])
    if not 0 < likeliest <= _LARGEST_LOT:
        return math.nan
    lots = np.arange(
        max(math.floor(likeliest * (1 - _SEARCH_MARGIN)), 1),
        math.ceil(likeliest * (1 + _SEARCH_MARGIN)) + 1,
    )
    agreeing = lots[_compute_shares(lots, least, most, weights) >= _AGREEING_SHARE]
    if divisor and np.any(divisor % agreeing == 0):
        agreeing = agreeing[divisor % agreeing == 0]
    elif divisor and len(least) < _TELLING_COUNT:
        # After a revision positions in old lots are still open, and nothing divides; then only many
        # rows that leave one whole number by their turnover alone are believed.
        return math.nan
    return float(agreeing[0]) if len(agreeing) == 1 else math.nan


def _compute_shares(
    lots: npt.NDArray[np.int64],
    least: npt.NDArray[np.float64],
    most: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return how much of what was traded agrees with each lot, 0 to 1.

    What has begun to agree by then, less what has ceased to.
    """
    total = np.zeros(len(lots))
    # A hair's breadth, so that a bound that is the lot itself survives the division.
    for bounds, side, sign in ((least * (1 - 1e-12), "right", 1), (most * (1 + 1e-12), "left", -1)):
        order = np.argsort(bounds)
        sums = np.concatenate(([0.0], np.cumsum(weights[order])))
        total += sign * sums[np.searchsorted(bounds[order], lots, side=cast("Any", side))]
    return total / float(weights.sum())
