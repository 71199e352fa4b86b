"""The volatility surface: an SVI slice of each expiry, and whether it allows arbitrage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import Floats
from strikewire.analytics.options.svi import (
    PARAMETERS,
    WING_SLOPE_MAX,
    compute_curves,
    compute_densities,
    compute_wing_slopes,
)
from strikewire.analytics.options.svi_fit import GRID, Floor, Smile, fit_slice

#: Five parameters want five strikes.
STRIKES_MIN: Final = len(PARAMETERS)
# Volatility points: how well a volatility is known though the book may be a tick wide. Without it
# a few tight strikes would decide alone.
_ERROR_MIN: Final = 0.05


class SliceReason(IntEnum):
    """Why an expiry has no slice. `NONE`: it has one."""

    NONE = 0
    #: The forward is unknown, or is no price.
    NO_FORWARD = 1
    #: No time is left to the cut-off, or it is unknown.
    EXPIRED = 2
    #: Fewer than five strikes have a volatility.
    TOO_FEW_STRIKES = 3
    #: All of them are on one side of the forward.
    ONE_SIDED = 4


@dataclass(frozen=True, slots=True)
class Smiles:
    """Volatilities of several expiries, one after the other, nearest first.

    Parameters
    ----------
    starts : int64 (e + 1,), the first strike of each expiry, and the number of strikes.
    strikes : float64 (n,), rupees, ascending within an expiry, each once.
    vols : float64 (n,), fractions, of the option out of the money, see `take_outer`; NaN where
        unknown.
    vegas : float64 (n,), of that option, rupees per volatility point; NaN where `vols` is.
    spreads : float64 (n,), its offer less its bid, rupees; NaN where unknown, which counts as the
        mean of those known in the expiry.
    forwards : float64 (e,), rupees; NaN where unknown.
    taus : float64 (e,), years to the cut-off, ascending.
    """

    starts: npt.NDArray[np.int64]
    strikes: Floats
    vols: Floats
    vegas: Floats
    spreads: Floats
    forwards: Floats
    taus: Floats


@dataclass(frozen=True, slots=True)
class Surface:
    """Slices, expiry by expiry, what they miss, and what they allow; NaN where there is none.

    Parameters
    ----------
    parameters : float64 (e, 5), of `svi.PARAMETERS`.
    reasons : uint8 (e,), of `SliceReason`.
    residuals : float64 (n,), fractions, the slice's volatility less the market's, strike by strike.
    errors : float64 (e,), fractions, the root of the residuals' weighted mean square.
    densities : float64 (e,), the least of Durrleman's function over the quoted range and half of it
        on either side; less than 0 is butterfly arbitrage.
    growths : float64 (e,), the least growth of total variance since the slice before, where both
        are quoted; less than 0 is calendar arbitrage. NaN without one, or without common strikes.
    wing_slopes : float64 (e,), `b * (1 + |rho|)`; above 2 is arbitrage far from the money.
    """

    parameters: Floats
    reasons: npt.NDArray[np.uint8]
    residuals: Floats
    errors: Floats
    densities: Floats
    growths: Floats
    wing_slopes: Floats

    @property
    def is_free(self) -> npt.NDArray[np.bool_]:
        """Which expiries have a slice, bool (e,), that allows none of the three."""
        is_later = np.isnan(self.growths) | (self.growths >= 0)
        return (self.densities >= 0) & is_later & (self.wing_slopes <= WING_SLOPE_MAX)


def take_outer(
    starts: npt.NDArray[np.int64], strikes: Floats, forwards: Floats, calls: Floats, puts: Floats
) -> Floats:
    """Return of each strike what its option out of the money says, float64 (n,).

    That is the put below the forward and the call from there up: of the other one the time value is
    a small part of the price, and so is what its volatility is made of.

    Parameters
    ----------
    starts, strikes, forwards : as `Smiles`.
    calls, puts : float64 (n,), volatilities, vegas or spreads.
    """
    return np.where(strikes >= np.repeat(forwards, np.diff(starts)), calls, puts)


def fit_surface(smiles: Smiles) -> Surface:
    """Fit a slice to each expiry, nearest first, each above the one before.

    Parameters
    ----------
    smiles : of e expiries with n strikes together.

    Returns
    -------
    Of e expiries and n strikes; the same for the same input. A strike weighs one over the square of
    what its volatility may be off by, half its spread over vega, and 0.05 points; without a single
    spread in the expiry, its vega squared.

    Raises
    ------
    ValueError : the columns do not fit each other, or do not ascend.

    Notes
    -----
    Some milliseconds an expiry. Where the market itself allows arbitrage, or an expiry is at odds
    with one before, the residuals say so.

    Oracle: in the tests, the slices that volatilities were made of, 1e-6.
    """
    _check(smiles)
    count = len(smiles.forwards)
    surface = Surface(
        parameters=np.full((count, len(PARAMETERS)), np.nan),
        reasons=np.zeros(count, np.uint8),
        residuals=np.full(len(smiles.strikes), np.nan),
        errors=np.full(count, np.nan),
        densities=np.full(count, np.nan),
        growths=np.full(count, np.nan),
        wing_slopes=np.full(count, np.nan),
    )
    before: tuple[Smile, Floats] | None = None
    for expiry in range(count):
        rows = _find_rows(smiles, expiry)
        reason = _find_reason(smiles, expiry, rows)
        surface.reasons[expiry] = reason
        if reason is not SliceReason.NONE:
            continue
        smile = Smile(
            k=np.log(smiles.strikes[rows] / smiles.forwards[expiry]),
            vols=smiles.vols[rows],
            weights=_weigh(smiles.vegas[rows], smiles.spreads[rows]),
            tau=float(smiles.taus[expiry]),
        )
        floor = _make_floor(smile, before)
        parameters = fit_slice(smile, floor)
        before = smile, parameters
        surface.parameters[expiry] = parameters
        vols = np.sqrt(compute_curves(parameters, smile.k).variances / smile.tau)
        misses = vols - smile.vols
        surface.residuals[rows] = misses
        surface.errors[expiry] = np.sqrt(np.average(misses**2, weights=smile.weights))
        grid = smile.make_grid()
        surface.densities[expiry] = compute_densities(compute_curves(parameters, grid), grid).min()
        if len(floor.k):
            growths = compute_curves(parameters, floor.k).variances - floor.variances
            surface.growths[expiry] = growths.min()
        surface.wing_slopes[expiry] = compute_wing_slopes(parameters)
    return surface


def _check(smiles: Smiles) -> None:
    count, total = len(smiles.forwards), len(smiles.strikes)
    rows = {len(each) for each in (smiles.vols, smiles.vegas, smiles.spreads)}
    if len(smiles.starts) != count + 1 or smiles.starts[-1] != total or rows != {total}:
        msg = (
            f"{count + 1} starts up to {total} and columns of that length were wanted, found "
            f"{smiles.starts.tolist()} and {sorted(rows)}"
        )
        raise ValueError(msg)
    if len(smiles.taus) != count or (np.diff(smiles.taus) < 0).any():
        msg = f"{count} expiries that ascend were wanted, found {smiles.taus.tolist()}"
        raise ValueError(msg)
    is_first = np.isin(np.arange(1, total), smiles.starts)
    if not ((np.diff(smiles.strikes) > 0) | is_first).all():
        msg = "strikes that ascend within an expiry were wanted"
        raise ValueError(msg)


def _find_rows(smiles: Smiles, expiry: int) -> npt.NDArray[np.intp]:
    """Return the strikes of an expiry that have a volatility."""
    first, end = smiles.starts[expiry], smiles.starts[expiry + 1]
    vols, vegas = smiles.vols[first:end], smiles.vegas[first:end]
    is_known = (vols > 0) & np.isfinite(vols) & (vegas > 0) & np.isfinite(vegas)
    found: npt.NDArray[np.intp] = np.flatnonzero(is_known) + first
    return found


def _find_reason(smiles: Smiles, expiry: int, rows: npt.NDArray[np.intp]) -> SliceReason:
    forward, strikes = smiles.forwards[expiry], smiles.strikes[rows]
    if not 0 < forward < np.inf:
        return SliceReason.NO_FORWARD
    if not 0 < smiles.taus[expiry] < np.inf:
        return SliceReason.EXPIRED
    if len(rows) < STRIKES_MIN:
        return SliceReason.TOO_FEW_STRIKES
    if not strikes[0] <= forward <= strikes[-1]:
        return SliceReason.ONE_SIDED
    return SliceReason.NONE


def _weigh(vegas: Floats, spreads: Floats) -> Floats:
    is_known = np.isfinite(spreads) & (spreads >= 0)
    if not is_known.any():
        shares: Floats = vegas / vegas.max()
        return shares * shares
    half_spreads = 0.5 * np.where(is_known, spreads, spreads[is_known].mean())
    errors: Floats = half_spreads / vegas
    return 1.0 / (errors * errors + _ERROR_MIN**2)


def _make_floor(smile: Smile, before: tuple[Smile, Floats] | None) -> Floor:
    """Return the earlier slice where both expiries are quoted."""
    if before is None:
        return Floor(np.empty(0), np.empty(0))
    earlier, parameters = before
    first, last = max(smile.k[0], earlier.k[0]), min(smile.k[-1], earlier.k[-1])
    k = np.linspace(first, last, GRID) if first < last else np.empty(0)
    return Floor(k, compute_curves(parameters, k).variances)
