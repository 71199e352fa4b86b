"""A broker's slots: what is to be heard of it on a day, streamed and quoted by the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from strikewire.engine.view import Demand
from strikewire.feeds.kite.feed import KiteFeed
from strikewire.live.broker_universe import BrokerUniverse, BrokerUniverseConfig
from strikewire.live.budget import Budget
from strikewire.live.budget_universe import build_universe
from strikewire.live.demands import Demands, PinnedInstruments, WatchedTopics
from strikewire.live.quote_rounds import QuoteRounds
from strikewire.reference.symbols import normalise
from strikewire.reference.underlyings import split_underlying


class BrokerSlots:
    """Has the budget and the rounds of quotes follow what the broker lists.

    Parameters
    ----------
    wanted : what the settings say, of which symbols always have a slot and underlyings come in
        their order.
    feed : has the slots, and takes in what quotes say.
    """

    def __init__(
        self, *, wanted: BrokerUniverseConfig, feed: KiteFeed, budget: Budget, rounds: QuoteRounds
    ) -> None:
        self._symbols = frozenset(normalise(each) for each in wanted.symbols)
        self._preferred: Sequence[str] = [split_underlying(each)[1] for each in wanted.underlyings]
        self._feed = feed
        self._budget = budget
        self._rounds = rounds
        self._list_heard: Callable[[], Iterable[str]] = tuple
        self._positions: tuple[Demand, ...] = ()

    @property
    def budget(self) -> Budget:
        """Who is streamed."""
        return self._budget

    @property
    def rounds(self) -> QuoteRounds:
        """Who is asked for by quotes."""
        return self._rounds

    def bind(
        self, *, list_heard: Callable[[], Iterable[str]], positions: Sequence[Demand] = ()
    ) -> None:
        """Name who knows what clients listen to; it is built after us, and before any of them.

        Parameters
        ----------
        positions : what is held, which is never without a slot.
        """
        self._list_heard, self._positions = list_heard, tuple(positions)

    async def take_up(self, universe: BrokerUniverse, day: date) -> None:
        """Give slots to what is listed on a day, from now on."""
        instruments = universe.instruments
        # An object for each of 35,000 contracts takes a third of a second.
        columns = await asyncio.to_thread(
            build_universe, instruments, day=day, preferred=self._preferred
        )
        pinned = [each.id for each in instruments if each.symbol in self._symbols]
        watched = WatchedTopics(universe=columns, list_heard=self._list_heard)
        self._rounds.adopt(columns, self._feed)
        demands = Demands(
            positions=self._positions, pinned=(PinnedInstruments(pinned),), watched=(watched,)
        )
        self._budget.adopt(columns, demands, self._feed)
