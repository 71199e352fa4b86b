"""Importing a file: its instruments into the registry, its bars into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.core.bars import BarFlag, Timeframe
from strikewire.core.errors import FileLayoutError, InvalidInputError
from strikewire.core.instruments import InstrumentSpec
from strikewire.feeds.files import BarTable, FileChunk, FileReader, FileTable, RowFault, TickTable
from strikewire.reference.market_rules import MarketRules
from strikewire.store.bar_merges import MergeResult
from strikewire.store.bars import BarStore
from strikewire.store.database import Database, WriteSession
from strikewire.store.instruments import InstrumentStore
from strikewire.store.retries import retry_deadlock


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What came of a file.

    Parameters
    ----------
    file : its name.
    layout : what it was read as.
    timeframe : of its bars; None where it holds instruments only.
    row_count : its rows: those loaded and those at fault, together.
    fault_count : rows that were left out.
    instrument_count : the instruments it names.
    inserted, updated, unchanged : its bars, by what they met in the store.
    unknown_volume_count : bars whose volume is unknown, because the file has it in lots and its
        turnover does not tell how large they were.
    """

    file: str
    layout: str
    timeframe: Timeframe | None
    row_count: int
    fault_count: int
    instrument_count: int
    inserted: int
    updated: int
    unchanged: int
    unknown_volume_count: int

    @property
    def loaded_count(self) -> int:
        """Rows without a fault."""
        return self.row_count - self.fault_count

    def to_json(self) -> dict[str, Any]:
        """Return the summary for a program to read."""
        return {**asdict(self), "loaded_count": self.loaded_count}


