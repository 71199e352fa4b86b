"""The engine's memory: one slot per instrument, a few recent bars per slot, all in NumPy arrays.

Rows, not columns of columns: everything one tick touches of an instrument lies side by side, in two
or three cache lines, however many instruments there are. The compiled kernels and nobody else
write here.

The work per tick is the same for 100 and for 100,000 instruments, its time is not: about 30, 50 and
160 ns of processor time (benchmarks/engine.py), because the rows of 100,000 lie in 250 MB, which no
cache holds. Two ways around that were measured and left. Smaller rows, 120 and 128 bytes for 136
each: 6 % at 100 instruments, nothing beyond the noise at 3,000 and above. Reading the rows of 16
ticks ahead of them, so that the misses overlap: a tenth and more dearer at 100 and 3,000, nothing
beyond the noise at 100,000, for the processor overlaps them by itself.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

NO_SESSION: Final = -1
NO_MINUTE: Final = -1

#: Distinct ticks of one bar that are remembered, to recognise a repeat. After so many in a minute
#: (Kite sends at most one or two a second) every tick counts, repeat or not.
SEEN_PLACES: Final = 128

SLOT_DTYPE: Final = np.dtype(
    [
        ("instrument_id", "<i4"),
        ("calendar", "<i4"),  # index into Sessions.starts
        ("open_ns", "<i8"),  # of the session being built
        ("close_ns", "<i8"),
        ("session", "<i8"),  # index of that session; NO_SESSION before the first tick
        ("newest_ns", "<i8"),  # latest exchange time accepted in the session
        ("newest_minute", "<i8"),  # minutes since 1970, of the newest bar
        ("base_volume", "<f8"),  # cumulative volume when the last evicted bar ended; NaN: none yet
        ("first_ns", "<i8"),  # (first_ns, first_volume): the earliest tick that told a volume
        ("first_volume", "<f8"),
        ("quote_ns", "<i8"),  # the latest tick, in tick order
        ("quote_seq", "<i8"),
        ("ltp", "<f8"),
        ("volume", "<f8"),
        ("oi", "<f8"),
        ("average_price", "<f8"),
        ("touched_step", "<i8"),  # the step that touched the slot last
    ],
    align=True,
)

RECENT_DTYPE: Final = np.dtype(
    [
        ("minute", "<i8"),  # minutes since 1970; NO_MINUTE: empty
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("oi", "<f8"),
        ("volume", "<f8"),  # highest cumulative volume told in the minute; NaN: none
        ("open_ns", "<i8"),  # tick order of the opening tick ...
        ("open_volume", "<f8"),
        ("open_seq", "<i8"),
        ("close_ns", "<i8"),  # ... of the closing tick ...
        ("close_volume", "<f8"),
        ("close_seq", "<i8"),
        ("oi_ns", "<i8"),  # ... and of the tick that told the open interest
        ("oi_volume", "<f8"),
        ("oi_seq", "<i8"),
        ("tick_count", "<i4"),
        ("state", "u1"),  # DIRTY | PUBLISHED | COUNTED | DEAF
        ("source", "u1"),  # core.bars.Source
    ],
    align=True,
)

#: What is remembered of bars that left the ring, and of the last stretch in which nothing was
#: heard. Touched once a minute: no part of a slot's row.
ENDING_DTYPE: Final = np.dtype(
    [
        ("minute", "<i8"),  # of the last bar that was evicted; NO_MINUTE: none was
        ("close", "<f8"),
        ("oi", "<f8"),  # the last one told
        ("close_before", "<f8"),  # of the last bar of the session before; NaN: not known
        ("oi_before", "<f8"),
        ("deaf_from_ns", "<i8"),  # `[from, to)`; 0: there was none
        ("deaf_to_ns", "<i8"),
        ("late", "<i8"),  # ticks that came too late for their bar, ever
    ],
    align=True,
)

DIRTY: Final = 1  # changed since it was last published
PUBLISHED: Final = 2  # published at least once: the next time is an amendment
COUNTED: Final = 4  # counted as a closed bar
DEAF: Final = 8  # not all of its minute was heard


class Counter:
    """Places in `State.counters`, all since the engine was made."""

    APPLIED: Final = 0  # ticks that are in a bar
    DUPLICATES: Final = 1  # of those, repeats of a tick the bar already had
    LATE: Final = 2  # older than the lateness window: for a backfill to mend
    OUTSIDE: Final = 3  # outside every session: the quote is taken, no bar is made
    UNSTAMPED: Final = 4  # without an exchange time
    UNKNOWN: Final = 5  # of an instrument nobody registered
    INVALID: Final = 6  # without a finite price
    BARS: Final = 7  # minute bars closed, each counted once
    AMENDMENTS: Final = 8  # closed bars published again
    SIZE: Final = 9


class State(NamedTuple):
    """What the kernels work on. A NamedTuple, because Numba passes it as it is."""

    slot_of_id: npt.NDArray[np.int32]  # (highest id + 1,), -1: not registered
    slots: npt.NDArray[np.void]  # SLOT_DTYPE (s,)
    recent: npt.NDArray[np.void]  # RECENT_DTYPE (s, k), a ring by minute, k a power of two
    seen: npt.NDArray[np.uint64]  # (s, k, SEEN_PLACES) fingerprints, as many as tick_count
    counters: npt.NDArray[np.int64]  # (Counter.SIZE,)
    marks: npt.NDArray[np.int64]  # (2,) as_of_ns, and the first minute that is not closed yet
    endings: npt.NDArray[np.void]  # ENDING_DTYPE (s,)


class Sessions(NamedTuple):
    """The sessions of every calendar, one after the other."""

    starts: npt.NDArray[np.int64]  # (calendars + 1,), where each one's sessions begin
    opens_ns: npt.NDArray[np.int64]
    closes_ns: npt.NDArray[np.int64]


AS_OF: Final = 0
OPEN_MINUTE: Final = 1


def make_state(*, slots: int, recent_minutes: int, ids: int) -> State:
    """Return an empty state for a number of slots, ring places and ids."""
    slot_rows = np.zeros(slots, SLOT_DTYPE)
    slot_rows["session"] = NO_SESSION
    slot_rows["close_ns"] = -1
    slot_rows["newest_minute"] = NO_MINUTE
    for name in ("base_volume", "first_volume", "ltp", "volume", "oi", "average_price"):
        slot_rows[name] = np.nan
    ending_rows = np.zeros(slots, ENDING_DTYPE)
    ending_rows["minute"] = NO_MINUTE
    for name in ("close", "oi", "close_before", "oi_before"):
        ending_rows[name] = np.nan
    recent = np.zeros((slots, recent_minutes), RECENT_DTYPE)
    recent["minute"] = NO_MINUTE
    return State(
        slot_of_id=np.full(ids, -1, np.int32),
        slots=slot_rows,
        recent=recent,
        seen=np.empty((slots, recent_minutes, SEEN_PLACES), np.uint64),
        counters=np.zeros(Counter.SIZE, np.int64),
        marks=np.zeros(2, np.int64),
        endings=ending_rows,
    )


def grow_state(state: State, *, slots: int, ids: int) -> State:
    """Return a larger state with the same content."""
    larger = make_state(slots=slots, recent_minutes=state.recent.shape[1], ids=ids)
    used = len(state.slots)
    larger.slots[:used] = state.slots
    larger.recent[:used] = state.recent
    larger.seen[:used] = state.seen
    larger.slot_of_id[: len(state.slot_of_id)] = state.slot_of_id
    larger.counters[:] = state.counters
    larger.marks[:] = state.marks
    larger.endings[:used] = state.endings
    return larger
