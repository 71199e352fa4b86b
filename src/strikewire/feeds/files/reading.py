"""Files in: find the layout, read chunk by chunk or as a whole."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from strikewire.core.errors import FileLayoutError
from strikewire.feeds.files import csv_rows, parquet_rows
from strikewire.feeds.files.catalogue import find_layout
from strikewire.feeds.files.layouts import FileContext, Layout
from strikewire.feeds.files.rows import RowBlock
from strikewire.feeds.files.sources import FileLimits, is_parquet, open_text
from strikewire.feeds.files.tables import FileChunk, FileTable, RowFault, join_tables
from strikewire.reference.market_rules import MarketRules

#: Gives the rows of an open file, of the columns that are wanted.
_Blocks = Callable[[frozenset[str]], Iterator[RowBlock]]


@dataclass(frozen=True, slots=True)
class WholeFile:
    """All of a file: what it gave, and what it did not."""

    layout: str
    table: FileTable
    row_count: int
    faults: tuple[RowFault, ...]


class FileReader:
    """Reads files of market data in any layout we know.

    Parameters
    ----------
    rules : the venues that are known, and their time zones.
    limits : how much of a file we are willing to read.
    """

    def __init__(self, *, rules: MarketRules, limits: FileLimits | None = None) -> None:
        self._rules = rules
        self._limits = limits or FileLimits()

    def detect_layout(self, path: Path) -> type[Layout]:
        """Return a file's layout, by its columns.

        Raises
        ------
        FileLayoutError : unreadable, or in no layout we know.
        """
        with self._open(path) as (names, _):
            return find_layout(names)

    def read_chunks(
        self, path: Path, *, day: date | None = None
    ) -> Generator[FileChunk, None, None]:
        """Read a file some hundred thousand rows at a time; memory does not grow with the file.

        (But for eight bytes a bar, by which a bar that comes twice is noticed.)

        Parameters
        ----------
        day : the trading day, for a BSE bhavcopy whose name does not say it.

        Raises
        ------
        FileLayoutError : unreadable, in no layout we know, or over a limit; what was given before
            stays right.
        """
        with self._open(path) as (names, blocks):
            layout = find_layout(names)(FileContext(path.name, self._rules, day), names)
            wanted = layout.wanted
            count = 0
            for chunk in layout.read(blocks(wanted)):
                count += chunk.row_count
                if count > self._limits.max_row_count:
                    msg = f"at most {self._limits.max_row_count} rows may be read, found more"
                    raise FileLayoutError(msg)
                yield chunk

    def read_all(self, path: Path, *, day: date | None = None) -> WholeFile:
        """Read a whole file into memory; ticks are in order and numbered then.

        Raises
        ------
        FileLayoutError : as `read_chunks`; or the file has no rows at all.
        """
        layout = self.detect_layout(path)
        tables: list[FileTable] = []
        faults: list[RowFault] = []
        count = 0
        for chunk in self.read_chunks(path, day=day):
            tables.append(chunk.table)
            faults.extend(chunk.faults)
            count += chunk.row_count
        if not count:
            msg = f"rows were wanted, found none in {path.name}"
            raise FileLayoutError(msg)
        return WholeFile(layout.name, join_tables(tables), count, tuple(faults))

    @contextmanager
    def _open(self, path: Path) -> Iterator[tuple[Sequence[str], _Blocks]]:
        """Give the file's columns, and a function that gives its rows."""
        if is_parquet(path, self._limits):
            with parquet_rows.open_parquet(path, self._limits) as file:
                yield (
                    parquet_rows.list_names(file),
                    lambda wanted: parquet_rows.read_blocks(file, wanted),
                )
        else:
            with open_text(path, self._limits) as source:
                head = csv_rows.read_head(source, self._limits)
                yield (
                    head.names,
                    lambda wanted: csv_rows.read_blocks(source, head, wanted, self._limits),
                )
