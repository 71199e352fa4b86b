"""What happens to frames between the broker and its client, while a fault is on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from strikewire_fakebroker.distortions import corrupt
from strikewire_fakebroker.faults import Corrupt, Duplicate, Faults, Reorder


@dataclass(frozen=True, slots=True, eq=False)
class TickFrame:
    """A frame of packets.

    Parameters
    ----------
    rows : intp (n,), whom it tells of.
    payload : its bytes.
    is_whole : it is what the broker meant to send.
    """

    rows: npt.NDArray[np.intp]
    payload: bytes
    is_whole: bool = True


class Line:
    """The way of frames to each socket.

    Parameters
    ----------
    faults : those that are on.
    rng : where a fault is of a share of the frames, which ones.
    """

    def __init__(self, faults: Faults, *, rng: np.random.Generator) -> None:
        self._faults = faults
        self._rng = rng
        # One frame at most of each socket, which the next one overtakes.
        self._held: dict[int, TickFrame] = {}

    def pass_on(self, number: int, frame: TickFrame) -> Iterator[TickFrame]:
        """Yield what arrives at a socket when a frame is sent."""
        spoil = self._faults.find_of_socket(Corrupt, number)
        if spoil is not None and self._is_hit(spoil.share):
            payload = corrupt(frame.payload, spoil.how, self._rng)
            frame = replace(frame, payload=payload, is_whole=False)
        held = self._held.pop(number, None)
        reorder = self._faults.find_of_socket(Reorder, number)
        if held is None and reorder is not None and self._is_hit(reorder.share):
            self._held[number] = frame
            return
        yield frame
        if held is not None:
            yield held
        twice = self._faults.find_of_socket(Duplicate, number)
        if twice is not None and self._is_hit(twice.share):
            yield frame

    def forget(self, number: int) -> None:
        """Let go of what is held for a socket that has ended."""
        self._held.pop(number, None)

    def _is_hit(self, share: float) -> bool:
        return float(self._rng.random()) < share
