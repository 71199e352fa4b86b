"""The engine's state as bytes: what a checkpoint stores.

A line of JSON, then the arrays as they lie in memory. Only what is used is written: registered
slots, and as many fingerprints as each recent bar has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import EngineStateError
from strikewire.core.ticks import DEPTH_DTYPE
from strikewire.engine.books import Books
from strikewire.engine.columns import (
    ENDING_DTYPE,
    NO_MINUTE,
    RECENT_DTYPE,
    SEEN_PLACES,
    SLOT_DTYPE,
    Counter,
    State,
    make_state,
)

#: Raise when the meaning of a field changes; the layout itself is checked besides.
_VERSION: Final = 2
_LAYOUT: Final = [
    _VERSION,
    SLOT_DTYPE.itemsize,
    RECENT_DTYPE.itemsize,
    ENDING_DTYPE.itemsize,
    DEPTH_DTYPE.itemsize,
    SEEN_PLACES,
    Counter.SIZE,
]


@dataclass(frozen=True, slots=True)
class UnpackedState:
    """A snapshot's content."""

    state: State
    books: Books
    venues: list[str]
    seq: int
    last_seq: int


def pack_state(
    state: State, books: Books, *, used: int, venues: list[str], seq: int, last_seq: int
) -> bytes:
    """Return the first `used` slots of a state, and what belongs to them, as bytes."""
    taken = _find_taken(state.recent[:used])
    quoted, latest, order = books.pack(used)
    head = {
        "layout": _LAYOUT,
        "used": used,
        "recent": state.recent.shape[1],
        "books": len(quoted),
        "venues": venues,
        "seq": seq,
        "last_seq": last_seq,
    }
    return b"".join(
        [
            json.dumps(head).encode() + b"\n",
            state.counters.tobytes(),
            state.marks.tobytes(),
            state.slots[:used].tobytes(),
            state.recent[:used].tobytes(),
            state.seen[:used][taken].tobytes(),
            state.endings[:used].tobytes(),
            quoted.tobytes(),
            latest.tobytes(),
            order.tobytes(),
        ]
    )


def unpack_state(snapshot: bytes, *, recent_minutes: int) -> UnpackedState:
    """Read what `pack_state` wrote.

    Raises
    ------
    EngineStateError : another layout, another lateness window, or not all of it.
    """
    line, _, body = snapshot.partition(b"\n")
    try:
        head = json.loads(line)
        layout, used, recent = head["layout"], head["used"], head["recent"]
    except (ValueError, KeyError, TypeError) as error:
        msg = "an engine state was wanted, found something else"
        raise EngineStateError(msg) from error
    if layout != _LAYOUT or recent != recent_minutes:
        msg = (
            f"engine state {_LAYOUT} over {recent_minutes} minutes was wanted, "
            f"found {layout} over {recent}"
        )
        raise EngineStateError(msg)
    cursor = _Cursor(body)
    counters = cursor.take(np.dtype(np.int64), Counter.SIZE)
    marks = cursor.take(np.dtype(np.int64), 2)
    slots = cursor.take(SLOT_DTYPE, used)
    recent_rows = cursor.take(RECENT_DTYPE, used * recent).reshape(used, recent)
    taken = _find_taken(recent_rows)
    fingerprints = cursor.take(np.dtype(np.uint64), int(taken.sum()))
    endings = cursor.take(ENDING_DTYPE, used)
    quoted = cursor.take(np.dtype(np.int32), head["books"])
    latest = cursor.take(DEPTH_DTYPE, len(quoted))
    order = cursor.take(np.dtype(np.int64), 2 * len(quoted)).reshape(-1, 2)

    ids = slots["instrument_id"]
    state = make_state(slots=used, recent_minutes=recent, ids=int(ids.max(initial=0)) + 1)
    state.counters[:] = counters
    state.marks[:] = marks
    state.slots[:] = slots
    state.recent[:] = recent_rows
    state.seen[taken] = fingerprints
    state.endings[:] = endings
    state.slot_of_id[ids] = np.arange(used, dtype=np.int32)
    books = Books()
    books.unpack(quoted, latest, order, used)
    return UnpackedState(
        state=state,
        books=books,
        venues=head["venues"],
        seq=head["seq"],
        last_seq=head["last_seq"],
    )


def _find_taken(recent: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Return which places of the fingerprint lists are in use, bool (s, k, SEEN_PLACES)."""
    counts = np.where(recent["minute"] != NO_MINUTE, recent["tick_count"], 0)
    return np.arange(SEEN_PLACES) < np.minimum(counts, SEEN_PLACES)[..., np.newaxis]


class _Cursor:
    """Takes arrays off the front of a buffer."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)

    def take(self, dtype: np.dtype[Any], count: int) -> npt.NDArray[Any]:
        size = dtype.itemsize * count
        if len(self._body) < size:
            msg = f"{size} more bytes of engine state were wanted, found {len(self._body)}"
            raise EngineStateError(msg)
        taken, self._body = self._body[:size], self._body[size:]
        return np.frombuffer(taken, dtype)
