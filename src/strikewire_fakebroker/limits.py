"""Calls a second, as the broker counts them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

_WINDOW_S: Final = 1.0
OTHER: Final = "other"


class RateLimits:
    """At most so many calls of a kind within any second.

    Parameters
    ----------
    limits : calls a second, by kind; what is not there shares the limit of `other`.
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    def __init__(self, limits: Mapping[str, float], *, monotonic: Callable[[], float]) -> None:
        self._limits = dict(limits)
        self._monotonic = monotonic
        self._calls: dict[str, deque[float]] = {}

    def take(self, kind: str) -> bool:
        """Let a call through, or not. One that is refused does not count against the next."""
        kind = kind if kind in self._limits else OTHER
        limit = self._limits[kind]
        now_s = self._monotonic()
        calls = self._calls.setdefault(kind, deque())
        while calls and now_s - calls[0] >= _WINDOW_S:
            calls.popleft()
        if len(calls) >= limit:
            return False
        calls.append(now_s)
        return True
