"""The market's time, which runs as fast as it is told, or stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strikewire.core.clock import SystemClock
from strikewire.core.instants import SECOND_NS

_NEVER_S: Final = float("inf")


class MarketTime:
    """What time it is in the market that is played.

    Parameters
    ----------
    start_ns : the instant it shows at first.
    rate : seconds of market time a second; 0 stands.
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    def __init__(self, *, start_ns: int, rate: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._anchor_ns, self._anchor_s = start_ns, monotonic()
        self._rate = rate

    @property
    def rate(self) -> float:
        """Seconds of market time a second."""
        return self._rate

    def now_ns(self) -> int:
        """Return the instant, nanoseconds UTC."""
        elapsed_s = self._monotonic() - self._anchor_s
        return self._anchor_ns + int(elapsed_s * self._rate * SECOND_NS)

    def compute_ahead_s(self) -> float:
        """Return how far it is ahead of the machine's clock, of which a listener has to be told."""
        return (self.now_ns() - SystemClock().now_ns()) / SECOND_NS

    def set_rate(self, rate: float) -> None:
        """Run at another rate from here on."""
        self._anchor_ns, self._anchor_s = self.now_ns(), self._monotonic()
        self._rate = rate

    def advance(self, by_ns: int) -> None:
        """Move forward by a span at once."""
        self._anchor_ns += by_ns

    def compute_delay_s(self, instant_ns: int) -> float:
        """Return the real time until an instant; 0 or less of one that has come."""
        ahead_ns = instant_ns - self.now_ns()
        if ahead_ns <= 0:
            return 0.0
        return ahead_ns / SECOND_NS / self._rate if self._rate else _NEVER_S
