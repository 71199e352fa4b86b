"""What one socket is subscribed to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire_fakebroker.packets import Mode


class Subscriptions:
    """What one socket wants to be told, now and ever.

    Parameters
    ----------
    count : of instruments.
    """

    def __init__(self, count: int) -> None:
        #: uint8 (n,), `Mode` of each row.
        self.modes: npt.NDArray[np.uint8] = np.zeros(count, np.uint8)
        #: bool (n,), what it ever was subscribed to.
        self.is_ever: npt.NDArray[np.bool_] = np.zeros(count, np.bool_)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.modes))

    def add(self, rows: npt.NDArray[np.intp]) -> None:
        """Subscribe; what is new is told as a quote until a mode is asked for."""
        fresh = rows[self.modes[rows] == Mode.NONE]
        self.modes[fresh] = Mode.QUOTE
        self.is_ever[fresh] = True

    def remove(self, rows: npt.NDArray[np.intp]) -> None:
        """Unsubscribe."""
        self.modes[rows] = Mode.NONE

    def set_mode(self, rows: npt.NDArray[np.intp], mode: Mode) -> npt.NDArray[np.intp]:
        """Tell so much of what is subscribed to; return those of the rows that are."""
        held: npt.NDArray[np.intp] = rows[self.modes[rows] != Mode.NONE]
        self.modes[held] = mode
        return held

    def find_told(
        self, rows: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
        """Return which of some rows are told, and the mode of each."""
        modes = self.modes[rows]
        is_told = modes != Mode.NONE
        return rows[is_told], modes[is_told]
