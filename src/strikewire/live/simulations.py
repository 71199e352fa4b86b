"""From a seed to something that can be played: draw, register, number."""

from __future__ import annotations

import asyncio

import numpy as np

from strikewire.feeds.simulated import SimulatedMarket, SimulationConfig, make_simulated_source
from strikewire.live.replays import Replayable
from strikewire.reference.market_rules import MarketRules
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore


class SimulationLoader:
    """Makes simulated markets playable.

    Parameters
    ----------
    rules : say when the market is open.
    database, instruments : where its instruments are registered.
    """

    def __init__(
        self, *, rules: MarketRules, database: Database, instruments: InstrumentStore
    ) -> None:
        self._rules = rules
        self._database = database
        self._instruments = instruments

    async def load(self, config: SimulationConfig) -> Replayable:
        """Draw a market's days, and register everything it lists at any time.

        Raises
        ------
        InvalidInputError : the market cannot be: see `SimulatedMarket`.
        DependencyError : the store is away.
        """
        # A thousand instruments take a second.
        market = await asyncio.to_thread(
            lambda: SimulatedMarket(config, find_calendar=self._rules.calendar)
        )
        async with self._database.write() as session:
            instruments = await self._instruments.upsert(session, market.specs, ())
        ids = np.array([int(each.id) for each in instruments], np.int32)
        source = await asyncio.to_thread(make_simulated_source, market, ids)
        return Replayable(source=source, instruments=tuple(instruments), row_count=0, faults=())
