"""Coverage of a budget: how each contract that is wanted is covered, and why so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from strikewire.live.budget_ranking import Reason
from strikewire.live.budget_universe import NOBODY, BudgetGroup, Universe


class Cover(IntEnum):
    """How an instrument is covered."""

    #: It has a slot of the broker's stream.
    STREAM = 0
    #: It is asked for in turn by REST quotes.
    QUOTE = 1
    #: Its day comes out of the exchange's file.
    END_OF_DAY = 2


@dataclass(frozen=True, slots=True)
class ChainWindow:
    """The window around the money of one chain.

    Parameters
    ----------
    spot : by which it was laid; None unknown yet.
    strike : the money's; None while there is no window.
    lowest, highest : the outermost strikes of it that are streamed; None where none is.
    """

    spot: float | None
    strike: float | None
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class GroupCoverage:
    """How one group is covered.

    Parameters
    ----------
    counts : instruments by how they are covered; they add up to what is wanted.
    reasons : the same by why they are wanted; reasons that nobody has are left out.
    window : None where there are no options.
    """

    group: BudgetGroup
    counts: dict[Cover, int]
    reasons: dict[Reason, dict[Cover, int]]
    window: ChainWindow | None


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How everything that is wanted was covered at one time: g groups and c chains.

    Parameters
    ----------
    as_of_ns : exchange time.
    slots : of the stream.
    waiting : contracts that have earned a slot, and wait for the pace of changes.
    changes : subscriptions and their ends since the start, but for slots that nobody had.
    counts : int64 (g, reasons, covers), instruments.
    spots : float64 (c,), by which windows were laid; NaN unknown.
    anchors : intp (c,), see `Claims`.
    edges : float64 (2, c), the lowest and the highest strike of each window that are streamed; not
        finite where none is.
    """

    as_of_ns: int
    slots: int
    waiting: int
    changes: int
    universe: Universe
    counts: npt.NDArray[np.int64]
    spots: npt.NDArray[np.float64]
    anchors: npt.NDArray[np.intp]
    edges: npt.NDArray[np.float64]

    def count(self, cover: Cover, reason: Reason | None = None) -> int:
        """Return how many instruments are covered so, for one reason or for any."""
        counts = self.counts if reason is None else self.counts[:, reason]
        return int(counts[..., cover].sum())

    def find_places(self, underlying: str | None) -> list[int]:
        """Return the places of groups, in the order in which underlyings are preferred.

        Parameters
        ----------
        underlying : its plain name; None is all of them.
        """
        groups = enumerate(self.universe.groups)
        return [place for place, each in groups if underlying in (None, each.underlying)]

    def describe(self, place: int) -> GroupCoverage:
        """Return how one group is covered."""
        counts = self.counts[place]
        chains = np.flatnonzero(self.universe.chain_groups == place)
        return GroupCoverage(
            group=self.universe.groups[place],
            counts=_name(counts.sum(axis=0)),
            reasons={reason: _name(counts[reason]) for reason in Reason if counts[reason].any()},
            window=self._describe_window(int(chains[0])) if len(chains) else None,
        )

    def _describe_window(self, chain: int) -> ChainWindow:
        anchor, start = int(self.anchors[chain]), int(self.universe.starts[chain])
        lowest, highest = self.edges[:, chain]
        return ChainWindow(
            spot=_find_number(self.spots[chain]),
            strike=None if anchor == NOBODY else float(self.universe.strikes[start + anchor]),
            lowest=_find_number(lowest),
            highest=_find_number(highest),
        )


def count_covers(
    universe: Universe, reasons: npt.NDArray[np.int8], covers: npt.NDArray[np.int8]
) -> npt.NDArray[np.int64]:
    """Return int64 (g, reasons, covers): instruments by group, reason and cover.

    Parameters
    ----------
    reasons, covers : int8 (n,), a `Reason` and a `Cover` for each row.
    """
    shape = (len(universe.groups), len(Reason), len(Cover))
    cells = np.ravel_multi_index((universe.group_of, reasons, covers), shape)
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def find_edges(universe: Universe, is_shown: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return float64 (2, c): the lowest and highest strike shown of each chain; infinite if none.

    Parameters
    ----------
    is_shown : bool (n,), of options only.
    """
    rows = np.flatnonzero(is_shown)
    chains = universe.chain_of[rows]
    strikes = universe.strikes[universe.starts[chains] + universe.step_of[rows]]
    edges = np.empty((2, universe.chain_count))
    edges[0], edges[1] = np.inf, -np.inf
    np.minimum.at(edges[0], chains, strikes)
    np.maximum.at(edges[1], chains, strikes)
    return edges


def _find_number(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None


def _name(counts: npt.NDArray[np.int64]) -> dict[Cover, int]:
    return {cover: int(counts[cover]) for cover in Cover}
