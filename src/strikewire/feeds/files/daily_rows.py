"""End-of-day files of an exchange: what their layouts have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.core.instruments import InstrumentSpec
from strikewire.feeds.files.bar_rows import (
    BarAssembler,
    BarRows,
    PriceColumns,
    blank_untraded,
    check_prices,
    read_numbers,
    show,
)
from strikewire.feeds.files.columns import to_codes, to_days
from strikewire.feeds.files.layouts import FileContext, Layout
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.feeds.files.symbols import BlockSymbols, combine
from strikewire.feeds.files.tables import Alias, BarTable, FileChunk
from strikewire.reference.symbols import MAX_SYMBOL_LENGTH

#: Describes an instrument by the texts of its columns; ValueError carries the reason why not.
Describe = Callable[..., tuple[InstrumentSpec, Sequence[tuple[str, str]]]]


class DailyLayout(Layout):
    """A layout whose rows are one instrument's day each.

    A subclass names in `instrument_columns` what tells the instruments apart, and describes one.
    """

    instrument_columns: ClassVar[tuple[str, ...]]

    def __init__(self, context: FileContext, names: Sequence[str]) -> None:
        super().__init__(context, names)
        self._assembler = BarAssembler()

    def read_block(self, block: RowBlock) -> FileChunk:
        """Turn one block into daily bars, of rows that hold up."""
        faults = BlockFaults(block, self.context.file)
        days_ns = self.read_days(block, faults)
        symbols = self.read_symbols(block, faults)
        prices = self.read_prices(block, faults)
        blank_untraded(faults, prices)
        check_prices(faults, prices, has_official_close=True)
        rows = BarRows(symbols.specs, symbols.codes, symbols.aliases, days_ns, Timeframe.D1)
        table = self.finish(self._assembler.assemble(faults, rows, prices))
        return FileChunk(table, block.row_count, faults.list_faults(), block.fraction_read)

    def read_days(self, block: RowBlock, faults: BlockFaults) -> npt.NDArray[np.int64]:
        """Return int64 (n,), 00:00Z of each row's trading day."""
        days = to_days(block.columns["day"])
        faults.add(
            days.is_bad,
            lambda row: f"a date after 1990 was wanted, found {show(block, 'day', row)}",
        )
        return days.values_ns

    def read_symbols(self, block: RowBlock, faults: BlockFaults) -> BlockSymbols:
        """Describe each instrument of the block once."""
        texts, codes = combine([to_codes(block.columns[name]) for name in self.instrument_columns])
        index: dict[InstrumentSpec, int] = {}
        aliases: dict[Alias, None] = {}
        places = np.full(len(texts), -1, dtype=np.int32)
        problems: dict[int, str] = {}
        for at, fields in enumerate(texts):
            try:
                spec, names = self.describe(dict(zip(self.instrument_columns, fields, strict=True)))
            except ValueError as error:
                problems[at] = str(error)
                continue
            places[at] = index.setdefault(spec, len(index))
            aliases.update(((int(places[at]), source, name), None) for source, name in names)
        if problems:
            faults.add(np.isin(codes, list(problems)), lambda row: problems[int(codes[row])])
        if not len(places):
            return BlockSymbols([], codes, [])
        return BlockSymbols(list(index), places[codes], list(aliases))

    def read_prices(self, block: RowBlock, faults: BlockFaults) -> PriceColumns:
        """Return the numbers, quantities in units. OI of shares is not known: there is none."""
        open_, high, low, close, volume = (
            read_numbers(block, faults, name, is_required=True)
            for name in ("open", "high", "low", "close", "volume")
        )
        return PriceColumns(open_, high, low, close, volume, read_numbers(block, faults, "oi"))

    def finish(self, table: BarTable) -> BarTable:
        """Return the table with what only a whole block tells; here, as it is."""
        return table

    @abstractmethod
    def describe(self, fields: dict[str, str]) -> tuple[InstrumentSpec, Sequence[tuple[str, str]]]:
        """Return an instrument and its aliases (source, name), by its columns.

        Raises
        ------
        ValueError : with the reason why there is no such instrument.
        """


def check_symbol(column: str, symbol: str) -> str:
    """Return a symbol that can be one.

    Raises
    ------
    ValueError : it is empty, too long, or not printable.
    """
    if not 0 < len(symbol) <= MAX_SYMBOL_LENGTH or not symbol.isprintable():
        msg = f"{column}: a symbol was wanted, found {symbol[:40]!r}"
        raise ValueError(msg)
    return symbol
