"""Bars: OHLCV and OI of one instrument over `[open, close)`, stamped at its open."""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS


class Source(IntEnum):
    """Where a bar's numbers come from; stored as a small integer, shown by name."""

    TICKS = 1
    BROKER = 2
    FILE = 3

    @property
    def label(self) -> str:
        """The name people and payloads use: `ticks`, `broker`, `file`."""
        return self.name.lower()


class BarFlag(IntFlag):
    """What is special about a bar. Stored, except AMENDED and FORMING, which only travel."""

    #: The minute was not over, or the feed was deaf for a part of it.
    PARTIAL = 1
    #: The bar starts at the session's close: kept, shown, and no part of any rollup.
    AFTER_CLOSE = 2
    #: This bar was published before, and a tick inside the lateness window changed it.
    AMENDED = 4
    #: The minute is not over, and the engine will write the bar again. Never without PARTIAL.
    FORMING = 8
    #: The broker's candle, in the place of ticks that it was found to differ from.
    RECONCILED = 16


#: What is said of a bar on its way, and is no part of it.
TRAVELLING_FLAGS: Final = BarFlag.AMENDED | BarFlag.FORMING

BAR_DTYPE: Final = np.dtype(
    [
        ("instrument_id", "<i4"),
        ("tick_count", "<i4"),  # distinct ticks; 0 for a bar that came from a file's bar
        ("ts_ns", "<i8"),  # the bar's open, UTC; 00:00Z of the trading day for a daily bar
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),  # units traded in the bar; NaN unknown
        ("oi", "<f8"),  # open interest at the bar's end, units; NaN unknown
        ("revision", "<i4"),  # 0, and one more for each later correction by a backfill
        ("source", "<i2"),  # Source
        ("flags", "<i2"),  # BarFlag
    ],
    align=True,
)
assert BAR_DTYPE.itemsize == sum(BAR_DTYPE[n].itemsize for n in BAR_DTYPE.names or ()), (
    "no padding: equal bars are equal bytes"
)


class Timeframe(StrEnum):
    """The widths we serve. The minute is canonical; every other is rolled up from it."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    D1 = "1d"

    @property
    def width_ns(self) -> int:
        """The width, nanoseconds; of a day the calendar's, not the session's."""
        return _WIDTHS_NS[self]


_WIDTHS_NS: Final = {
    Timeframe.M1: MINUTE_NS,
    Timeframe.M3: 3 * MINUTE_NS,
    Timeframe.M5: 5 * MINUTE_NS,
    Timeframe.M15: 15 * MINUTE_NS,
    Timeframe.M30: 30 * MINUTE_NS,
    Timeframe.H1: HOUR_NS,
    Timeframe.D1: DAY_NS,
}


def name_statuses(bars: npt.NDArray[np.void]) -> list[str]:
    """Return `partial`, `revised` or `complete` of each bar; what is partial says so first."""
    is_partial = (bars["flags"] & BarFlag.PARTIAL) != 0
    statuses = np.where(
        is_partial, "partial", np.where(bars["revision"] > 0, "revised", "complete")
    )
    return [str(each) for each in statuses]


def find_outranked(new: npt.NDArray[np.void], old: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Return bool (n,): which new bars leave the old one of their instrument and minute as it is.

    A whole bar that was a bar when it came to us, a candle or a file's, does not give way to ticks
    that were not all heard, nor to quotes that were asked for now and then; nor, once it was
    reconciled, to any ticks. A candle gives way to a file and to ticks that were all heard, unless
    it was reconciled. A forming bar is newer than anything. Else the later one counts
    (docs/decisions/0024-precedence-of-bars.md).

    Parameters
    ----------
    new, old : BAR_DTYPE (n,), row for row of one instrument and minute.

    The same rule in SQL: store/bar_merges.py. A test compares them, tests/db/test_precedence.py.
    """
    is_whole = (old["flags"] & BarFlag.PARTIAL) == 0
    is_partial = (new["flags"] & BarFlag.PARTIAL) != 0
    is_quoted = (new["source"] == Source.BROKER) & (new["tick_count"] > 0)
    gives_way = (new["source"] == Source.TICKS) & (
        is_partial | ((old["flags"] & BarFlag.RECONCILED) != 0)
    )
    came_as_bar = (old["source"] != Source.TICKS) & (old["tick_count"] == 0)
    is_candle = (
        (new["source"] == Source.BROKER)
        & (new["tick_count"] == 0)
        & ((new["flags"] & BarFlag.RECONCILED) == 0)
    )
    is_outranked = is_whole & (
        (came_as_bar & (gives_way | is_quoted)) | (is_candle & (old["source"] != Source.BROKER))
    )
    return np.asarray(is_outranked & ((new["flags"] & BarFlag.FORMING) == 0))
