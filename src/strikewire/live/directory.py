"""The directory: instruments by any of their names, remembered for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakValueDictionary

from strikewire.core.clock import Clock
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.store.database import Database
from strikewire.store.instrument_search import SearchFilter
from strikewire.store.instruments import InstrumentStore


@dataclass(frozen=True, slots=True)
class DirectoryConfig:
    """How many names are remembered, and for how long.

    Parameters
    ----------
    max_names : the least recently asked for is forgotten first.
    ttl_s : another program may import a dump that gives an alias to another contract.
    """

    max_names: int = 50_000
    ttl_s: float = 60.0


class InstrumentDirectory:
    """Finds instruments in the registry, each request in a transaction of its own.

    A name that nobody knows is not remembered: it may be registered the next moment.
    """

    def __init__(
        self, *, config: DirectoryConfig, database: Database, store: InstrumentStore, clock: Clock
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._clock = clock
        self._ttl_ns = int(config.ttl_s * SECOND_NS)
        self._known: OrderedDict[str, tuple[int, Instrument]] = OrderedDict()
        # Held by those who ask the store for a name: many who do so at once ask it once.
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._hits = 0
        self._misses = 0

    @property
    def statistics(self) -> dict[str, float]:
        """Return hits, misses and the number of names remembered."""
        return {"hits": self._hits, "misses": self._misses, "names": len(self._known)}

    async def get(self, symbol: str) -> Instrument:
        """Return the instrument that goes by a canonical symbol, tradingsymbol, name or alias.

        Raises
        ------
        UnknownSymbolError : none does.
        DependencyError : the store was needed and did not answer.
        """
        instrument = self._find_known(symbol)
        if instrument is not None:
            return instrument
        asking = self._asking.setdefault(symbol, asyncio.Lock())
        async with asking:
            # Whoever came first has asked for all; unless nobody is known by that name.
            return self._find_known(symbol) or await self._ask(symbol)

    def _find_known(self, symbol: str) -> Instrument | None:
        known = self._known.get(symbol)
        if known is None or known[0] <= self._clock.now_ns():
            return None
        self._hits += 1
        self._known.move_to_end(symbol)
        return known[1]

    async def _ask(self, symbol: str) -> Instrument:
        self._misses += 1
        until_ns = self._clock.now_ns() + self._ttl_ns
        async with self._database.read() as session:
            instrument = await self._store.get(session, symbol)
        self._known[symbol] = (until_ns, instrument)
        self._known.move_to_end(symbol)
        if len(self._known) > self._config.max_names:
            self._known.popitem(last=False)
        return instrument

    async def get_by_id(self, instrument_id: InstrumentId) -> Instrument:
        """Return the instrument with an id.

        Raises
        ------
        NotFoundError : there is none.
        """
        async with self._database.read() as session:
            (instrument,) = await self._store.get_by_ids(session, [instrument_id])
        return instrument

    async def search(
        self, text: str, *, wanted: SearchFilter, limit: int, offset: int
    ) -> tuple[list[Instrument], int]:
        """Return a page of the instruments that match, best first, and how many match in all.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        async with self._database.read() as session:
            return await self._store.search(
                session, text, wanted=wanted, limit=limit, offset=offset
            )
