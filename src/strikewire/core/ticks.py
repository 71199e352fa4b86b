"""Ticks: one update of one instrument, sixty-four bytes each, in batches; and where none came.

A feed turns whatever it hears into one `TickBatch` per frame. No Python object is made per tick.
What it did not hear it tells as a `Deafness`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

DEPTH_LEVELS: Final = 5


class TickFlag(IntFlag):
    """What is special about a tick."""

    #: The tick came out of a file's bar, not out of a market: applied, but not counted as a tick.
    SYNTHETIC = 1
    #: The values come from the broker's REST quotes, not from its stream.
    BROKER = 2
    #: The feed told no book with it: its row of the depth means nothing.
    BOOKLESS = 4
    #: It is what stood when the instrument was asked for, and happened long before it was told. It
    #: makes a quote; a bar it would only make in part, and perhaps of a day that is done.
    STALE = 8


TICK_DTYPE: Final = np.dtype(
    [
        ("instrument_id", "<i4"),  # ours
        ("flags", "<u4"),  # TickFlag
        ("ts_event_ns", "<i8"),  # exchange time, UTC
        ("ts_recv_ns", "<i8"),  # when we learned, UTC
        ("seq", "<i8"),  # place in the journal, from 1; travels with the tick
        ("ltp", "<f8"),  # last traded price
        ("volume", "<f8"),  # cumulative for the day, in units; NaN unknown
        ("oi", "<f8"),  # open interest, in units; NaN unknown
        ("average_price", "<f8"),  # of the day's trades; NaN unknown
    ],
    align=True,
)
assert TICK_DTYPE.itemsize == 64, "one tick is one cache line"

DEPTH_DTYPE: Final = np.dtype(
    [
        ("bid_price", "<f8", (DEPTH_LEVELS,)),  # best first; NaN where there is none
        ("ask_price", "<f8", (DEPTH_LEVELS,)),
        ("bid_quantity", "<i8", (DEPTH_LEVELS,)),  # units
        ("ask_quantity", "<i8", (DEPTH_LEVELS,)),
        ("bid_orders", "<i4", (DEPTH_LEVELS,)),
        ("ask_orders", "<i4", (DEPTH_LEVELS,)),
        ("total_bid_quantity", "<i8"),  # of the whole book, units
        ("total_ask_quantity", "<i8"),
    ],
    align=True,
)


@dataclass(frozen=True, slots=True)
class TickBatch:
    """The ticks of one frame, in the order they arrived.

    Parameters
    ----------
    ticks : TICK_DTYPE (n,).
    depth : DEPTH_DTYPE (n,), row for row the book behind each tick; None where the feed has none.

    Raises
    ------
    ValueError : `depth` has another length than `ticks`.
    """

    ticks: npt.NDArray[np.void]
    depth: npt.NDArray[np.void] | None = None

    def __post_init__(self) -> None:
        if self.depth is not None and len(self.depth) != len(self.ticks):
            msg = f"one book per tick was wanted: {len(self.ticks)} ticks, {len(self.depth)} books"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def last_seq(self) -> int:
        """The highest journal sequence in the batch; 0 when it is empty."""
        return int(self.ticks["seq"].max()) if len(self.ticks) else 0


class DeafReason(IntEnum):
    """Why a feed heard nothing; stored as a small integer, shown by name."""

    #: The connection was gone.
    DISCONNECTED = 1
    #: The connection was up, and nothing came over it.
    MUTE = 2
    #: A frame came, was no good, and was not believed.
    QUARANTINED = 3
    #: The program was not running.
    DOWN = 4
    #: It came faster than it could be taken, and the oldest was dropped.
    OVERRUN = 5

    @property
    def label(self) -> str:
        """The name people and payloads use, in lower case."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class Deafness:
    """A stretch of time in which a feed heard nothing of some instruments, whatever happened.

    It is told before the first batch that has a tick of theirs again.

    Parameters
    ----------
    instrument_ids : int32 (n,), whose ticks are missing.
    from_ns, to_ns : `[from, to)`, by the exchange's time as well as the feed knows it.

    Raises
    ------
    ValueError : it is nobody's, or does not last.
    """

    instrument_ids: npt.NDArray[np.int32]
    from_ns: int
    to_ns: int
    reason: DeafReason

    def __post_init__(self) -> None:
        if not len(self.instrument_ids) or self.from_ns >= self.to_ns:
            msg = (
                "a stretch of somebody's was wanted, found "
                f"[{self.from_ns}, {self.to_ns}) of {len(self.instrument_ids)} instruments"
            )
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Lull:
    """Nothing comes, and the exchange's time goes on: minutes end though nobody trades.

    Parameters
    ----------
    now_ns : the exchange's time, as well as the feed knows it.
    """

    now_ns: int


#: What a feed tells.
Heard: TypeAlias = TickBatch | Deafness | Lull
