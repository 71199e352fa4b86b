"""One volatility a day, of a constant time to expiry: what IV rank and percentile are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.expiry_time import YEAR_NS, compute_taus
from strikewire.analytics.options.term_structure import interpolate_vol
from strikewire.analytics.options.volatility_rank import WINDOW, rank_among
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.reference.sessions import SessionCalendar

#: What volatilities are compared at, unless another time is asked for.
HORIZON_NS: Final = 30 * DAY_NS
#: Past the horizon: the expiries that lie furthest apart do so by half a year.
REACH_NS: Final = 185 * DAY_NS


@dataclass(frozen=True, slots=True, eq=False)
class TradingDays:
    """Days on which a venue was open, oldest first.

    Parameters
    ----------
    days_ns : int64 (d,), 00:00 UTC of the trading day.
    spans_ns : int64 (d, 2), `[from, to)`, in which the minutes of its sessions open: the one that
        opens at the last close is the day's too, as `SessionCalendar.find` has it.
    """

    days_ns: npt.NDArray[np.int64]
    spans_ns: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.days_ns)

    def cut(self, count: int) -> TradingDays:
        """Return the first days."""
        return TradingDays(self.days_ns[:count], self.spans_ns[:count])

    def find(self, minutes_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the place of the last day that had begun by each minute; -1 before the first."""
        return np.searchsorted(self.spans_ns[:, 0], minutes_ns, side="right") - 1


def list_days(calendar: SessionCalendar, until_ns: int, count: int) -> TradingDays:
    """Return the last days that had begun before an instant, at most `count`."""
    end = int(np.searchsorted(calendar.opens_ns, until_ns))
    first = max(0, end - count)
    # Where one day begins as the other ends, the minute is the new one's.
    ends_ns = np.minimum(
        calendar.closes_ns + MINUTE_NS, np.append(calendar.opens_ns[1:], np.iinfo(np.int64).max)
    )
    spans_ns = np.column_stack([calendar.opens_ns, ends_ns])[first:end]
    return TradingDays(calendar.days_ns[first:end], spans_ns)


def compute_daily_vols(
    rows: npt.NDArray[np.void],
    cutoffs_ns: npt.NDArray[np.int64],
    days: TradingDays,
    *,
    horizon_ns: int,
) -> npt.NDArray[np.float64]:
    """Return the volatility at the money of each day's end, for a constant time to expiry.

    Parameters
    ----------
    rows : EXPIRY_METRICS_DTYPE (n,), at most one of each expiry a day, each within `days`;
        `expiry_id` is a place in `cutoffs_ns`.
    cutoffs_ns : (e,), ascending.

    Returns
    -------
    float64 (d,), fraction; NaN where no expiry says anything. Time is counted from the newest of
        the day's rows: of an expiry of which little is traded the last one may be an older one.
    """
    vols = np.full(len(days), np.nan)
    places = days.find(rows["ts_ns"])
    for place in np.unique(places).tolist():
        found = np.sort(rows[places == place], order="expiry_id")
        taus = compute_taus(cutoffs_ns[found["expiry_id"]], int(found["ts_ns"].max()) + MINUTE_NS)
        is_going = taus > 0
        vols[place] = interpolate_vol(
            found["atm_iv"][is_going], taus[is_going], horizon_ns / YEAR_NS
        )
    return vols


def compute_minute_vols(
    rows: npt.NDArray[np.void], *, horizon_ns: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the volatility at the money at each minute's end, for a constant time to expiry.

    Parameters
    ----------
    rows : EXPIRY_METRICS_DTYPE (n,), of one underlying.

    Returns
    -------
    Stamps, int64 (m,), and fractions, float64 (m,): of the chains that say something of the minute,
    NaN where none does.
    """
    going = rows[rows["tau"] > 0]
    ordered = going[np.lexsort((going["tau"], going["ts_ns"]))]
    stamps, starts = np.unique(ordered["ts_ns"], return_index=True)
    vols = [
        interpolate_vol(each["atm_iv"], each["tau"], horizon_ns / YEAR_NS)
        for each in np.split(ordered, starts[1:])
    ]
    return stamps, np.array(vols[: len(stamps)])


class PastVols:
    """A volatility of each day, among which those of a day's moments are ranked.

    Parameters
    ----------
    days : those before the moments, theirs, and some that are yet to come.
    vols : float64 (d,), how each day ended; NaN where that is not known.
    """

    def __init__(self, days: TradingDays, vols: npt.NDArray[np.float64]) -> None:
        self._days = days
        self._vols = vols

    def note(self, minute_ns: int, vol: float) -> None:
        """Take a minute's volatility for its day's: it is, unless a later one comes."""
        if np.isfinite(vol):
            self._vols[self._days.find(np.array([minute_ns]))] = vol

    def rank(
        self, minutes_ns: npt.NDArray[np.int64], vols: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return the IV rank of moments, float64 (m,), per cent; NaN where it is not known."""
        places = self._days.find(minutes_ns)
        ranks = np.full(len(vols), np.nan)
        for place in np.unique(places).tolist():
            before = self._vols[max(0, place - WINDOW) : max(0, place)]
            ranks[places == place] = rank_among(vols[places == place], before)
        return ranks
