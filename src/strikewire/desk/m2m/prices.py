"""Prices that are not heard: what instruments cost before, and what contracts were settled at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import date
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import DAY_NS, to_datetime
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.marks import Mark
from strikewire.core.money import to_pips
from strikewire.core.orders import StrategyId
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.expired import Seeds
from strikewire.store.bars import BarStore
from strikewire.store.database import ReadSession
from strikewire.store.instruments import InstrumentStore

#: Returns what a contract was worth when it was over by an instant; None where nobody knows.
FindSettlement: TypeAlias = Callable[[Instrument, int], Awaitable[Mark | None]]
#: How far back the last price of an instrument is looked for.
_REACH_NS: Final = 14 * DAY_NS


class UnheardPrices:
    """Tells the engine what instruments are, and of their prices what it does not hear."""

    def __init__(self, *, engine: M2mEngine) -> None:
        self._engine = engine
        self._find_settlement: FindSettlement | None = None
        self._instruments = InstrumentStore()
        self._bars = BarStore()
        self._known: dict[InstrumentId, Instrument] = {}
        # Contracts whose settlement is not known, and on which day of the market it was asked for.
        self._unsettled: dict[InstrumentId, date | None] = {}
        self._asked_ns = 0

    def bind(self, find_settlement: FindSettlement) -> None:
        """Name who says what contracts are marked at that are over."""
        self._find_settlement = find_settlement

    async def learn(
        self, session: ReadSession, ids: Collection[InstrumentId], before_ns: int
    ) -> None:
        """Tell of instruments that were not told of, as they were before an instant.

        Raises
        ------
        DependencyError : the store is away.
        """
        new = sorted(set(ids) - self._known.keys())
        if not new:
            return
        instruments = await self._instruments.get_by_ids(session, new)
        seeds = await self.load_seeds(session, instruments, before_ns, before_ns)
        self._engine.learn(instruments)
        self._engine.seed(seeds.closes)
        # Nobody holds them yet: there is no candle that this changes.
        self._engine.settle(seeds.settlements)
        self._known.update((each.id, each) for each in instruments)
        ending = {each.id for each in instruments if each.spec.expiry is not None}
        self._unsettled.update(dict.fromkeys(ending - seeds.settlements.keys()))
        self._asked_ns = 0

    async def load_seeds(
        self,
        session: ReadSession,
        instruments: Iterable[Instrument],
        before_ns: int,
        until_ns: int,
    ) -> Seeds:
        """Return what is known of instruments that is not heard.

        Parameters
        ----------
        before_ns : closes are the last ones before it.
        until_ns : settlements are of what is over by then.

        Raises
        ------
        DependencyError : the store is away.
        """
        by_id = {each.id: each for each in instruments}
        found = await self._bars.load_endings(
            session, sorted(by_id), before_ns - _REACH_NS, before_ns
        )
        closes = {
            InstrumentId(int(each["instrument_id"])): to_pips(float(each["close"]))
            for each in found
        }
        return Seeds(closes, await self._find_settlements(by_id.values(), until_ns))

    async def _find_settlements(
        self, instruments: Iterable[Instrument], until_ns: int
    ) -> dict[InstrumentId, Mark]:
        assert self._find_settlement is not None, "bind comes first"
        found = {each.id: await self._find_settlement(each, until_ns) for each in instruments}
        return {key: mark for key, mark in found.items() if mark is not None}

    def note_corrected(self, instrument: Instrument, bars: npt.NDArray[np.void]) -> None:
        """Have settlements asked for again that may have been made of bars which are others now."""
        if instrument.spec.expiry is None:
            days = {
                to_datetime(each).date()
                for each in np.unique(bars["ts_ns"] // DAY_NS * DAY_NS).tolist()
            }
            ended = [key for key, each in self._known.items() if each.spec.expiry in days]
            self._unsettled.update(dict.fromkeys(ended))
            self._asked_ns = 0

    async def settle(self) -> dict[StrategyId, int]:
        """Tell what contracts were settled at that are over by now; return as `M2mEngine.settle`.

        Raises
        ------
        DependencyError : the store is away; it is asked for again the next time.
        """
        until_ns = self._engine.minute_ns
        if until_ns == self._asked_ns:
            return {}
        # Where contracts are settled here nothing is open past midnight in UTC.
        today = to_datetime(until_ns).date()
        due = [each for each in self._unsettled if self._is_due(each, today)]
        found = await self._find_settlements([self._known[each] for each in due], until_ns)
        self._unsettled.update(dict.fromkeys(due, today))
        for key in found:
            del self._unsettled[key]
        self._asked_ns = until_ns
        return self._engine.settle(found)

    def _is_due(self, instrument_id: InstrumentId, today: date) -> bool:
        expiry, asked = self._known[instrument_id].spec.expiry, self._unsettled[instrument_id]
        # What nobody knew by the evening is not asked for again in every minute.
        return expiry is not None and (expiry == today or (expiry < today and asked != today))
