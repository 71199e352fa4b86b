"""Deaf spells: since when nothing could be heard of whom, until it can be again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.core.ticks import Deafness, DeafReason


class DeafSpells:
    """Columns by instrument id: since when it cannot be heard, and why. 0 is: it can."""

    def __init__(self) -> None:
        self._since_ns = np.zeros(0, np.int64)
        self._reasons = np.zeros(0, np.int8)
        self._count = 0

    def __len__(self) -> int:
        """Return how many instruments cannot be heard."""
        return self._count

    def make_room(self, rows: int) -> None:
        """Have at least so many rows; those that are there stay as they are."""
        missing = rows - len(self._since_ns)
        if missing > 0:
            self._since_ns = np.append(self._since_ns, np.zeros(missing, np.int64))
            self._reasons = np.append(self._reasons, np.zeros(missing, np.int8))

    def begin(self, ids: npt.NDArray[np.int32], since_ns: int, reason: DeafReason) -> None:
        """Note that instruments cannot be heard; of one that could not before, the first counts."""
        new = ids[self._since_ns[ids] == 0]
        self._since_ns[new] = since_ns
        self._reasons[new] = reason
        self._count += len(new)

    def forget(self, ids: npt.NDArray[np.int32]) -> None:
        """Drop instruments that are wanted no more: nobody is deaf to what he does not ask for."""
        self._count -= int(np.count_nonzero(self._since_ns[ids]))
        self._since_ns[ids] = 0

    def end(self, ids: npt.NDArray[np.int32], now_ns: int) -> list[Deafness]:
        """Return the spells of instruments that can be heard again, and end them.

        One that was to begin only later, with the market's opening say, never was.
        """
        deaf = ids[self._since_ns[ids] != 0]
        told = deaf[self._since_ns[deaf] < now_ns]
        spells = np.stack([self._since_ns[told], self._reasons[told].astype(np.int64)])
        kinds, places = np.unique(spells, axis=1, return_inverse=True)
        self.forget(deaf)
        return [
            Deafness(
                instrument_ids=told[places.ravel() == place],
                from_ns=since_ns,
                to_ns=now_ns,
                reason=DeafReason(reason),
            )
            for place, (since_ns, reason) in enumerate(kinds.T.tolist())
        ]
