"""What a strategy makes at its horizon: break-evens, the best and the worst, and where it gains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.elementary_nb import SQRT_HALF
from strikewire.analytics.strategies.legs import Floats, Legs, compute_pnls

#: How far up levels are looked at: in standard deviations until the horizon, and at least so many
#: times the present level and the highest strike.
_TOP_DEVIATIONS: Final = 5.0
_TOP_RATIO: Final = 1.5
#: Of what is at stake; nearer to 0 is 0. Prices are multiples of a tick, their sums in binary not.
_TOLERANCE: Final = 1e-12
#: Where options go on the curve bends: it is looked at so many levels, and then between them.
_BENT_LEVELS: Final = 4_001
_ZOOM_LEVELS: Final = 33
_ZOOMS: Final = 8
_HALVINGS: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class Payoff:
    """Profit and loss when the first leg ends, over where the underlying is then.

    Parameters
    ----------
    is_exact : it is made of straight lines with corners at strikes, and so are all numbers here.
        Where options go on past the horizon it bends: break-evens are found to 1e-9 of the level,
        extremes to 1e-9 of themselves, and what is narrower than a thousandth of the level is not
        seen.
    break_evens : float64 (b,), rupees, ascending: every level at which it is 0, touching included.
    flats : float64 (f, 2), ends of stretches on which it is 0 throughout; the last may be infinite.
    gains : float64 (g, 2), ends of the stretches on which it is more than 0, ascending.
    max_profit, max_loss : rupees, the largest and the least it can be; infinite without a bound.
    max_profit_level, max_loss_level : rupees, the lowest level with it; NaN where it has no bound.
    """

    is_exact: bool
    break_evens: Floats
    flats: Floats
    gains: Floats
    max_profit: float
    max_profit_level: float
    max_loss: float
    max_loss_level: float


def find_payoff(legs: Legs) -> Payoff:
    """Find out what a strategy makes when its first leg ends.

    Parameters
    ----------
    legs : at least one.

    Returns
    -------
    Over levels from 0 to infinity. Whether there is a bound is told by the units: net long calls,
    futures and underlying gain without one, net short lose. Where they cancel, what is said is of
    levels up to half as high again as now and as every strike, and five standard deviations:
    farther up carry and interest go on moving legs of different expiries apart, and a bound there
    would be one at a level no market comes to.

    Oracle: tests/oracles/strategies.py, 1e-9 of what is at stake.
    """
    nodes = _list_nodes(legs)
    pnls = _measure(legs, nodes)
    stakes = _TOLERANCE * (
        np.abs(legs.quantities) @ legs.entries + nodes * np.abs(legs.quantities).sum()
    )
    signs = np.where(np.abs(pnls) <= stakes, 0.0, np.sign(pnls))
    slope = legs.net_upside
    points, flats = _find_zeros(legs, nodes, signs)
    if slope != 0.0 and signs[-1] == -np.sign(slope):
        # Past the top it goes on straight.
        rise = float(_measure(legs, 2.0 * nodes[-1:])[0] - pnls[-1])
        points = np.append(points, nodes[-1] * (1.0 - pnls[-1] / rise))
    elif slope == 0.0 and len(flats) and flats[-1, 1] == nodes[-1]:
        flats[-1, 1] = np.inf
    best = _find_extreme(legs, nodes, pnls, 1.0)
    worst = _find_extreme(legs, nodes, pnls, -1.0)
    return Payoff(
        is_exact=legs.is_common,
        break_evens=points,
        flats=flats,
        gains=_find_gains(legs, points, flats, top=float(nodes[-1])),
        max_profit=np.inf if slope > 0.0 else best[1],
        max_profit_level=np.nan if slope > 0.0 else best[0],
        max_loss=-np.inf if slope < 0.0 else worst[1],
        max_loss_level=np.nan if slope < 0.0 else worst[0],
    )


def _list_nodes(legs: Legs) -> Floats:
    """Return the levels to look at: 0, strikes, the top, and others where the curve bends."""
    strikes = legs.strikes[legs.is_option]
    vol = float(np.max(legs.vols[legs.is_option], initial=0.0))
    top = max(
        legs.level * math.exp(_TOP_DEVIATIONS * vol * math.sqrt(legs.horizon)),
        _TOP_RATIO * float(np.max(strikes, initial=legs.level)),
    )
    between = np.empty(0) if legs.is_common else np.linspace(0.0, top, _BENT_LEVELS)
    return np.unique(np.concatenate([[0.0, top], strikes, between]))


def _measure(legs: Legs, levels: Floats) -> Floats:
    return compute_pnls(legs, levels, times=legs.horizon)[:, 0, 0]


def _find_zeros(legs: Legs, nodes: Floats, signs: Floats) -> tuple[Floats, Floats]:
    """Return the levels, float64 (b,), and stretches, float64 (f, 2), at which it is 0."""
    is_zero = signs == 0.0
    is_flat = is_zero[1:] & is_zero[:-1]
    # A stretch over several corners is one.
    edges = np.diff(np.concatenate([[0], is_flat.astype(np.int8), [0]]))
    flats = np.stack([nodes[:-1][edges[:-1] == 1], nodes[1:][edges[1:] == -1]], axis=1)
    is_inside = np.append(is_flat, False) | np.append(False, is_flat)
    turns = np.flatnonzero(signs[1:] * signs[:-1] < 0.0)
    lows, highs = nodes[turns], nodes[turns + 1]
    points = np.concatenate([nodes[is_zero & ~is_inside], _cross(legs, lows, highs)])
    return np.sort(points), flats


def _cross(legs: Legs, lows: Floats, highs: Floats) -> Floats:
    """Return where it is 0 between levels at which its signs differ."""
    if not len(lows):
        return lows
    first = _measure(legs, lows)
    if legs.is_common:
        last = _measure(legs, highs)
        return lows + (highs - lows) * (first / (first - last))
    for _ in range(_HALVINGS):
        middles = 0.5 * (lows + highs)
        is_before = np.sign(_measure(legs, middles)) == np.sign(first)
        lows, highs = np.where(is_before, middles, lows), np.where(is_before, highs, middles)
    return 0.5 * (lows + highs)


def _find_extreme(legs: Legs, nodes: Floats, pnls: Floats, side: float) -> tuple[float, float]:
    """Return the level and the amount of the most, or with a `side` of -1 of the least."""
    at = int(np.argmax(side * pnls))
    level, amount = float(nodes[at]), float(pnls[at])
    if legs.is_common:
        return level, amount
    low, high = float(nodes[max(at - 1, 0)]), float(nodes[min(at + 1, len(nodes) - 1)])
    for _ in range(_ZOOMS):
        inner = np.linspace(low, high, _ZOOM_LEVELS)
        found = _measure(legs, inner)
        best = int(np.argmax(side * found))
        if side * found[best] > side * amount:
            level, amount = float(inner[best]), float(found[best])
        low, high = inner[max(best - 1, 0)], inner[min(best + 1, _ZOOM_LEVELS - 1)]
    return level, amount


def _find_gains(legs: Legs, points: Floats, flats: Floats, *, top: float) -> Floats:
    """Return the stretches between zeros on which there is a gain."""
    zeros = np.unique(np.concatenate([[0.0], points, flats.ravel()]))
    lows = zeros[np.isfinite(zeros)]
    highs = np.append(lows[1:], np.inf)
    inside = np.where(np.isfinite(highs), 0.5 * (lows + highs), np.maximum(2.0 * lows, top))
    is_gain = _measure(legs, inside) > 0.0
    for low, high in flats.tolist():
        is_gain &= ~((inside > low) & (inside < high))
    return np.stack([lows[is_gain], highs[is_gain]], axis=1)


def compute_probability(gains: npt.ArrayLike, *, forward: float, vol: float, tau: float) -> float:
    """Compute how probable it is that a price ends in one of some stretches.

    Parameters
    ----------
    gains : float64 (g, 2), ends of stretches, rupees, 0 to infinite; they do not overlap.
    forward : rupees, what the price is on average.
    vol : fraction, a year.
    tau : years.

    Returns
    -------
    0 to 1, under Black's lognormal distribution; NaN where an input is. Without volatility or time
    the price is the forward.

    Oracle: tests/oracles/strategies.py, 1e-12.
    """
    ends = np.asarray(gains, np.float64).reshape(-1, 2)
    deviation = vol * np.sqrt(tau)
    if not (forward > 0.0 and deviation >= 0.0):
        return np.nan
    if deviation == 0.0:
        return float(((ends[:, 0] < forward) & (forward < ends[:, 1])).any())
    with np.errstate(divide="ignore"):
        scores = np.log(ends / forward) / deviation + 0.5 * deviation
    # A few numbers, so by the library's own function one by one.
    return math.fsum(
        0.5 * (math.erfc(-high * SQRT_HALF) - math.erfc(-low * SQRT_HALF))
        for low, high in scores.tolist()
    )
