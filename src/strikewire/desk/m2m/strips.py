"""Strips: many short lists in one array, each with room to grow.

The positions are a sparse matrix that is kept twice: a strip of instruments for each strategy, and
a strip of strategies for each instrument. An entry changes a cell, or adds one to two strips; no
other one moves.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

_Item = TypeVar("_Item", bound=np.generic)

_FIRST_ROOM: Final = 4
_FIRST_CELLS: Final = 64


class StripArrays(NamedTuple):
    """What the kernels read. A NamedTuple, because Numba passes it as it is.

    Strip `s` is the cells `starts[s]` to `starts[s] + counts[s]`: `others`, int32, names the other
    side of each, and `units`, int64, how much is held.
    """

    starts: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int32]
    others: npt.NDArray[np.int32]
    units: npt.NDArray[np.int64]


class Strips:
    """Strips by number, from 0. A cell keeps its place in its strip."""

    def __init__(self) -> None:
        self._strip_count = 0
        self._used = 0
        self._rooms = np.zeros(0, np.int32)
        self.arrays = StripArrays(
            starts=np.zeros(0, np.int64),
            counts=np.zeros(0, np.int32),
            others=np.zeros(_FIRST_CELLS, np.int32),
            units=np.zeros(_FIRST_CELLS, np.int64),
        )

    def __len__(self) -> int:
        """Return the number of strips."""
        return self._strip_count

    def open(self) -> int:
        """Begin a strip without cells; return its number."""
        number = self._strip_count
        arrays = self.arrays
        if number == len(arrays.counts):
            self._rooms = grow(self._rooms, number + 1)
            self.arrays = arrays._replace(
                starts=grow(arrays.starts, number + 1), counts=grow(arrays.counts, number + 1)
            )
        self._strip_count += 1
        return number

    def append(self, number: int, other: int) -> int:
        """Add a cell of no units to a strip; return its place in it."""
        arrays = self.arrays
        place = int(arrays.counts[number])
        if place == self._rooms[number]:
            self._move(number, max(_FIRST_ROOM, 2 * place))
            arrays = self.arrays
        at = int(arrays.starts[number]) + place
        arrays.others[at], arrays.units[at] = other, 0
        arrays.counts[number] = place + 1
        return place

    def put(self, number: int, place: int, units: int) -> None:
        """Say how much is held in a cell."""
        self.arrays.units[int(self.arrays.starts[number]) + place] = units

    def _move(self, number: int, room: int) -> None:
        """Give a strip more room, behind all others; what it leaves stays empty.

        Rooms double, so that all that was ever left is no more than what is in use.
        """
        arrays = self.arrays
        if self._used + room > len(arrays.others):
            arrays = self.arrays = arrays._replace(
                others=grow(arrays.others, self._used + room),
                units=grow(arrays.units, self._used + room),
            )
        old, count = int(arrays.starts[number]), int(arrays.counts[number])
        new = self._used
        for cells in (arrays.others, arrays.units):
            cells[new : new + count] = cells[old : old + count]
        arrays.starts[number] = new
        self._rooms[number] = room
        self._used += room


def grow(array: npt.NDArray[_Item], needed: int) -> npt.NDArray[_Item]:
    """Return an array of at least so many rows, and of twice as many as before; new ones are 0."""
    larger = np.zeros((max(needed, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
