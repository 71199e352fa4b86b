"""What futures say: basis, carry, spreads between expiries, rollover, and who is building up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class BuildUp(IntEnum):
    """What a change of price and of open interest together are called."""

    #: Either is unknown or did not change.
    NONE = 0
    #: Price up, open interest up: buyers open.
    LONG_BUILD_UP = 1
    #: Price down, open interest up: sellers open.
    SHORT_BUILD_UP = 2
    #: Price up, open interest down: sellers close.
    SHORT_COVERING = 3
    #: Price down, open interest down: buyers close.
    LONG_UNWINDING = 4


@dataclass(frozen=True, slots=True)
class FutureFigures:
    """What each future of one underlying says, nearest expiry first; NaN where it cannot.

    Parameters
    ----------
    bases : float64 (e,), rupees, future less spot.
    carries : float64 (e,), a year, continuously compounded: ln(future / spot) / tau.
    spreads : float64 (e,), rupees, this future less the one before it; the first is NaN.
    rollover_costs : float64 (e,), a year, continuously compounded: what moving a long position from
        the expiry before to this one costs; the first is NaN.
    oi_shares : float64 (e,), this expiry's part of all open interest known.
    """

    bases: Floats
    carries: Floats
    spreads: Floats
    rollover_costs: Floats
    oi_shares: Floats

    @property
    def rollover(self) -> float:
        """The part of all open interest that is no longer in the nearest expiry."""
        return float(1.0 - self.oi_shares[0]) if len(self.oi_shares) else np.nan


def compute_future_figures(
    futures: Floats, oi: Floats, taus: Floats, *, spot: float
) -> FutureFigures:
    """Compute basis, carry, spreads and rollover of the futures of one underlying.

    Parameters
    ----------
    futures : float64 (e,), prices, rupees, nearest expiry first; NaN where unknown.
    oi : float64 (e,), open interest, units; NaN where unknown.
    taus : float64 (e,), years to each cut-off, ascending.
    spot : rupees; NaN where unknown.

    Returns
    -------
    Of e futures. No time left is no carry: NaN.

    Raises
    ------
    ValueError : the columns differ in length, or `taus` does not ascend.

    Oracle: tests/oracles/futures.py, 1e-12.
    """
    if not len(futures) == len(oi) == len(taus):
        msg = f"columns of one length were wanted, found {len(futures)}, {len(oi)}, {len(taus)}"
        raise ValueError(msg)
    if not (np.diff(taus) > 0).all():
        msg = f"expiries that ascend were wanted, found {taus.tolist()}"
        raise ValueError(msg)
    prices = np.where(futures > 0, futures, np.nan)
    bases, carries = compute_bases(futures, np.full(len(futures), spot), taus)
    spreads, costs = np.full(len(prices), np.nan), np.full(len(prices), np.nan)
    spreads[1:] = np.diff(prices)
    costs[1:] = np.log(prices[1:] / prices[:-1]) / np.diff(taus)
    total = float(np.nansum(oi))
    return FutureFigures(
        bases=bases,
        carries=carries,
        spreads=spreads,
        rollover_costs=costs,
        oi_shares=oi / (total if total > 0 else np.nan),
    )


def compute_bases(futures: Floats, spots: Floats, taus: Floats) -> tuple[Floats, Floats]:
    """Compute basis and carry of futures, each on a spot of its own.

    Parameters
    ----------
    futures, spots : float64 (n,), rupees; NaN where unknown.
    taus : float64 (n,), years to the cut-offs; NaN where unknown.

    Returns
    -------
    bases : float64 (n,), rupees.
    carries : float64 (n,), a year, continuously compounded. No time left is no carry: NaN.
    """
    prices = np.where(futures > 0, futures, np.nan)
    levels = np.where(spots > 0, spots, np.nan)
    times = np.where(taus > 0, taus, np.nan)
    return prices - levels, np.log(prices / levels) / times


def classify_build_up(price_changes: Floats, oi_changes: Floats) -> npt.NDArray[np.uint8]:
    """Name what each contract's change of price and open interest mean together.

    Parameters
    ----------
    price_changes, oi_changes : float64 (n,), since the same instant; NaN where unknown.

    Returns
    -------
    uint8 (n,), of `BuildUp`.
    """
    is_up, is_down = price_changes > 0, price_changes < 0
    grows, shrinks = oi_changes > 0, oi_changes < 0
    return np.select(
        [is_up & grows, is_down & grows, is_up & shrinks, is_down & shrinks],
        [
            BuildUp.LONG_BUILD_UP,
            BuildUp.SHORT_BUILD_UP,
            BuildUp.SHORT_COVERING,
            BuildUp.LONG_UNWINDING,
        ],
        BuildUp.NONE,
    ).astype(np.uint8)
