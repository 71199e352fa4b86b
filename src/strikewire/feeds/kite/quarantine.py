"""Quarantine: frames that were not believed, kept for whoever wants to know why."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strikewire.feeds.kite.wire import FrameFault

_KEPT: Final = 16
#: The head says what the frame claims to be, which is what a diagnosis begins with.
_KEPT_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class SuspectFrame:
    """A frame that was not believed.

    Parameters
    ----------
    socket : which brought it.
    ts_recv_ns : when.
    fault : what is wrong with it.
    length : how long it was, bytes.
    head : its first bytes.
    """

    socket: int
    ts_recv_ns: int
    fault: FrameFault
    length: int
    head: bytes


class Quarantine:
    """Counts every suspect frame by its fault, and keeps the heads of the last few."""

    def __init__(self) -> None:
        self._counts: Counter[FrameFault] = Counter()
        self._kept: deque[SuspectFrame] = deque(maxlen=_KEPT)

    @property
    def counts(self) -> dict[FrameFault, int]:
        """How many there were, by fault; every fault is there."""
        return {fault: self._counts[fault] for fault in FrameFault}

    @property
    def frames(self) -> Sequence[SuspectFrame]:
        """The last few, oldest first."""
        return tuple(self._kept)

    def keep(self, socket: int, frame: bytes, *, ts_recv_ns: int, fault: FrameFault) -> None:
        """Take a frame in."""
        self._counts[fault] += 1
        self._kept.append(SuspectFrame(socket, ts_recv_ns, fault, len(frame), frame[:_KEPT_BYTES]))
