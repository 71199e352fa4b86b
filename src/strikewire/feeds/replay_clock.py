"""The time of day in a replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_S_TO_NS: Final = 1_000_000_000


class ReplayClock:
    """The instant a replay has reached, moving on between two frames while it plays.

    Never earlier than the frame delivered last and never later than the next one: what reads this
    clock sees the market's time, and sees it stop when ticks do. Only `ReplayFeed` moves it.

    Parameters
    ----------
    start_ns : what it shows at first.
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    def __init__(self, *, start_ns: int, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._rate = 0.0
        self.move_to(start_ns)

    def now_ns(self) -> int:
        """Return the instant, nanoseconds UTC."""
        return max(self._floor_ns, min(self._limit_ns, self._extrapolate_ns()))

    @property
    def delivered_ns(self) -> int:
        """The instant of the last frame delivered, or moved to."""
        return self._floor_ns

    @property
    def expected_ns(self) -> int:
        """The instant of the next frame, where it waits for that."""
        return self._limit_ns

    def set_rate(self, rate: float) -> None:
        """Run at so many seconds a second from here on; 0 stands still between frames."""
        self._anchor_ns, self._anchor_s = self.now_ns(), self._monotonic()
        self._rate = rate

    def move_to(self, instant_ns: int) -> None:
        """Stand at an instant, earlier or later, until a limit lets it go on."""
        self._anchor_ns, self._anchor_s = instant_ns, self._monotonic()
        self._floor_ns = self._limit_ns = instant_ns

    def expect(self, next_ns: int) -> None:
        """Let it run up to the next frame."""
        self._limit_ns = max(next_ns, self._floor_ns)

    def arrive(self, frame_ns: int) -> None:
        """Note that the frame of an instant is being delivered."""
        self._floor_ns = max(self._floor_ns, frame_ns)

    def compute_delay_s(self, instant_ns: int) -> float:
        """Return the real time until an instant at the present rate; inf while standing still."""
        if not self._rate:
            return float("inf")
        elapsed_s = self._monotonic() - self._anchor_s
        return (instant_ns - self._anchor_ns) / _S_TO_NS / self._rate - elapsed_s

    def _extrapolate_ns(self) -> int:
        if not self._rate:
            return self._anchor_ns
        elapsed_s = self._monotonic() - self._anchor_s
        return self._anchor_ns + int(elapsed_s * self._rate * _S_TO_NS)
