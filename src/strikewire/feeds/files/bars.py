"""Bars in CSV or Parquet: minute bars, or daily ones where there is no time of day.

See docs/guides/files.md for the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.core.errors import FileLayoutError
from strikewire.core.instants import DAY_NS, MINUTE_NS, format_rfc3339, to_date
from strikewire.feeds.files.bar_rows import (
    BarAssembler,
    BarRows,
    PriceColumns,
    check_prices,
    read_numbers,
    show,
)
from strikewire.feeds.files.columns import Instants, to_days, to_instants, to_times_of_day
from strikewire.feeds.files.layouts import FileContext, Layout
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.feeds.files.symbols import BlockSymbols, SymbolResolver
from strikewire.feeds.files.tables import FileChunk
from strikewire.feeds.files.zones import to_local, to_utc

#: From so many neighbouring bars on their spacing tells the width of the file's bars.
_TELLING_COUNT: Final = 20


class BarsLayout(Layout):
    """`symbol, timestamp (or date and time), open, high, low, close, volume, oi`."""

    name = "bars"
    columns: ClassVar[Mapping[str, Sequence[str]]] = {
        "symbol": ("symbol", "tradingsymbol", "ticker"),
        "exchange": ("exchange",),
        "series": ("series",),
        "timestamp": ("timestamp", "datetime", "date"),
        "time": ("time",),
        "open": ("open",),
        "high": ("high",),
        "low": ("low",),
        "close": ("close",),
        "volume": ("volume",),
        "oi": ("oi", "open_interest"),
    }
    required = frozenset({"symbol", "timestamp", "open", "high", "low", "close"})

    def __init__(self, context: FileContext, names: Sequence[str]) -> None:
        super().__init__(context, names)
        self._resolver = SymbolResolver(context)
        self._assembler = BarAssembler()
        self._timeframe: Timeframe | None = None

    def read_block(self, block: RowBlock) -> FileChunk:
        """Turn one block into bars of the file's one timeframe."""
        faults = BlockFaults(block, self.context.file)
        instants = read_instants(block, faults)
        first_day = _find_first_day(instants, faults)
        symbols = self._resolver.resolve(block, faults, first_day)
        prices = PriceColumns(
            *(
                read_numbers(block, faults, name, is_required=True)
                for name in ("open", "high", "low", "close")
            ),
            *(read_numbers(block, faults, name) for name in ("volume", "oi")),
        )
        check_prices(faults, prices)
        ts_ns = self._stamp(instants, symbols, faults)
        rows = BarRows(
            symbols.specs, symbols.codes, symbols.aliases, ts_ns, self._timeframe or Timeframe.D1
        )
        table = self._assembler.assemble(faults, rows, prices)
        return FileChunk(table, block.row_count, faults.list_faults(), block.fraction_read)

    def _stamp(
        self, instants: Instants, symbols: BlockSymbols, faults: BlockFaults
    ) -> npt.NDArray[np.int64]:
        """Return int64 (n,), the stamps of the bars: minutes in UTC, or 00:00Z of the day."""
        local_ns, utc_ns = convert_instants(instants, symbols, self.context)
        is_good = faults.is_ok.copy()
        is_local_midnight = local_ns % DAY_NS == 0
        # Our own exports, and others', stamp a daily bar 00:00Z of its day.
        is_utc_midnight = instants.has_zone & (utc_ns % DAY_NS == 0)
        is_midnight = is_local_midnight | is_utc_midnight
        if self._timeframe is None and is_good.any():
            is_daily = bool(is_midnight[is_good].all())
            self._timeframe = Timeframe.D1 if is_daily else Timeframe.M1
            if not is_daily:
                _refuse_wider_bars(symbols.codes[is_good], utc_ns[is_good])
        if self._timeframe is Timeframe.D1:
            faults.add(~is_midnight, "a day was wanted, as in the rows before, found a time of day")
            return np.where(is_local_midnight, local_ns, utc_ns)
        faults.add(
            utc_ns % MINUTE_NS != 0,
            lambda row: (
                f"a minute bar starts on a whole minute, was {format_rfc3339(int(utc_ns[row]))}"
            ),
        )
        return utc_ns


def read_instants(block: RowBlock, faults: BlockFaults) -> Instants:
    """Return when each row was, by `timestamp`, or by `timestamp` as a day and `time`."""
    if "time" not in block.columns:
        instants = to_instants(block.columns["timestamp"])
        wanted = "a date and time between 1990 and 2100"
    else:
        instants = to_days(block.columns["timestamp"])
        wanted = "a date between 1990 and 2100"
    faults.add(
        instants.is_bad,
        lambda row: f"timestamp: {wanted} was wanted, found {show(block, 'timestamp', row)}",
    )
    if "time" not in block.columns:
        return instants
    times = to_times_of_day(block.columns["time"])
    faults.add(
        times.is_bad,
        lambda row: f"time: a time of day (HH:MM:SS) was wanted, found {show(block, 'time', row)}",
    )
    after_midnight_ns = np.nan_to_num(times.values).astype(np.int64)
    return Instants(
        instants.values_ns + after_midnight_ns, instants.has_zone, instants.is_bad | times.is_bad
    )


def convert_instants(
    instants: Instants, symbols: BlockSymbols, context: FileContext
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return int64 (n,) local and UTC; of a row without an instrument or an instant, 0."""
    local_ns = np.zeros(len(instants.values_ns), dtype=np.int64)
    utc_ns = np.zeros(len(instants.values_ns), dtype=np.int64)
    zones = [context.rules.zone(spec.exchange) for spec in symbols.specs]
    # The extra place at the end is where code -1 points: in no zone.
    per_row = np.array([*(zones.index(zone) for zone in zones), -1], dtype=np.int64)[symbols.codes]
    for place in np.unique(per_row[per_row >= 0]):
        zone = zones[place]
        rows = np.flatnonzero((per_row == place) & ~instants.is_bad)
        zoned, naive = rows[instants.has_zone[rows]], rows[~instants.has_zone[rows]]
        utc_ns[zoned] = instants.values_ns[zoned]
        local_ns[zoned] = to_local(utc_ns[zoned], zone)
        local_ns[naive] = instants.values_ns[naive]
        utc_ns[naive] = to_utc(local_ns[naive], zone)
    return local_ns, utc_ns


def _find_first_day(instants: Instants, faults: BlockFaults) -> date | None:
    values = instants.values_ns[faults.is_ok]
    return to_date(int(values.min())) if len(values) else None


def _refuse_wider_bars(codes: npt.NDArray[np.int32], ts_ns: npt.NDArray[np.int64]) -> None:
    """Raise where the bars are evidently wider than a minute: we keep minutes and days only.

    Raises
    ------
    FileLayoutError : all spacings of neighbouring bars are multiples of the same few minutes.
    """
    order = np.lexsort((ts_ns, codes))
    spacings = np.diff(ts_ns[order])[np.diff(codes[order]) == 0] // MINUTE_NS
    spacings = spacings[(spacings > 0) & (spacings < DAY_NS // MINUTE_NS)]
    if len(spacings) < _TELLING_COUNT:
        return
    width = int(np.gcd.reduce(spacings))
    if width > 1:
        msg = f"bars of one minute or one day were wanted, found bars of {width} minutes"
        raise FileLayoutError(msg, minutes=width)
