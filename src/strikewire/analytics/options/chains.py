"""The figures of each expiry's chain: open interest, the money's volatility, skew, gamma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options import chains_nb
from strikewire.analytics.options.chains_nb import ChainSide
from strikewire.analytics.options.rows import Floats, OptionRows, broadcast_floats
from strikewire.analytics.options.valuation import compute_values

#: How far from the forward, and in how many steps, a flip of gamma is looked for.
_FLIP_RANGE = 0.15
_FLIP_LEVELS = 121


@dataclass(frozen=True, slots=True)
class Chains:
    """Chains of several expiries, one after the other.

    Parameters
    ----------
    starts : int64 (e + 1,), the first strike of each expiry, and the number of strikes.
    strikes : float64 (n,), rupees, ascending within an expiry, each once.
    calls, puts : of those strikes.
    forwards : float64 (e,), rupees; NaN where unknown.
    taus : float64 (e,), years to the cut-off.
    """

    starts: npt.NDArray[np.int64]
    strikes: Floats
    calls: ChainSide
    puts: ChainSide
    forwards: Floats
    taus: Floats


@dataclass(frozen=True, slots=True)
class ExpiryFigures:
    """What a chain says as a whole, expiry by expiry: float64 (e,), NaN where it says nothing.

    Parameters
    ----------
    call_oi, put_oi : open interest, units; the sum of what is known.
    call_oi_changes, put_oi_changes : since the session before, units.
    pcr_oi, pcr_volumes : puts over calls, by open interest and by the day's volume.
    max_pains : rupees, the strike at which all open options together would pay least; the lowest of
        several. An unknown open interest counts as none.
    atm_strikes : rupees, the strike nearest to the forward; the lower of two.
    atm_vols : fraction, at the forward itself: between the strikes on either side, linearly in the
        logarithm; of a strike the mean of call and put.
    straddles : rupees per unit, call and put of the strike at the money.
    strangles : rupees per unit, the call one strike above it and the put one below.
    expected_moves : rupees, one standard deviation until the cut-off: forward * vol * sqrt(tau).
    risk_reversals : fraction, volatility of the call less that of the put with a delta of a
        quarter, linearly in delta between strikes out of the money.
    butterflies : fraction, the mean of those two less the volatility at the money.
    gex : rupees of underlying that must be bought for each per cent the forward rises if all calls
        are held and all puts are owed: the usual assumption on dealers, which nobody can check.
    """

    call_oi: Floats
    put_oi: Floats
    call_oi_changes: Floats
    put_oi_changes: Floats
    pcr_oi: Floats
    pcr_volumes: Floats
    max_pains: Floats
    atm_strikes: Floats
    atm_vols: Floats
    straddles: Floats
    strangles: Floats
    expected_moves: Floats
    risk_reversals: Floats
    butterflies: Floats
    gex: Floats


def compute_figures(chains: Chains) -> tuple[ExpiryFigures, Floats]:
    """Compute each expiry's figures, in one pass over its strikes.

    Parameters
    ----------
    chains : of e expiries with n strikes together.

    Returns
    -------
    figures : of e expiries.
    exposures : float64 (n,), what each strike adds to `gex`; NaN where neither side is known.

    Raises
    ------
    ValueError : the columns do not fit each other, or strikes do not ascend.

    Oracle: tests/oracles/chains.py, 1e-12.
    """
    count, total = len(chains.forwards), len(chains.strikes)
    starts = np.require(chains.starts, np.int64, ("C", "W"))
    if len(starts) != count + 1 or starts[-1] != total:
        msg = f"{count + 1} starts up to {total} were wanted, found {starts.tolist()}"
        raise ValueError(msg)
    is_ascending = np.diff(chains.strikes) > 0
    # Where an expiry begins after others, and before its end, it may begin lower.
    borders = starts[(starts > 0) & (starts < total)]
    is_ascending[borders - 1] = True
    if not is_ascending.all():
        row = int(np.argmin(is_ascending))
        found = chains.strikes[row : row + 2].tolist()
        msg = f"strikes that ascend within an expiry were wanted, found {found}"
        raise ValueError(msg)
    figures = np.empty((chains_nb.FIGURES, count))
    exposures = np.empty(total)
    chains_nb.compute_figures_nb(
        starts,
        broadcast_floats(chains.strikes, total),
        ChainSide(*(broadcast_floats(column, total) for column in chains.calls)),
        ChainSide(*(broadcast_floats(column, total) for column in chains.puts)),
        broadcast_floats(chains.forwards, count),
        broadcast_floats(chains.taus, count),
        figures,
        exposures,
    )
    return ExpiryFigures(*figures), exposures


def find_gamma_flip(chains: Chains, expiry: int) -> float:
    """Return the forward nearest to the present one at which an expiry's `gex` changes its sign.

    Every option is measured again at each level, at its own strike's volatility: what stands at a
    strike now says little of what will stand there when the market is.

    Parameters
    ----------
    expiry : its place in `chains`.

    Returns
    -------
    float, rupees; NaN where it changes nowhere within 15 % either way.

    Oracle: tests/oracles/chains.py, 1e-6 of the forward.
    """
    part = slice(int(chains.starts[expiry]), int(chains.starts[expiry + 1]))
    forward, tau = float(chains.forwards[expiry]), float(chains.taus[expiry])
    strikes = np.tile(chains.strikes[part], 2)
    vols = np.concatenate([chains.calls.vols[part], chains.puts.vols[part]])
    held = np.concatenate([chains.calls.oi[part], -chains.puts.oi[part]])
    is_known = np.isfinite(vols * held)
    strikes, vols, held = strikes[is_known], vols[is_known], held[is_known]
    if not len(strikes) or not 0 < forward < np.inf:
        return np.nan

    def measure(levels: Floats) -> Floats:
        # Gamma is the same of calls and puts.
        rows = OptionRows.on_forwards(
            forwards=np.repeat(levels, len(strikes)),
            strikes=np.tile(strikes, len(levels)),
            taus=tau,
            rates=0.0,
            is_call=True,
        )
        gammas = compute_values(np.tile(vols, len(levels)), rows).greeks.gammas
        exposures: Floats = gammas.reshape(len(levels), -1) @ held * levels * levels
        return exposures

    levels = forward * np.linspace(1 - _FLIP_RANGE, 1 + _FLIP_RANGE, _FLIP_LEVELS)
    signs = np.sign(measure(levels))
    turns = np.flatnonzero(signs[1:] * signs[:-1] < 0)
    if not len(turns):
        return np.nan
    turn = turns[np.argmin(np.abs(levels[turns] + levels[turns + 1] - 2 * forward))]
    low, high = levels[turn], levels[turn + 1]
    # Sixteen parts three times over: a step of a quarter per cent to less than a millionth.
    for _ in range(3):
        inner = np.linspace(low, high, 17)
        at = int(np.argmax(np.sign(measure(inner)) == signs[turn + 1]))
        low, high = inner[at - 1], inner[at]
    return float(0.5 * (low + high))
