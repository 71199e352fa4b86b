"""Quote rounds: contracts without a slot are asked for in turn, as fast as the broker answers."""

from __future__ import annotations

import asyncio
import functools
import itertools
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
    """Asks for quotes, round after round: `run` is the task, once `adopt` was called.

    Parameters
    ----------
    find_quoted : returns who is to be asked for, int32 (n,): ids, who comes first first.
    is_open : says whether a venue trades now: nobody else's prices move.
    elapsed_ns : a clock for durations.
    """

    def __init__(
        self,
        *,
        find_quoted: Callable[[], npt.NDArray[np.int32]],
        source: QuoteSource,
        is_open: Callable[[str], bool],
        elapsed_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._find_quoted = find_quoted
        self._source = source
        self._is_open = is_open
        self._elapsed_ns = elapsed_ns
        self._taker: QuoteTaker | None = None
        self._places: dict[int, tuple[str, str]] = {}
        self._asked_ns = np.zeros(0, np.int64)
        self._calls = 0
        self._failures = 0
        self._quotes = 0

    def adopt(self, universe: Universe, taker: QuoteTaker) -> None:
        """Ask for others from now on, and hand what comes of it to `taker`."""
        self._taker = taker
        venues = [universe.groups[group].exchange for group in universe.group_of.tolist()]
        names = zip(universe.symbols, venues, strict=True)
        self._places = dict(zip(universe.ids.tolist(), names, strict=True))
        # Ids are dense: a column is indexed by them.
        room = int(universe.ids.max(initial=-1)) + 1
        asked_ns = np.full(room, _NEVER, np.int64)
        kept = min(room, len(self._asked_ns))
        asked_ns[:kept] = self._asked_ns[:kept]
        self._asked_ns = asked_ns

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
        ids = self._find_quoted()
        if not len(ids) or (oldest_ns := int(self._asked_ns[ids].min())) == _NEVER:
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
        chosen = self.choose()
        if not chosen or self._taker is None:
            return True
        self._asked_ns[list(chosen.values())] = self._elapsed_ns()
        self._calls += 1
        try:
            ticks = await self._source.load_quotes(chosen)
        except StrikewireError as error:
            self._failures += 1
            _log.warning("no quotes", contracts=len(chosen), reason=str(error), sample="quotes")
            return False
        self._quotes += len(ticks)
        if len(ticks):
            self._taker.offer(TickBatch(ticks))
        return True

    def choose(self) -> dict[str, int]:
        """Return whose turn it is, ids by symbol: who waits longest, then who comes first."""
        ids = self._find_quoted()
        order = ids[np.argsort(self._asked_ns[ids], kind="stable")]
        is_open = functools.cache(self._is_open)
        places = ((number, *self._places[number]) for number in order.tolist())
        turns = ((symbol, number) for number, symbol, venue in places if is_open(venue))
        return dict(itertools.islice(turns, QUOTES_PER_CALL))
