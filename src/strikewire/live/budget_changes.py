"""Changes of a budget: who takes whose slot now, and who waits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import MINUTE_NS

#: Who comes and who goes: two changes.
_EXCHANGE: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """One step from what is streamed towards what should be.

    Parameters
    ----------
    added, removed : intp (a,) and (r,), rows of the universe.
    counted : changes of those that count against the pace: a slot that nobody had takes nothing
        away, and is given at once.
    waiting : how many have earned a slot and do not have it yet.
    """

    added: npt.NDArray[np.intp]
    removed: npt.NDArray[np.intp]
    counted: int
    waiting: int


class ChangePace:
    """Counts changes in a sliding minute: in none of them there are more than agreed.

    Parameters
    ----------
    per_minute : a contract that comes and the one that goes for it are two.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._noted: deque[tuple[int, int]] = deque()
        self._sum = 0

    def find_allowance(self, now_ns: int) -> int:
        """Return how many changes there may be now."""
        while self._noted and self._noted[0][0] <= now_ns - MINUTE_NS:
            self._sum -= self._noted.popleft()[1]
        return max(0, self._per_minute - self._sum)

    def note(self, now_ns: int, changes: int) -> None:
        """Take note of changes."""
        if changes:
            self._noted.append((now_ns, changes))
            self._sum += changes


def plan_changes(
    order: npt.NDArray[np.intp],
    is_streamed: npt.NDArray[np.bool_],
    is_position: npt.NDArray[np.bool_],
    *,
    slots: int,
    allowance: int,
) -> Changes:
    """Say who gets and who loses a slot: as few as it takes, the most deserving first.

    A position gets its slot at once, and its slot goes to nobody but an earlier one of `order`. All
    others exchange slots pair by pair, the best of those without one for the worst of those with
    one, as far as the allowance goes.

    Parameters
    ----------
    order : intp (m,), rows of those who may have a slot, the first first; positions stand before
        all others, and whoever has a slot is there.
    is_streamed, is_position : bool (n,).
    slots : how many there are.
    allowance : changes that may be made for those who are no positions.
    """
    is_deserving = np.zeros(len(is_streamed), np.bool_)
    is_deserving[order[:slots]] = True
    urgent = order[(is_deserving & is_position & ~is_streamed)[order]]
    others = order[(is_deserving & ~is_position & ~is_streamed)[order]]
    # From the worst on. A position that has a slot is deserving, unless there are more of them than
    # slots.
    leaving = order[(is_streamed & ~is_deserving)[order]][::-1]
    streamed_count = int(is_streamed.sum())
    must_leave = max(0, streamed_count + len(urgent) - slots)
    free = slots - (streamed_count - must_leave + len(urgent))
    placed, others = others[:free], others[free:]
    pairs = min(len(others), len(leaving) - must_leave, allowance // _EXCHANGE)
    return Changes(
        added=np.concatenate([urgent, placed, others[:pairs]]),
        removed=leaving[: must_leave + pairs],
        counted=_EXCHANGE * (must_leave + pairs),
        waiting=len(others) - pairs,
    )
