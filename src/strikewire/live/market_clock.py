"""The market's time: a replay's while one runs, else the machine's."""

from __future__ import annotations

from strikewire.core.clock import Clock


class MarketClock:
    """What time it is in the market that this program hears.

    Parameters
    ----------
    clock : the machine's.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._replay: Clock | None = None

    @property
    def is_replaying(self) -> bool:
        """Whether the time is a replay's."""
        return self._replay is not None

    def now_ns(self) -> int:
        """Return nanoseconds UTC."""
        return (self._replay or self._clock).now_ns()

    def follow(self, replay: Clock) -> None:
        """Show a replay's time from now on."""
        self._replay = replay

    def leave(self) -> None:
        """Show the machine's time again: the replay is over."""
        self._replay = None
