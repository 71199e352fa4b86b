"""Which strikes the rungs of a template are, in a chain that is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.analytics.strategies.legs import Floats


@dataclass(frozen=True, slots=True)
class Spacing:
    """How far apart the rungs of a template are.

    Parameters
    ----------
    delta : the first rung on either side is the strike whose option out of the money has the delta
        nearest to this one, more than 0 and less than 1; None is by `distance`.
    distance : strikes from the money to the first rung, 1 or more.
    width : strikes from each rung to the next one farther out, 1 or more.
    """

    delta: float | None
    distance: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class StrikeLadder:
    """The strikes that a template may take.

    Parameters
    ----------
    strikes : float64 (n,), rupees, ascending.
    money : rupees, where the money is.
    call_deltas, put_deltas : float64 (n,), NaN where unknown.
    """

    strikes: Floats
    money: float
    call_deltas: Floats
    put_deltas: Floats


def pick_strikes(
    ladder: StrikeLadder, rungs: Iterable[int], spacing: Spacing
) -> npt.NDArray[np.intp]:
    """Return the place of each rung's strike on a ladder.

    Rung 0 is the strike nearest to the money, the lower of two. By delta the first rung is never
    that strike, so that no two rungs are one.

    Raises
    ------
    ValueError : the ladder is not that long, or has no delta on that side.
    """
    if not len(ladder.strikes) or not np.isfinite(ladder.money):
        msg = "a chain with strikes and a forward was wanted, found one without"
        raise ValueError(msg)
    money = int(np.argmin(np.abs(ladder.strikes - ladder.money)))
    places = [_find_place(ladder, money, rung, spacing) for rung in rungs]
    return np.array(places, np.intp)


def _find_place(ladder: StrikeLadder, money: int, rung: int, spacing: Spacing) -> int:
    if rung == 0:
        return money
    side = 1 if rung > 0 else -1
    first = spacing.distance
    if spacing.delta is not None:
        first = _count_to_delta(ladder, money, side, spacing.delta)
    place = money + side * (first + (abs(rung) - 1) * spacing.width)
    if not 0 <= place < len(ladder.strikes):
        held = len(ladder.strikes) - 1 - money if side > 0 else money
        where = "above" if side > 0 else "below"
        msg = f"{abs(place - money)} strikes {where} the money were wanted, the chain has {held}"
        raise ValueError(msg)
    return place


def _count_to_delta(ladder: StrikeLadder, money: int, side: int, delta: float) -> int:
    """Return how many strikes from the money the option with a delta is."""
    rows = slice(money + 1, None) if side > 0 else slice(0, money)
    deltas = np.abs(ladder.call_deltas if side > 0 else ladder.put_deltas)[rows][::side]
    if not np.isfinite(deltas).any():
        where = "above" if side > 0 else "below"
        msg = f"an option {where} the money with a delta near {delta} was wanted, none has one"
        raise ValueError(msg)
    return 1 + int(np.nanargmin(np.abs(deltas - delta)))
