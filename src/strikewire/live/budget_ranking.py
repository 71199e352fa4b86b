"""The ranking of a budget: who comes first, when not everybody can be heard.

Pure, and one vectorised pass over columns: 35,000 contracts are ranked anew in a few milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.live.budget_universe import NOBODY, Universe


class Reason(IntEnum):
    """Why an instrument is wanted: the first that holds. In the order of what comes first."""

    #: Somebody holds it.
    POSITION = 0
    #: The settings name it.
    PINNED = 1
    #: An index, a share or a future: what everything else hangs on.
    UNDERLYING = 2
    #: Its strike is in the window around the money.
    WINDOW = 3
    #: Of those outside, it is among the ones with the most open interest.
    OPEN_INTEREST = 4
    #: A client listens to it.
    WATCHED = 5
    #: It is listed, and nothing else speaks for it.
    LISTED = 6


#: From here on open interest decides, before who watches.
_OUTSIDE: Final = Reason.OPEN_INTEREST


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """What comes first.

    Parameters
    ----------
    strikes : how many strikes each side of the money the window of the nearest expiry has, of the
        next, and so on; the last number is that of all later ones too.
    strike_band : how far beyond the middle between two strikes spot has to be before the window
        moves, in distances of those strikes.
    oi_contracts : how many contracts outside of the windows come before watched ones for their open
        interest.
    oi_band : how much more open interest than a contract with a slot another has to have before it
        takes its place, as a fraction.
    """

    strikes: tuple[int, ...] = (20, 12, 8, 4)
    strike_band: float = 0.25
    oi_contracts: int = 1_500
    oi_band: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """What speaks for each instrument of a universe of n, and c chains.

    Parameters
    ----------
    is_position, is_pinned, is_watched : bool (n,).
    is_streamed : bool (n,), who has a slot.
    oi : float64 (n,), open interest, units; NaN unknown.
    anchors : intp (c,), the strike that is the money's, as a place in the chain; NOBODY unknown.
    """

    is_position: npt.NDArray[np.bool_]
    is_pinned: npt.NDArray[np.bool_]
    is_watched: npt.NDArray[np.bool_]
    is_streamed: npt.NDArray[np.bool_]
    oi: npt.NDArray[np.float64]
    anchors: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Who comes before whom, and why.

    Parameters
    ----------
    order : intp (n,), rows of the universe, the first first.
    reasons : int8 (n,), a `Reason` for each row of the universe.
    """

    order: npt.NDArray[np.intp]
    reasons: npt.NDArray[np.int8]


def compute_anchors(
    universe: Universe,
    spots: npt.NDArray[np.float64],
    held: npt.NDArray[np.intp],
    *,
    band: float,
) -> npt.NDArray[np.intp]:
    """Return the money's strike of each chain, which stays where it is while spot only trembles.

    Parameters
    ----------
    spots : float64 (c,), NaN unknown: then the strike stays what it was.
    held : intp (c,), what the last call returned; NOBODY at first.
    band : see `RankingConfig.strike_band`.

    Returns
    -------
    intp (c,). A strike that is held is left when spot is further from it than half the way to its
    neighbour and the band. Oracle: tests/oracles/budget.py.
    """
    starts, strikes = universe.starts[:-1], universe.strikes
    sizes = np.diff(universe.starts)
    is_below = strikes < np.repeat(spots, sizes)
    counted = np.concatenate([[0], np.cumsum(is_below)])
    below = counted[universe.starts[1:]] - counted[starts]
    upper, lower = np.minimum(below, sizes - 1), np.maximum(below - 1, 0)
    is_upper = strikes[starts + upper] - spots < spots - strikes[starts + lower]
    nearest = np.where(is_upper, upper, lower)
    held_or_first = np.maximum(held, 0)
    neighbours = held_or_first + np.sign(nearest - held_or_first)
    held_strikes = strikes[starts + held_or_first]
    gaps = np.abs(strikes[starts + neighbours] - held_strikes)
    is_left = np.abs(spots - held_strikes) > (0.5 + band) * gaps
    moved = np.where((held == NOBODY) | is_left, nearest, held)
    return np.where(np.isnan(spots), held, moved)


def rank(universe: Universe, claims: Claims, config: RankingConfig) -> Ranking:
    """Rank everything that is wanted.

    Positions, those with a slot first; what the settings name; indices, shares and futures; windows
    around the money, from the middle outwards, each by the share of its own width; the most open
    interest outside of them, by what it is worth at the strike; what is watched; and the rest as
    open interest has it. Ties go by the rows' order, so that equal claims give equal rankings.

    Cost: a few sorts of n keys. Oracle: tests/oracles/budget.py.
    """
    distances = _measure_distances(universe, claims.anchors, config.strikes)
    reasons = np.full(len(universe), Reason.LISTED, np.int8)
    reasons[claims.is_watched] = Reason.WATCHED
    reasons[distances <= 1] = Reason.WINDOW
    reasons[universe.chain_of == NOBODY] = Reason.UNDERLYING
    reasons[claims.is_pinned] = Reason.PINNED
    reasons[claims.is_position] = Reason.POSITION
    outside = _sort_by_oi(universe, claims, distances, config, np.flatnonzero(reasons >= _OUTSIDE))
    heaviest = outside[claims.oi[outside] > 0][: config.oi_contracts]
    reasons[heaviest] = Reason.OPEN_INTEREST
    window = np.flatnonzero(reasons == Reason.WINDOW)
    order = np.concatenate(
        [
            _put_streamed_first(np.flatnonzero(reasons == Reason.POSITION), claims),
            np.flatnonzero(reasons == Reason.PINNED),
            np.flatnonzero(reasons == Reason.UNDERLYING),
            window[np.argsort(distances[window], kind="stable")],
            heaviest,
            _put_streamed_first(np.flatnonzero(reasons == Reason.WATCHED), claims),
            outside[reasons[outside] == Reason.LISTED],
        ]
    )
    return Ranking(order=order, reasons=reasons)


def _measure_distances(
    universe: Universe, anchors: npt.NDArray[np.intp], strikes: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """Return float64 (n,): how far from the money, 1 is the window's edge; else infinity."""
    distances = np.full(len(universe), np.inf)
    widths = np.array(strikes, np.float64)[np.minimum(universe.expiry_ranks, len(strikes) - 1)]
    rows = np.flatnonzero(universe.chain_of != NOBODY)
    chains = universe.chain_of[rows]
    steps = np.abs(universe.step_of[rows] - anchors[chains])
    is_known = (anchors[chains] != NOBODY) & (widths[chains] > 0)
    distances[rows[is_known]] = steps[is_known] / widths[chains][is_known]
    return distances


def _sort_by_oi(
    universe: Universe,
    claims: Claims,
    distances: npt.NDArray[np.float64],
    config: RankingConfig,
    rows: npt.NDArray[np.intp],
) -> npt.NDArray[np.intp]:
    """Return rows of options by open interest, then those with a slot, then those near the money.

    Contracts on a share have lots a thousand times those on an index: units are not compared, but
    what they are worth at the strike.
    """
    places = universe.starts[universe.chain_of[rows]] + universe.step_of[rows]
    is_streamed = claims.is_streamed[rows]
    values = np.nan_to_num(claims.oi[rows]) * universe.strikes[places]
    values[is_streamed] *= 1 + config.oi_band
    return rows[np.lexsort((distances[rows], ~is_streamed, -values))]


def _put_streamed_first(rows: npt.NDArray[np.intp], claims: Claims) -> npt.NDArray[np.intp]:
    return rows[np.argsort(~claims.is_streamed[rows], kind="stable")]
