"""The keeper of M2M: what the marking needs of the store, before the market is heard and after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.clock import Clock
from strikewire.core.errors import DependencyError, EngineStateError
from strikewire.core.instants import MINUTE_NS, SECOND_NS, to_datetime
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.orders import StrategyEntry, StrategyId
from strikewire.core.strategies import Strategy
from strikewire.desk.m2m.engine import Levels, M2mEngine
from strikewire.desk.m2m.prices import FindSettlement, UnheardPrices
from strikewire.desk.m2m.remaking import CandleMaker, LoadBars
from strikewire.desk.m2m.state import unpack_state
from strikewire.observability.logs import get_logger
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.database import Database, ReadSession
from strikewire.store.desk_ledgers import LedgerStore
from strikewire.store.desk_m2m import M2mStateStore, find_held
from strikewire.store.desk_strategies import StrategyStore

_log: Final = get_logger("m2m")


@dataclass(frozen=True, slots=True)
class M2mKeeperConfig:
    """How the ledgers are followed.

    Parameters
    ----------
    interval_s : how often the store is asked what is new; who changes something here wakes it.
    entries : read at once.
    overlap_s : how long a transaction may take that changes a strategy.
    positions_s : how often it is asked what accounts hold, which is summed up from all fills.
    """

    interval_s: float = 1.0
    entries: int = 10_000
    overlap_s: float = 30.0
    positions_s: int = 30


class M2mKeeper:
    """Loads strategies and ledgers, follows them, and fills holes in their candles.

    Parameters
    ----------
    find_calendar : the sessions of a venue.
    clock : the machine's time, by which rows are changed.
    """

    def __init__(
        self,
        *,
        config: M2mKeeperConfig,
        engine: M2mEngine,
        database: Database,
        find_calendar: Callable[[str], SessionCalendar],
        clock: Clock,
    ) -> None:
        self._config = config
        self._engine = engine
        self._prices = UnheardPrices(engine=engine)
        self._maker = CandleMaker(
            database=database, prices=self._prices, find_calendar=find_calendar
        )
        self._database = database
        self._clock = clock
        self._strategy_store = StrategyStore()
        self._ledgers = LedgerStore()
        self._states = M2mStateStore()
        self._last_id = 0
        self._since_ns = 0
        self._woken = asyncio.Event()
        # From when on whose candles are to be made anew; True: of minutes that have one as well.
        self._stale: dict[StrategyId, tuple[int, bool]] = {}
        self._has_looked_for_holes = False
        # Bars that are others than they were; None where there are no candles to rest on them.
        self._corrected: dict[InstrumentId, list[npt.NDArray[np.void]]] | None = None
        # Whose last candle is another one now, its stamp, and the minute that was under way then.
        self._seams: dict[StrategyId, tuple[int, int]] = {}
        #: What accounts hold, and until when that is young enough.
        self.held: frozenset[InstrumentId] = frozenset()
        self._held_until_ns = 0
        #: Strategies by id that are marked.
        self.strategies: dict[StrategyId, Strategy] = {}

    def bind(
        self,
        *,
        load_bars: LoadBars,
        find_settlement: FindSettlement,
        flush: Callable[[], Awaitable[None]],
    ) -> None:
        """Name where bars are from, and who has candles on their way to the store.

        Parameters
        ----------
        load_bars : returns the minute bars of an instrument in `[from, to)`, BAR_DTYPE, those that
            are on their way to the store too.
        find_settlement : says what contracts are marked at that are over.
        flush : stores the candles that are on their way.
        """
        self._prices.bind(find_settlement)
        self._maker.bind(load_bars=load_bars, flush=flush)
        self._corrected = {}

    async def load(self, session_key: str, first_ns: int) -> None:
        """Load what there is, before the recording that is heard is resumed.

        Parameters
        ----------
        first_ns : when that recording begins.

        Raises
        ------
        DependencyError : the store is away.
        """
        self._since_ns = self._clock.now_ns()
        async with self._database.read() as session:
            for strategy in await self._strategy_store.load_active(session):
                self._take_strategy(strategy)
            self._last_id = await self._ledgers.find_last_id(session)
            entries = await self._ledgers.load_active(session)
            ids = {each.instrument_id for each in entries}
            await self._prices.learn(session, ids, first_ns)
            packed = await self._states.load(session, session_key)
        self._engine.load(entries)
        if packed is None:
            return
        try:
            self._note_stale(self._engine.restore(unpack_state(packed)))
        except EngineStateError as error:
            _log.warning("the marking is taken up from the ledgers", reason=str(error))

    def on_corrected(self, instrument: Instrument, bars: npt.NDArray[np.void]) -> None:
        """Note minutes that are others in the store than they were, until the next `refresh`.

        Parameters
        ----------
        bars : BAR_DTYPE (n,), as they are now.
        """
        if self._corrected is not None:
            self._corrected.setdefault(instrument.id, []).append(bars)
            self._prices.note_corrected(instrument, bars)

    def wake(self) -> None:
        """Ask the store now: somebody has changed a strategy, or written an entry."""
        self._woken.set()

    async def run(self) -> None:
        """Follow strategies and ledgers until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._config.interval_s):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.refresh()
            except DependencyError as error:
                _log.warning("ledgers are followed once the store is back", reason=str(error))

    async def refresh(self) -> None:
        """Take in what is new in the store, and make anew the candles that it changes.

        Raises
        ------
        DependencyError : the store is away; the next time takes up where this one was.
        """
        await self._follow()
        self._note_stale(await self._prices.settle())
        await self._rebuild()

    # -- following ------------------------------------------------------------------------------

    async def _follow(self) -> None:
        now_ns = self._clock.now_ns()
        since = to_datetime(self._since_ns) - timedelta(seconds=self._config.overlap_s)
        async with self._database.read() as session:
            for strategy in await self._strategy_store.load_changed(session, since):
                if strategy.id not in self.strategies and strategy.archived_ns is None:
                    await self._take_back(session, strategy)
                self._take_strategy(strategy)
            while True:
                new = await self._ledgers.load_after(
                    session, self._last_id, limit=self._config.entries
                )
                if not new:
                    break
                self._note_stale(await self._take_entries(session, new))
                self._last_id = max(int(each.id or 0) for each in new)
            if now_ns >= self._held_until_ns:
                self.held = await find_held(session)
                self._held_until_ns = now_ns + self._config.positions_s * SECOND_NS
        self._since_ns = now_ns

    async def _take_back(self, session: ReadSession, strategy: Strategy) -> None:
        """Take a strategy in that is new, or was out of the way, and its ledger with it."""
        entries = await self._ledgers.load_entries(session, [strategy.id])
        changed = await self._take_entries(session, entries)
        if strategy.created_ns < self._since_ns - self._config.overlap_s * SECOND_NS:
            # What was marked before it was put away is as it was: only what is missing is made.
            changed = {}
            first_ns = min((each.moment.as_of_ns for each in entries), default=None)
            if first_ns is not None:
                self._stale.setdefault(strategy.id, (first_ns, False))
        self._note_stale(changed)

    def _take_strategy(self, strategy: Strategy) -> None:
        if strategy.archived_ns is not None:
            self.strategies.pop(strategy.id, None)
            self._engine.retire(strategy.id)
            return
        self.strategies[strategy.id] = strategy
        terms = strategy.terms
        self._engine.set_levels(strategy.id, Levels(target=terms.target, stop=terms.stop))

    async def _take_entries(
        self, session: ReadSession, entries: list[StrategyEntry]
    ) -> dict[StrategyId, int]:
        """Have entries marked; return as `M2mEngine.take`."""
        ids = {each.instrument_id for each in entries}
        before_ns = self._engine.minute_ns or self._clock.now_ns()
        await self._prices.learn(session, ids, before_ns)
        return self._engine.take(entries)

    # -- rebuilding -----------------------------------------------------------------------------

    def _note_stale(self, changed: dict[StrategyId, int]) -> None:
        for strategy_id, from_ns in changed.items():
            before_ns, _ = self._stale.get(strategy_id, (from_ns, True))
            self._stale[strategy_id] = min(before_ns, from_ns), True

    async def _rebuild(self) -> None:
        """Make candles anew that are stale or missing, up to the minute under way."""
        until_ns = self._engine.minute_ns
        if not until_ns:
            return
        if not self._has_looked_for_holes:
            holes = await self._maker.find_holes(list(self.strategies), self._engine.first_ns)
            for strategy_id, from_ns in holes.items():
                self._stale.setdefault(strategy_id, (from_ns, False))
            self._has_looked_for_holes = True
        while self._stale:
            strategy_id, (from_ns, is_changed) = self._stale.popitem()
            try:
                stretch = from_ns // MINUTE_NS * MINUTE_NS, until_ns
                await self._maker.make(strategy_id, stretch, is_changed=is_changed)
            except DependencyError:
                self._stale.setdefault(strategy_id, (from_ns, is_changed))
                raise
        await self._correct(until_ns)

    async def _correct(self, until_ns: int) -> None:
        """Make candles anew that rest on bars which are others now."""
        for strategy_id, (from_ns, seen_ns) in tuple(self._seams.items()):
            if seen_ns < until_ns:
                seam_ns = await self._maker.close_seam(strategy_id, from_ns, until_ns)
                del self._seams[strategy_id]
                if seam_ns is not None:
                    self._seams[strategy_id] = seam_ns, until_ns
        if not self._corrected:
            return
        corrected, self._corrected = self._corrected, {}
        holders = {each: self._engine.book.list_holders(each) for each in corrected}
        try:
            for strategy_id in sorted(set().union(*holders.values()) & self.strategies.keys()):
                held = [each for each in corrected if strategy_id in holders[each]]
                bars = np.concatenate([bars for each in held for bars in corrected[each]])
                seam_ns = await self._maker.correct(strategy_id, bars, until_ns)
                if seam_ns is not None:
                    self._seams[strategy_id] = seam_ns, until_ns
        except DependencyError:
            for each, found in corrected.items():
                self._corrected.setdefault(each, []).extend(found)
            raise
