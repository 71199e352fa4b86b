"""How many units a lot had, where a file says volume in lots and turnover in rupees.

Each traded row bounds the lot: turnover is lots x units x an average price between the row's low
and high (plus the strike, for an option). The bounds of all rows of a group must hold together, and
the lot must divide every open interest. One whole number left is the answer; more, or none, is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

#: Turnover is rounded to a hundredth of a lakh of rupees.
_ROUNDING_RUPEES: Final = 500.0
#: No lot has more units; a wider range of possibilities tells nothing anyway.
_LARGEST_LOT: Final = 1_000_000
_WIDEST_RANGE: Final = 100_000


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


def infer_lot_sizes(
    turnover: Turnover, groups: npt.NDArray[np.int64], group_count: int
) -> npt.NDArray[np.float64]:
    """Return the lot of each group.

    Parameters
    ----------
    groups : int64 (n,), which group each row belongs to, 0 to `group_count` - 1.

    Returns
    -------
    float64 (group_count,), units; NaN where the rows allow more than one lot, or none.
    """
    is_telling = (turnover.contracts > 0) & (turnover.lowest > 0) & np.isfinite(turnover.highest)
    is_telling &= turnover.value_rupees > 0
    at = np.flatnonzero(is_telling)
    contracts, value = turnover.contracts[at], turnover.value_rupees[at]
    least = np.zeros(group_count)
    most = np.full(group_count, np.inf)
    np.maximum.at(
        least, groups[at], (value - _ROUNDING_RUPEES) / (contracts * turnover.highest[at])
    )
    np.minimum.at(most, groups[at], (value + _ROUNDING_RUPEES) / (contracts * turnover.lowest[at]))
    divisors = np.zeros(group_count, dtype=np.int64)
    for quantities in (turnover.oi, turnover.oi_change):
        known = np.abs(np.nan_to_num(quantities))
        whole = np.where((known < 2**53) & (known == np.floor(known)), known, 0).astype(np.int64)
        np.gcd.at(divisors, groups, whole)
    return np.array(
        [
            _pick(low, high, int(divisor))
            for low, high, divisor in zip(least, most, divisors, strict=True)
        ]
    )


def _pick(least: float, most: float, divisor: int) -> float:
    """Return the one lot within bounds that divides; NaN where there is not exactly one."""
    if not 0 < least <= most <= _LARGEST_LOT:
        return math.nan
    # A hair's breadth, so that a bound that is the lot itself survives the division.
    lowest, highest = math.ceil(least * (1 - 1e-12)), math.floor(most * (1 + 1e-12))
    if highest - lowest > _WIDEST_RANGE:
        return math.nan
    lots = np.arange(max(lowest, 1), highest + 1)
    if divisor:
        lots = lots[divisor % lots == 0]
    return float(lots[0]) if len(lots) == 1 else math.nan
