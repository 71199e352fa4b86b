"""Where the time comes from. Nothing else in Strikewire may ask the machine."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """The time of day, as far as the component that holds it is concerned."""

    def now_ns(self) -> int:
        """Return nanoseconds UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ns(self) -> int:
        """Return nanoseconds UTC."""
        return time.time_ns()


class ShiftedClock:
    """Another clock, so far ahead: it shows a market's time on a day when there is none.

    Parameters
    ----------
    offset_ns : how far; negative is behind.
    """

    def __init__(self, clock: Clock, *, offset_ns: int) -> None:
        self._clock = clock
        self._offset_ns = offset_ns

    def now_ns(self) -> int:
        """Return nanoseconds UTC, shifted."""
        return self._clock.now_ns() + self._offset_ns


class ManualClock:
    """A clock that moves only when told: replays and tests hold one."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Return the instant it was last set to."""
        return self._now_ns

    def set(self, now_ns: int) -> None:
        """Move to an instant, earlier or later: a replay seeks in both directions."""
        self._now_ns = now_ns

    def advance(self, by_ns: int) -> None:
        """Move forward by a span."""
        self._now_ns += by_ns
