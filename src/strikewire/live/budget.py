"""The budget: which contracts are streamed, when more are wanted than there are slots.

Once a second everything that is wanted is ranked anew, and slots go from who deserves them least to
who deserves them most, no faster than is agreed. Whoever has none is asked for by quotes, as far as
those reach, and the rest has its day from the exchange's files.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.engine.view import Demand, EngineView
from strikewire.live.budget_changes import ChangePace, Changes, plan_changes
from strikewire.live.budget_coverage import Cover, Coverage, count_covers, find_edges
from strikewire.live.budget_ranking import (
    Claims,
    Ranking,
    RankingConfig,
    Reason,
    compute_anchors,
    rank,
)
from strikewire.live.budget_universe import NOBODY, Universe, build_universe
from strikewire.live.demands import Demands
from strikewire.observability.logs import get_logger

_log: Final = get_logger("budget")


class SlotTaker(Protocol):
    """Whoever has slots of a stream to give."""

    def want(self, ids: Sequence[int], /) -> None:
        """Stream these from now on, and nobody else. Never awaits and never raises.

        Parameters
        ----------
        ids : ours, no more than there are slots, who comes first first.
        """
        ...


@dataclass(frozen=True, slots=True)
class BudgetConfig:
    """How slots are given.

    Parameters
    ----------
    slots : of the stream.
    quotes : how many contracts can be kept fresh enough by quotes.
    ranking : what comes first.
    changes_per_minute : subscriptions and their ends in any minute. Positions do not wait for it,
        and a slot that nobody had is given at once.
    interval_s : how often it is ranked anew.
    """

    slots: int
    quotes: int
    ranking: RankingConfig = field(default_factory=RankingConfig)
    changes_per_minute: int = 1_000
    interval_s: float = 1.0


class Budget:
    """Gives slots, once somebody has said of what: see `adopt`.

    Parameters
    ----------
    view : knows spots and open interest.
    elapsed_ns : a clock for durations.
    """

    def __init__(
        self,
        *,
        config: BudgetConfig,
        view: EngineView,
        elapsed_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._config = config
        self._view = view
        self._elapsed_ns = elapsed_ns
        self._pace = ChangePace(config.changes_per_minute)
        self._taker: SlotTaker | None = None
        self._is_told = False
        self._waiting = 0
        self._changes = 0
        self._left_out = 0
        self._busy_s = 0.0
        self._demands = Demands()
        self._is_streamed = np.zeros(0, np.bool_)
        self._take_over(build_universe([], day=date.min))

    def adopt(self, universe: Universe, demands: Demands, taker: SlotTaker) -> None:
        """Give slots to others from now on: the broker lists more, or another day has begun.

        Who has a slot keeps it, as far as it is still wanted; another taker is told of all.
        """
        streamed = self._universe.ids[self._is_streamed].tolist()
        self._demands, self._taker = demands, taker
        self._is_streamed = universe.mark(streamed)
        self._is_told = False
        self._take_over(universe)
        self.step()

    def _take_over(self, universe: Universe) -> None:
        self._universe = universe
        self._spots = np.full(universe.chain_count, np.nan)
        self._anchors = np.full(universe.chain_count, NOBODY, np.intp)
        self._oi = np.full(len(universe), np.nan)
        self._reasons = np.full(len(universe), Reason.LISTED, np.int8)
        self._quoted = np.zeros(0, np.intp)

    # -- what it has decided --------------------------------------------------------------------

    @property
    def quoted_ids(self) -> npt.NDArray[np.int32]:
        """Who is asked for by quotes, int32 (n,), who comes first first."""
        return self._universe.ids[self._quoted]

    @property
    def universe(self) -> Universe:
        """What is wanted."""
        return self._universe

    @property
    def changes(self) -> int:
        """Subscriptions and their ends since the start, but for slots that nobody had."""
        return self._changes

    @property
    def waiting(self) -> int:
        """Contracts that have earned a slot, and wait for the pace of changes."""
        return self._waiting

    @property
    def positions_left_out(self) -> int:
        """Positions without a slot: there are more of them than slots."""
        return self._left_out

    @property
    def busy_s(self) -> float:
        """Seconds spent on ranking since the start."""
        return self._busy_s

    @property
    def slots(self) -> int:
        """Slots of the stream."""
        return self._config.slots

    def read_coverage(self) -> Coverage:
        """Return how everything is covered now."""
        covers = np.full(len(self._universe), Cover.END_OF_DAY, np.int8)
        covers[self._quoted] = Cover.QUOTE
        covers[self._is_streamed] = Cover.STREAM
        is_shown = self._is_streamed & (self._reasons == Reason.WINDOW)
        return Coverage(
            as_of_ns=self._view.as_of_ns,
            slots=self._config.slots,
            waiting=self._waiting,
            changes=self._changes,
            universe=self._universe,
            counts=count_covers(self._universe, self._reasons, covers),
            spots=self._spots,
            anchors=self._anchors,
            edges=find_edges(self._universe, is_shown),
        )

    # -- deciding -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Rank and give slots, again and again, until cancelled."""
        while True:
            started_s = time.perf_counter()
            self.step()
            self._busy_s += time.perf_counter() - started_s
            await asyncio.sleep(self._config.interval_s)

    def step(self) -> None:
        """Rank everything once, and change what is streamed as far as the pace allows."""
        config, universe = self._config, self._universe
        self._spots = self._find_spots()
        self._anchors = compute_anchors(
            universe, self._spots, self._anchors, band=config.ranking.strike_band
        )
        # Not each price comes with it: a packet that tells none does not mean that there is none,
        # or whoever gets a slot would lose it again for the packet it begins with.
        told = self._view.read_quotes(universe.ids).oi
        self._oi = np.where(np.isnan(told), self._oi, told)
        claims = Claims(
            is_position=self._mark(self._demands.positions),
            is_pinned=self._mark(self._demands.pinned),
            is_watched=self._mark(self._demands.watched),
            is_streamed=self._is_streamed,
            oi=self._oi,
            anchors=self._anchors,
        )
        ranking = rank(universe, claims, config.ranking)
        now_ns = self._elapsed_ns()
        changes = plan_changes(
            self._find_eligible(ranking),
            self._is_streamed,
            claims.is_position,
            slots=config.slots,
            allowance=self._pace.find_allowance(now_ns),
        )
        self._pace.note(now_ns, changes.counted)
        self._apply(changes, ranking)
        self._reasons = ranking.reasons
        self._waiting = changes.waiting
        self._changes += changes.counted
        self._quoted = ranking.order[~self._is_streamed[ranking.order]][: config.quotes]
        self._tell_left_out(int((claims.is_position & ~self._is_streamed).sum()))

    def _apply(self, changes: Changes, ranking: Ranking) -> None:
        if len(changes.added) or len(changes.removed):
            is_streamed = self._is_streamed.copy()
            is_streamed[changes.removed] = False
            is_streamed[changes.added] = True
            self._is_streamed = is_streamed
            self._is_told = False
        if self._taker is not None and not self._is_told:
            streamed = ranking.order[self._is_streamed[ranking.order]]
            self._taker.want(self._universe.ids[streamed].tolist())
            self._is_told = True

    def _find_spots(self) -> npt.NDArray[np.float64]:
        """Return float64 (c,): the price of each chain's underlying, or of its future."""
        universe = self._universe
        ltps = self._view.read_quotes(np.concatenate([universe.spot_ids, universe.future_ids])).ltps
        spots, futures = np.split(ltps, 2)
        return np.where(np.isnan(spots), futures, spots)

    def _find_eligible(self, ranking: Ranking) -> npt.NDArray[np.intp]:
        """Return who may have a slot, in order.

        As long as nobody knows where the money of a chain is, no slot is spent on what is merely
        listed there: it would only have to be given back.
        """
        # A row that is no option finds what is appended.
        is_known = np.append(self._anchors != NOBODY, True)[self._universe.chain_of]
        is_eligible = is_known | (ranking.reasons != Reason.LISTED) | self._is_streamed
        return np.asarray(ranking.order[is_eligible[ranking.order]])

    def _mark(self, demands: Iterable[Demand]) -> npt.NDArray[np.bool_]:
        wanted = [each for demand in demands for each in demand.list_wanted()]
        return self._universe.mark(wanted)

    def _tell_left_out(self, left_out: int) -> None:
        if left_out and left_out != self._left_out:
            _log.error("positions without a slot", positions=left_out, slots=self._config.slots)
        self._left_out = left_out
