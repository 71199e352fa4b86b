"""Quote rounds: contracts without a slot are asked for in turn, as fast as the broker answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import StrikewireError
from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import TickBatch
from strikewire.live.budget_universe import Universe
from strikewire.observability.logs import get_logger

_log: Final = get_logger("quotes")
#: What the broker answers at once, and how often. https://kite.trade/docs/connect/v3/exceptions/
QUOTES_PER_CALL: Final = 500
CALLS_PER_S: Final = 1
QUOTES_PER_S: Final = QUOTES_PER_CALL * CALLS_PER_S
#: After a call that failed: whatever it was, it is not over at once.
_RETRY_S: Final = 5.0
_NEVER: Final = -1


class QuoteSource(Protocol):
    """Whoever can be asked for prices."""

    async def load_quotes(self, ids: Mapping[str, int]) -> npt.NDArray[np.void]:
        """Return the newest prices, TICK_DTYPE (n,) flagged BROKER, `seq` 0; at most one for each.

        Parameters
        ----------
        ids : ours, by symbol.

        Raises
        ------
        StrikewireError : it does not say.
        """
        ...


class QuoteTaker(Protocol):
    """Whoever numbers ticks, and sends them the way of all ticks."""

    def offer(self, batch: TickBatch) -> None:
        """Take ticks in. Never awaits and never raises."""
        ...


class QuoteRounds:
    """Asks for quotes, round after round: `run` is the task.

    Parameters
    ----------
    find_quoted : returns who is to be asked for, intp (n,): rows, who comes first first.
    is_open : says whether a venue trades now: nobody else's prices move.
    elapsed_ns : a clock for durations.
    """

    def __init__(
        self,
        *,
        universe: Universe,
        find_quoted: Callable[[], npt.NDArray[np.intp]],
        source: QuoteSource,
        taker: QuoteTaker,
        is_open: Callable[[str], bool],
        elapsed_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._universe = universe
        self._find_quoted = find_quoted
        self._source = source
        self._taker = taker
        self._is_open = is_open
        self._elapsed_ns = elapsed_ns
        self._asked_ns = np.full(len(universe), _NEVER, np.int64)
        self._venues = {each.exchange for each in universe.groups}
        self._calls = 0
        self._failures = 0
        self._quotes = 0

    @property
    def calls(self) -> int:
        """Calls made so far."""
        return self._calls

    @property
    def failures(self) -> int:
        """Calls that were not answered."""
        return self._failures

    @property
    def quotes(self) -> int:
        """Prices that came of them."""
        return self._quotes

    def find_age_s(self) -> float | None:
        """Return how long ago the contract that waits longest was asked for; None: never."""
        rows = self._find_quoted()
        if not len(rows) or (oldest_ns := int(self._asked_ns[rows].min())) == _NEVER:
            return None
        return (self._elapsed_ns() - oldest_ns) / SECOND_NS

    async def run(self) -> None:
        """Ask, call after call, until cancelled."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            is_answered = await self.ask()
            next_s = max(loop.time(), next_s + (1 / CALLS_PER_S if is_answered else _RETRY_S))
            await asyncio.sleep(next_s - loop.time())

    async def ask(self) -> bool:
        """Make one call for those who wait longest, if there are any; say whether all is well."""
        rows = self.choose()
        if not len(rows):
            return True
        self._asked_ns[rows] = self._elapsed_ns()
        ids = {self._universe.symbols[row]: int(self._universe.ids[row]) for row in rows.tolist()}
        self._calls += 1
        try:
            ticks = await self._source.load_quotes(ids)
        except StrikewireError as error:
            self._failures += 1
            _log.warning("no quotes", contracts=len(ids), reason=str(error), sample="quotes")
            return False
        self._quotes += len(ticks)
        if len(ticks):
            self._taker.offer(TickBatch(ticks))
        return True

    def choose(self) -> npt.NDArray[np.intp]:
        """Return whose turn it is, intp (n,): rows; who waits longest, then who comes first."""
        rows = self._find_quoted()
        closed = [venue for venue in self._venues if not self._is_open(venue)]
        if closed:
            is_closed = np.array([each.exchange in closed for each in self._universe.groups])
            rows = rows[~is_closed[self._universe.group_of[rows]]]
        waiting = np.argsort(self._asked_ns[rows], kind="stable")
        return rows[waiting[:QUOTES_PER_CALL]]
