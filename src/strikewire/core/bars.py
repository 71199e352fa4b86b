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
    """What is special about a bar. Stored, except AMENDED, which only travels."""

    #: The minute was not over, or the feed was deaf for a part of it.
    PARTIAL = 1
    #: The bar starts at the session's close: kept, shown, and no part of any rollup.
    AFTER_CLOSE = 2
    #: This bar was published before, and a tick inside the lateness window changed it.
    AMENDED = 4


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