class FileImporter:
    """Imports files of bars and of instruments.

    A file is committed chunk by chunk, and importing it again changes nothing: whoever is
    interrupted starts over.

    Parameters
    ----------
    reader : reads every layout.
    rules : say where a session ends.
    database, instruments, bars : where it all goes.
    trail : is told of each file, when all of it is in.
    """

    def __init__(
        self,
        *,
        reader: FileReader,
        rules: MarketRules,
        database: Database,
        instruments: InstrumentStore,
        bars: BarStore,
        trail: AuditTrail,
    ) -> None:
        self._reader = reader
        self._rules = rules
        self._database = database
        self._instruments = instruments
        self._bars = bars
        self._trail = trail

    async def import_file(
        self,
        path: Path,
        *,
        actor: Actor,
        day: date | None = None,
        on_fault: Callable[[RowFault], None] = lambda _: None,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> ImportSummary:
        """Import a file; a broken row is told of, and the rest goes in.

        Parameters
        ----------
        actor : who does it.
        day : the trading day, for a BSE bhavcopy whose name does not say it.
        on_fault : is told of each row that is left out, in the order of the file.
        on_progress : is told how much of the file is in the store, 0 to 1.

        Raises
        ------
        FileLayoutError : unreadable, in no layout we know, or without a row.
        InvalidInputError : it holds ticks, which go through the engine.
        DependencyError : the store is away or too slow; what was committed stays.
        """
        layout = await asyncio.to_thread(self._reader.detect_layout, path)
        tally = _Tally(path.name, layout.name)
        registry = _Registry(self._instruments)
        chunks = self._reader.read_chunks(path, day=day)
        try:
            while (chunk := await asyncio.to_thread(_take, chunks)) is not None:
                result = await self._store(chunk.table, registry, path)
                tally.add(chunk, result)
                for fault in chunk.faults:
                    on_fault(fault)
                on_progress(chunk.fraction_read)
        finally:
            # Off the loop as well: it closes the file.
            await asyncio.to_thread(chunks.close)
        if not tally.row_count:
            msg = f"rows were wanted, found none in {path.name}"
            raise FileLayoutError(msg)
        summary = tally.summarise(registry.count)
        event = AuditEvent("file.import", "file", path.name, after=summary.to_json())
        async with self._database.write() as session:
            await self._trail.record(session, actor, event)
        on_progress(1.0)
        return summary

    async def _store(self, table: FileTable, registry: _Registry, path: Path) -> MergeResult:
        """Commit one table, from the start again if another transaction got in its way."""
        if isinstance(table, TickTable):
            msg = f"{path.name} holds ticks, which become bars by a replay: strikewire replay"
            raise InvalidInputError(msg)

        async def store() -> MergeResult:
            async with self._database.write() as session:
                ids = await registry.register(session, table)
                if not isinstance(table, BarTable) or not len(table):
                    return MergeResult(0, 0, 0)
                bars = table.bars.copy()
                bars["instrument_id"] = ids[table.bars["instrument_id"]]
                if table.timeframe is Timeframe.M1:
                    bars["flags"] = self._find_flags(table)
                return await self._bars.merge(session, bars, timeframe=table.timeframe)

        result = await retry_deadlock(store)
        registry.keep()
        return result

    def _find_flags(self, table: BarTable) -> npt.NDArray[np.uint8]:
        """Return uint8 (n,): AFTER_CLOSE at bars that start when their session ends."""
        flags = np.zeros(len(table), dtype=np.uint8)
        venues = [spec.exchange for spec in table.specs]
        per_row = np.array([venues.index(venue) for venue in venues])[table.bars["instrument_id"]]
        for place in np.unique(per_row):
            rows = np.flatnonzero(per_row == place)
            calendar = self._rules.calendar(venues[place])
            stamps_ns = table.bars["ts_ns"][rows]
            sessions = calendar.find(stamps_ns)
            is_after = (sessions >= 0) & (stamps_ns >= calendar.closes_ns[sessions])
            flags[rows[is_after]] = BarFlag.AFTER_CLOSE
        return flags


class _Registry:
    """The instruments of a file that are registered already, so that a chunk adds only its own."""

    def __init__(self, instruments: InstrumentStore) -> None:
        self._instruments = instruments
        self._ids: dict[InstrumentSpec, int] = {}
        # Dictionaries for their order: of two that are told the same alias the last one has it.
        self._aliases: dict[tuple[InstrumentSpec, str, str], None] = {}
        # What the transaction under way found out: it may yet come to nothing.
        self._new_ids: dict[InstrumentSpec, int] = {}
        self._new_aliases: dict[tuple[InstrumentSpec, str, str], None] = {}

    @property
    def count(self) -> int:
        """How many instruments the file has named so far."""
        return len({(spec.exchange, spec.tradingsymbol) for spec in self._ids})

    async def register(self, session: WriteSession, table: FileTable) -> npt.NDArray[np.int32]:
        """Return the id of each of the table's specs, after registering what is new."""
        aliases = [(table.specs[at], source, name) for at, source, name in table.aliases]
        self._new_aliases = dict.fromkeys(each for each in aliases if each not in self._aliases)
        named = {spec for spec, _, _ in self._new_aliases}
        specs = [spec for spec in table.specs if spec not in self._ids or spec in named]
        places = {spec: at for at, spec in enumerate(specs)}
        found = await self._instruments.upsert(
            session,
            specs,
            [(places[spec], source, name) for spec, source, name in self._new_aliases],
        )
        self._new_ids = {spec: int(one.id) for spec, one in zip(specs, found, strict=True)}
        ids = self._ids | self._new_ids
        return np.array([ids[spec] for spec in table.specs], dtype=np.int32)

    def keep(self) -> None:
        """Remember what the transaction that was just committed found out."""
        self._ids |= self._new_ids
        self._aliases |= self._new_aliases


class _Tally:
    """The sums of a file's chunks."""

    def __init__(self, file: str, layout: str) -> None:
        self._file = file
        self._layout = layout
        self._timeframe: Timeframe | None = None
        self.row_count = 0
        self._fault_count = 0
        self._unknown_volume_count = 0
        self._bars = np.zeros(3, dtype=np.int64)

    def add(self, chunk: FileChunk, result: MergeResult) -> None:
        """Count a chunk that has been stored."""
        self.row_count += chunk.row_count
        self._fault_count += len(chunk.faults)
        self._bars += (result.inserted, result.updated, result.unchanged)
        if isinstance(chunk.table, BarTable):
            self._timeframe = chunk.table.timeframe if len(chunk.table) else self._timeframe
            self._unknown_volume_count += chunk.table.unknown_volume_count

    def summarise(self, instrument_count: int) -> ImportSummary:
        """Return the sums."""
        inserted, updated, unchanged = self._bars.tolist()
        return ImportSummary(
            file=self._file,
            layout=self._layout,
            timeframe=self._timeframe,
            row_count=self.row_count,
            fault_count=self._fault_count,
            instrument_count=instrument_count,
            inserted=inserted,
            updated=updated,
            unchanged=unchanged,
            unknown_volume_count=self._unknown_volume_count,
        )


def _take(chunks: Iterator[FileChunk]) -> FileChunk | None:
    return next(chunks, None)
