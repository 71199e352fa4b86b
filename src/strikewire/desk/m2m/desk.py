"""The desk's view of M2M: whose strategy it is, its mark, and its candles of any width."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.auth.principal import Principal
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import InstrumentId
from strikewire.core.orders import StrategyId
from strikewire.core.strategies import Strategy
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.keeper import M2mKeeper
from strikewire.desk.m2m.streams import StrategyStreams
from strikewire.desk.m2m.views import describe_stored, roll_up
from strikewire.desk.owners import find_strategy_limit
from strikewire.store.database import Database
from strikewire.store.desk_m2m import M2mCandleStore
from strikewire.store.desk_strategies import StrategyFilter, StrategyState, StrategyStore

#: Behind every candle: PostgreSQL knows of no later year than Python.
_MANY: Final = 1_000
_LATEST_NS: Final = 9_000_000_000 * SECOND_NS


class M2mDesk:
    """What strategies are worth and were, for those who own them.

    Parameters
    ----------
    engine, keeper, streams : of this program; where no market is heard nothing is marked, and what
        is stored is all there is to know.
    """

    def __init__(
        self,
        *,
        database: Database,
        engine: M2mEngine,
        keeper: M2mKeeper,
        streams: StrategyStreams,
    ) -> None:
        self._database = database
        self._engine = engine
        self._keeper = keeper
        #: The topics of strategies.
        self.streams = streams
        self._strategies = StrategyStore()
        self._candles = M2mCandleStore()

    async def get(self, strategy_id: StrategyId, *, principal: Principal) -> Strategy:
        """Return a strategy of somebody's own; anybody's, for who keeps the users.

        Raises
        ------
        NotFoundError : there is none, or it is another's.
        DependencyError : the store did not answer.
        """
        owner = find_strategy_limit(principal, strategy_id)
        async with self._database.read() as session:
            return await self._strategies.get(session, strategy_id, owner=owner)

    async def search(self, text: str, *, principal: Principal) -> list[Strategy]:
        """Return the caller's own strategies of a number, or with a text in their names.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        if principal.user_id is None:
            return []
        # An owner has tens of them, not thousands.
        wanted = StrategyFilter(user_id=principal.user_id, state=StrategyState.ANY)
        async with self._database.read() as session:
            own, _ = await self._strategies.list_page(session, wanted, limit=_MANY, offset=0)
        words = text.casefold().strip()
        return [
            each for each in own if str(each.id) == words or words in each.terms.name.casefold()
        ]

    async def find_before(self, strategy_id: StrategyId, before_ns: int) -> int | None:
        """Return the stamp of the last candle before an instant; None where there is none."""
        async with self._database.read() as session:
            last = await self._candles.load_last(session, strategy_id, before_ns, 1)
        return int(last["ts_ns"][-1]) if len(last) else None

    def wake(self) -> None:
        """Have a change of a strategy, or of a ledger, marked at once."""
        self._keeper.wake()

    def list_wanted(self) -> Collection[InstrumentId]:
        """Return what strategies and accounts hold: a `Demand` of the budget."""
        return self._engine.list_held() | self._keeper.held

    async def read_mark(self, strategy: Strategy) -> dict[str, Any]:
        """Return what a strategy is worth now; where it is not marked, at its last candle."""
        if strategy.id in self._keeper.strategies and self._engine.minute_ns:
            return self.streams.describe(strategy.id)
        async with self._database.read() as session:
            last = await self._candles.load_last(session, strategy.id, _LATEST_NS, 1)
        return describe_stored(strategy.id, last[-1] if len(last) else None)

    async def load_candles(
        self,
        strategy_id: StrategyId,
        *,
        from_ns: int | None,
        to_ns: int | None,
        width_ns: int,
        limit: int,
    ) -> npt.NDArray[np.void]:
        """Return candles, M2M_CANDLE_DTYPE (n,), oldest first: from a start on, or up to an end.

        Parameters
        ----------
        from_ns : the first stamp; None: the last ones before `to_ns` are wanted.
        limit : the most candles, of the width wanted.
        """
        until_ns = _LATEST_NS if to_ns is None else to_ns
        async with self._database.read() as session:
            if from_ns is None:
                minutes = limit * (width_ns // MINUTE_NS)
                found = await self._candles.load_last(session, strategy_id, until_ns, minutes)
            else:
                found = await self._candles.load(session, strategy_id, from_ns, until_ns)
        forming = self._engine.peek(strategy_id)
        if forming is not None and (from_ns or 0) <= int(forming["ts_ns"][0]) < until_ns:
            # Of a replay that goes backwards the store has the future: it is not shown.
            found = np.concatenate([found[found["ts_ns"] < forming["ts_ns"][0]], forming])
        rolled = roll_up(found, width_ns)
        return rolled[-limit:] if from_ns is None else rolled[:limit]
