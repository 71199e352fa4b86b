"""From a file to something that can be replayed: read, register, number."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import InvalidInputError
from strikewire.core.instruments import Instrument
from strikewire.core.ticks import TickBatch
from strikewire.feeds.bar_ticks import BarTicks
from strikewire.feeds.files.reading import FileReader
from strikewire.feeds.files.tables import BarTable, InstrumentTable, RowFault, TickTable
from strikewire.feeds.tick_source import (
    TickSource,
    compute_session_key,
    make_bar_source,
    make_tick_source,
)
from strikewire.reference.market_rules import MarketRules
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore


@dataclass(frozen=True, slots=True)
class Replayable:
    """A file, or a simulated market, ready to be played.

    Parameters
    ----------
    source : its ticks, numbered.
    instruments : everything it has prices of, registered.
    row_count : the file's rows, the faulty ones included; 0 of a simulated market.
    faults : the rows that were left out.
    """

    source: TickSource
    instruments: tuple[Instrument, ...]
    row_count: int
    faults: tuple[RowFault, ...]


class ReplayLoader:
    """Makes files replayable.

    Parameters
    ----------
    reader : reads every layout.
    rules : say when a day's cumulative volume starts anew.
    database, instruments : where the file's instruments are registered.
    """

    def __init__(
        self,
        *,
        reader: FileReader,
        rules: MarketRules,
        database: Database,
        instruments: InstrumentStore,
    ) -> None:
        self._reader = reader
        self._rules = rules
        self._database = database
        self._instruments = instruments

    async def load(self, path: Path) -> Replayable:
        """Read a whole file of minute bars or ticks, and register its instruments.

        Raises
        ------
        FileLayoutError : unreadable, or in no layout we know.
        InvalidInputError : daily bars, or instruments only: nothing that moves.
        DependencyError : the store is away.
        """
        session_key = await asyncio.to_thread(compute_session_key, path)
        whole = await asyncio.to_thread(self._reader.read_all, path)
        table = whole.table
        if isinstance(table, InstrumentTable):
            msg = f"{path.name} holds instruments and no prices: import it instead"
            raise InvalidInputError(msg)
        async with self._database.write() as session:
            instruments = await self._instruments.upsert(session, table.specs, table.aliases)
        ids = np.array([int(i.id) for i in instruments], np.int32)
        if isinstance(table, BarTable):
            source = self._make_bar_source(table, instruments, ids, session_key, path)
        else:
            source = _make_tick_source(table, ids, session_key, path)
        return Replayable(
            source=source,
            instruments=tuple(instruments),
            row_count=whole.row_count,
            faults=whole.faults,
        )

    def _make_bar_source(
        self,
        table: BarTable,
        instruments: list[Instrument],
        ids: npt.NDArray[np.int32],
        session_key: str,
        path: Path,
    ) -> TickSource:
        bars = table.bars.copy()
        bars["instrument_id"] = ids[table.bars["instrument_id"]]
        venue_of = {int(i.id): i.spec.exchange for i in instruments}
        bar_ticks = BarTicks(
            bars,
            timeframe=table.timeframe,
            find_calendar=lambda number: self._rules.calendar(venue_of[number]),
        )
        description = f"{len(bars):,} minute bars of {path.name}"
        return make_bar_source(bar_ticks, session_key=session_key, description=description)


def _make_tick_source(
    table: TickTable, ids: npt.NDArray[np.int32], session_key: str, path: Path
) -> TickSource:
    ticks = table.ticks.copy()
    ticks["instrument_id"] = ids[table.ticks["instrument_id"]]
    return make_tick_source(
        TickBatch(ticks, table.depth),
        session_key=session_key,
        description=f"{len(ticks):,} ticks of {path.name}",
    )
