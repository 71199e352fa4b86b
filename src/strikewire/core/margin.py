"""Margin: by which terms a venue asks for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_TRADING_DAYS: Final = 252


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """How margin on futures and options on one underlying is reckoned on a day.

    All but `price_scan_sigmas`, `price_scan_days` and `extreme_moves` are fractions.

    Parameters
    ----------
    price_scan : how far the price is moved at least.
    price_scan_sigmas, price_scan_days : it is moved by so many standard deviations of so many days
        where that is farther.
    vol_scan : by how much the volatility is moved at least, 0.04 is 4 points.
    vol_scan_share : of the volatility; it is moved by that where it is more.
    extreme_moves : how many times as far the price goes in the two extreme scenarios.
    extreme_share : how much of what is lost there counts.
    calendar : of the far contract's price, for a unit of delta that is held against one of an
        earlier expiry.
    short_option : of the underlying's price, the least for each unit of an option sold.
    exposure : of the underlying's price, for each unit of an option sold, or of a future.
    expiry_day_exposure : the same once more, of options sold that end on the day.
    is_netted_on_expiry_day : contracts that end on the day are set off against later ones.
    """

    price_scan: float
    price_scan_sigmas: float
    price_scan_days: float
    vol_scan: float
    vol_scan_share: float
    extreme_moves: float
    extreme_share: float
    calendar: float
    short_option: float
    exposure: float
    expiry_day_exposure: float
    is_netted_on_expiry_day: bool

    def find_price_move(self, vol: float) -> float:
        """Return how far the price is moved, a fraction.

        Parameters
        ----------
        vol : annualised fraction; NaN where it is not known: then it is the least.
        """
        days = self.price_scan_days / _TRADING_DAYS
        wanted = self.price_scan_sigmas * vol * math.sqrt(days)
        return max(self.price_scan, wanted) if math.isfinite(wanted) else self.price_scan

    def find_vol_move(self, vol: float) -> float:
        """Return by how much the volatility is moved, a fraction; `vol` as in `find_price_move`."""
        wanted = self.vol_scan_share * vol
        return max(self.vol_scan, wanted) if math.isfinite(wanted) else self.vol_scan
