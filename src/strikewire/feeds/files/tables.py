"""What a file gives: tables whose rows point at instruments by index, and faults.

A reader knows no ids of ours, so in its arrays `instrument_id` is an index into `specs`; whoever
registers the specs puts the ids in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, Timeframe
from strikewire.core.instruments import InstrumentSpec
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE

#: What somebody calls an instrument: its index in `specs`, the namespace, the name in it.
Alias = tuple[int, str, str]

#: The namespace of the symbols that files of bars and ticks use.
FILE_SOURCE: Final = "file"


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that was left out, and why.

    Parameters
    ----------
    file : the file's name as it was given.
    line : of a CSV file the line, the header's being 1; of a Parquet file the row, from 1.
    reason : what was wanted and what was found.
    """

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class InstrumentTable:
    """Instruments and nothing else: a broker's dump."""

    specs: tuple[InstrumentSpec, ...] = ()
    aliases: tuple[Alias, ...] = ()

    def __len__(self) -> int:
        return len(self.specs)


@dataclass(frozen=True, slots=True)
class BarTable:
    """Bars, in the order of the file.

    Parameters
    ----------
    specs : the instruments of the bars.
    aliases : what the file calls them, where that is not their tradingsymbol.
    timeframe : M1 or D1, of all bars.
    bars : BAR_DTYPE (n,); `instrument_id` is an index into `specs`.
    unknown_volume_count : bars whose volume is NaN because the file does not say its unit.
    """

    specs: tuple[InstrumentSpec, ...] = ()
    aliases: tuple[Alias, ...] = ()
    timeframe: Timeframe = Timeframe.D1
    bars: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, BAR_DTYPE))
    unknown_volume_count: int = 0

    def __len__(self) -> int:
        return len(self.bars)


@dataclass(frozen=True, slots=True)
class TickTable:
    """Ticks, with the book behind each where the file has one.

    Parameters
    ----------
    specs : the instruments of the ticks.
    aliases : what the file calls them, where that is not their tradingsymbol.
    ticks : TICK_DTYPE (n,); `instrument_id` is an index into `specs`. A whole file's table is in
        the order of exchange time, then cumulative volume, then place in the file, and `seq` counts
        from 1; a chunk's is in the order of the file, without `seq`.
    depth : DEPTH_DTYPE (n,), row for row; None where the file has no depth columns.
    """

    specs: tuple[InstrumentSpec, ...] = ()
    aliases: tuple[Alias, ...] = ()
    ticks: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, TICK_DTYPE))
    depth: npt.NDArray[np.void] | None = None

    def __len__(self) -> int:
        return len(self.ticks)


FileTable = InstrumentTable | BarTable | TickTable


@dataclass(frozen=True, slots=True)
class FileChunk:
    """Some consecutive rows of a file.

    Parameters
    ----------
    table : what they gave; stands on its own, with the specs its rows need.
    row_count : how many rows there were: those loaded and those at fault, together.
    faults : one per row that was left out, in the order of the lines.
    fraction_read : how much of the file has been read by now, 0 to 1.
    """

    table: FileTable
    row_count: int
    faults: tuple[RowFault, ...]
    fraction_read: float


def join_tables(tables: Sequence[FileTable]) -> FileTable:
    """Join the tables of a file's chunks into one; ticks are put in order and numbered.

    Raises
    ------
    ValueError : there is none, or they are of different kinds.
    """
    if len({type(table) for table in tables}) != 1:
        msg = f"tables of one kind were wanted, found {[type(table).__name__ for table in tables]}"
        raise ValueError(msg)
    index: dict[InstrumentSpec, int] = {}
    aliases: dict[Alias, None] = {}
    remaps = []
    for table in tables:
        remap = [index.setdefault(spec, len(index)) for spec in table.specs]
        aliases.update(((remap[at], source, name), None) for at, source, name in table.aliases)
        remaps.append(np.array(remap, dtype=np.int32))
    specs, names = tuple(index), tuple(aliases)
    first = tables[0]
    if isinstance(first, InstrumentTable):
        return InstrumentTable(specs, names)
    if isinstance(first, BarTable):
        bar_tables = [table for table in tables if isinstance(table, BarTable)]
        return BarTable(
            specs,
            names,
            # A chunk that is all faults does not know what the bars are.
            next((table for table in bar_tables if len(table)), first).timeframe,
            _join_rows((table.bars for table in bar_tables), remaps),
            sum(table.unknown_volume_count for table in bar_tables),
        )
    return _join_ticks(
        specs, names, [table for table in tables if isinstance(table, TickTable)], remaps
    )


def _join_rows(
    arrays: Iterable[npt.NDArray[np.void]], remaps: Sequence[npt.NDArray[np.int32]]
) -> npt.NDArray[np.void]:
    joined = []
    for rows, remap in zip(arrays, remaps, strict=True):
        moved = rows.copy()
        moved["instrument_id"] = remap[rows["instrument_id"]]
        joined.append(moved)
    return np.concatenate(joined)


def _join_ticks(
    specs: tuple[InstrumentSpec, ...],
    aliases: tuple[Alias, ...],
    tables: Sequence[TickTable],
    remaps: Sequence[npt.NDArray[np.int32]],
) -> TickTable:
    ticks = _join_rows((table.ticks for table in tables), remaps)
    # A recording may be newest first with many ticks to a second: the cumulative volume tells what
    # came before what, where the clock does not. Unknown volume sorts first.
    volumes = np.nan_to_num(ticks["volume"], nan=-1.0)
    order = np.lexsort((volumes, ticks["ts_event_ns"]))
    ticks = ticks[order]
    ticks["seq"] = np.arange(1, len(ticks) + 1)
    books = [table.depth for table in tables if table.depth is not None]
    depth = np.concatenate(books)[order] if books else None
    return TickTable(specs, aliases, ticks, depth)


def make_empty_depth(count: int) -> npt.NDArray[np.void]:
    """Return DEPTH_DTYPE (count,): books in which no level is known."""
    depth = np.zeros(count, DEPTH_DTYPE)
    depth["bid_price"] = np.nan
    depth["ask_price"] = np.nan
    return depth
