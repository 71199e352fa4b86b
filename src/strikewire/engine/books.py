"""The books: the five best levels of each slot, as they are and as they were a minute ago."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.compiling import compile_kernel
from strikewire.core.instants import MINUTE_NS
from strikewire.core.ticks import DEPTH_DTYPE, TickFlag

compiled: Final = compile_kernel()

_MINUTE: Final = MINUTE_NS
_BOOKLESS: Final = int(TickFlag.BOOKLESS)
_LATEST: Final = 0
#: The last one of an earlier minute than the latest: what stood when that minute closed.
_EARLIER: Final = 1

_TS: Final = 0
_SEQ: Final = 1


class Books:
    """The latest book of each slot, by (exchange time, journal sequence).

    Nothing is allocated before the first one: most feeds have none.
    """

    def __init__(self) -> None:
        self._books = np.zeros((0, 2), DEPTH_DTYPE)
        self._order = np.zeros((0, 2, 2), np.int64)

    def apply(
        self,
        ticks: npt.NDArray[np.void],
        depth: npt.NDArray[np.void],
        slot_of_id: npt.NDArray[np.int32],
        slots: int,
    ) -> None:
        """Take in the books behind ticks; there are `slots` slots by now."""
        self._make_room(slots)
        apply_depth_nb(ticks, depth, slot_of_id, self._order, self._books)

    def find(self, slot: int) -> npt.NDArray[np.void] | None:
        """Return a slot's latest book, DEPTH_DTYPE (1,); None where none was heard."""
        if slot >= len(self._books) or self._order[slot, _LATEST, _TS] == 0:
            return None
        return self._books[slot, :1].copy()

    def find_seq(self, slot: int) -> int:
        """Return which tick brought a slot's latest book, by its number; 0 where there is none."""
        return int(self._order[slot, _LATEST, _SEQ]) if slot < len(self._books) else 0

    def find_since(self, slot: int, seq: int) -> npt.NDArray[np.void] | None:
        """Return a slot's latest book if a tick behind a sequence number brought it, else None."""
        return self.find(slot) if self.find_seq(slot) > seq else None

    def read(
        self, slots: npt.NDArray[np.int32], before_ns: int | None = None
    ) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
        """Return the books of many slots, and when each was made.

        Parameters
        ----------
        slots : int32 (n,); -1 is nobody's.
        before_ns : the end of a minute: the last ones before it. None: the latest.

        Returns
        -------
        books : DEPTH_DTYPE (n,); what stands where there is none means nothing.
        ts_ns : int64 (n,), 0 where there is none.
        """
        if not len(self._books):
            return np.zeros(len(slots), DEPTH_DTYPE), np.zeros(len(slots), np.int64)
        rows, which, ts_ns = self._find(slots, before_ns)
        return self._books[rows, which], ts_ns

    def read_best(
        self, slots: npt.NDArray[np.int32], before_ns: int | None = None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return the best bids and offers of many slots, and when each was told; as `read`.

        A book is 216 bytes, of which this copies 16.

        Returns
        -------
        bids, asks : float64 (n,), NaN where there is no book.
        ts_ns : int64 (n,), 0 where there is none.
        """
        if not len(self._books):
            nothing = np.full(len(slots), np.nan)
            return nothing, nothing, np.zeros(len(slots), np.int64)
        rows, which, ts_ns = self._find(slots, before_ns)
        bids = self._books["bid_price"][rows, which, 0]
        asks = self._books["ask_price"][rows, which, 0]
        bids[ts_ns == 0] = asks[ts_ns == 0] = np.nan
        return bids, asks, ts_ns

    def _find(
        self, slots: npt.NDArray[np.int32], before_ns: int | None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp], npt.NDArray[np.int64]]:
        """Return row and place of each slot's book, and its time; 0 where there is none."""
        rows = np.where(slots < len(self._books), slots, -1)
        which = np.zeros(len(rows), np.intp)
        if before_ns is not None:
            which[self._order[rows, _LATEST, _TS] >= before_ns] = _EARLIER
        ts_ns = self._order[rows, which, _TS]
        ts_ns[rows < 0] = 0
        if before_ns is not None:
            ts_ns[ts_ns >= before_ns] = 0
        return rows, which, ts_ns

    def pack(
        self, used: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.void], npt.NDArray[np.int64]]:
        """Return which of the first `used` slots have a book, their latest books, and the order."""
        taken = np.flatnonzero(self._order[:used, _LATEST, _TS]).astype(np.int32)
        return taken, self._books[taken, _LATEST], self._order[taken, _LATEST]

    def unpack(
        self,
        taken: npt.NDArray[np.int32],
        books: npt.NDArray[np.void],
        order: npt.NDArray[np.int64],
        slots: int,
    ) -> None:
        """Take in what `pack` returned.

        Those of earlier minutes are not in it: a step ends with no book younger than the minute
        that is open, so nobody will ask for them.
        """
        if len(taken):
            self._make_room(slots)
            self._books[taken, _LATEST] = books
            self._order[taken, _LATEST] = order

    def _make_room(self, slots: int) -> None:
        held = len(self._books)
        if held < slots:
            books, order = np.zeros((slots, 2), DEPTH_DTYPE), np.zeros((slots, 2, 2), np.int64)
            books[:held], order[:held] = self._books, self._order
            self._books, self._order = books, order


@compiled
def apply_depth_nb(
    ticks: npt.NDArray[np.void],
    depth: npt.NDArray[np.void],
    slot_of_id: npt.NDArray[np.int32],
    order: npt.NDArray[np.int64],
    books: npt.NDArray[np.void],
) -> None:
    """Keep the latest book of each instrument, and the last one of an earlier minute."""
    for i in range(len(ticks)):
        instrument_id = ticks[i]["instrument_id"]
        if instrument_id < 0 or instrument_id >= len(slot_of_id):
            continue
        slot = slot_of_id[instrument_id]
        if slot < 0 or ticks[i]["flags"] & _BOOKLESS:
            continue
        ts_ns = ticks[i]["ts_event_ns"]
        seq = ticks[i]["seq"]
        latest_ns = order[slot, _LATEST, _TS]
        if ts_ns > latest_ns or (ts_ns == latest_ns and seq >= order[slot, _LATEST, _SEQ]):
            if latest_ns // _MINUTE != ts_ns // _MINUTE:
                order[slot, _EARLIER, _TS] = latest_ns
                order[slot, _EARLIER, _SEQ] = order[slot, _LATEST, _SEQ]
                books[slot, _EARLIER] = books[slot, _LATEST]
            order[slot, _LATEST, _TS] = ts_ns
            order[slot, _LATEST, _SEQ] = seq
            books[slot, _LATEST] = depth[i]
