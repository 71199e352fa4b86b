"""Ticks in CSV or Parquet, with up to five levels of depth.

See docs/guides/files.md for the columns. `volume` is cumulative for the day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import to_date
from strikewire.core.ticks import DEPTH_LEVELS, TICK_DTYPE
from strikewire.feeds.files.bar_rows import read_numbers
from strikewire.feeds.files.bars import convert_instants, read_instants
from strikewire.feeds.files.layouts import FileContext, Layout, same
from strikewire.feeds.files.rows import BlockFaults, RowBlock
from strikewire.feeds.files.symbols import SymbolResolver
from strikewire.feeds.files.tables import FileChunk, TickTable, make_empty_depth

_LEVEL_FIELDS: Final = ("price", "quantity", "orders")
_DEPTH_COLUMNS: Final = (
    *(
        f"{side}_{field}_{level}"
        for side in ("bid", "ask")
        for field in _LEVEL_FIELDS
        for level in range(1, DEPTH_LEVELS + 1)
    ),
    "total_bid_quantity",
    "total_ask_quantity",
)


class TicksLayout(Layout):
    """`symbol, timestamp, ltp, volume, oi, average_price, bid_price_1 ... ask_orders_5`."""

    name = "ticks"
    columns: ClassVar[Mapping[str, Sequence[str]]] = {
        "symbol": ("symbol", "tradingsymbol"),
        "exchange": ("exchange",),
        "timestamp": ("timestamp", "exchange_timestamp", "date"),
        "time": ("time",),
        "ltp": ("ltp", "last_price"),
        "volume": ("volume", "volume_traded"),
        **same("oi", "average_price", *_DEPTH_COLUMNS),
    }
    required = frozenset({"symbol", "timestamp", "ltp"})

    def __init__(self, context: FileContext, names: Sequence[str]) -> None:
        super().__init__(context, names)
        self._resolver = SymbolResolver(context)
        self._has_depth = any(name in self._spellings for name in _DEPTH_COLUMNS)

    def read_block(self, block: RowBlock) -> FileChunk:
        """Turn one block into ticks, in the order of the file."""
        faults = BlockFaults(block, self.context.file)
        instants = read_instants(block, faults)
        good_ns = instants.values_ns[faults.is_ok]
        first_day = to_date(int(good_ns.min())) if len(good_ns) else None
        symbols = self._resolver.resolve(block, faults, first_day)
        ticks = np.zeros(len(block.lines), dtype=TICK_DTYPE)
        ticks["ltp"] = read_numbers(block, faults, "ltp", is_required=True)
        for name in ("volume", "oi"):
            values = read_numbers(block, faults, name)
            faults.add(values < 0, f"{name} must not be negative")
            ticks[name] = values
        ticks["average_price"] = read_numbers(block, faults, "average_price")
        depth = self._read_depth(block, faults) if self._has_depth else None
        _, utc_ns = convert_instants(instants, symbols, self.context)
        ticks["ts_event_ns"] = utc_ns
        # Nobody recorded when it was heard; the exchange's time is the earliest it can have been.
        ticks["ts_recv_ns"] = utc_ns
        good = np.flatnonzero(faults.is_ok)
        used, places = np.unique(symbols.codes[good], return_inverse=True)
        ticks = ticks[good]
        ticks["instrument_id"] = places
        moved = {int(old): new for new, old in enumerate(used)}
        table = TickTable(
            tuple(symbols.specs[old] for old in used),
            tuple((moved[at], src, name) for at, src, name in symbols.aliases if at in moved),
            ticks,
            None if depth is None else depth[good],
        )
        return FileChunk(table, block.row_count, faults.list_faults(), block.fraction_read)

    def _read_depth(self, block: RowBlock, faults: BlockFaults) -> npt.NDArray[np.void]:
        """Return DEPTH_DTYPE (n,): NaN and 0 where the file has no such level."""
        depth = make_empty_depth(len(block.lines))
        for name in _DEPTH_COLUMNS:
            if name not in block.columns:
                continue
            values = read_numbers(block, faults, name)
            if name.startswith("total_"):
                depth[name] = _to_counts(faults, name, values)
                continue
            field, _, level = name.rpartition("_")
            at = int(level) - 1
            is_price = field.endswith("price")
            depth[field][:, at] = values if is_price else _to_counts(faults, name, values)
        return depth


def _to_counts(
    faults: BlockFaults, name: str, values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return quantities that fit an integer, nothing as 0, and fault those that do not."""
    counts = np.nan_to_num(values, nan=0.0)
    limit = 2**31 if "orders" in name else 2**53
    is_bad = (counts < 0) | (counts >= limit)
    faults.add(is_bad, f"{name} must be a count, not negative and below {limit}")
    return np.where(is_bad, 0.0, counts)
