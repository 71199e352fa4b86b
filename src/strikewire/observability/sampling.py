"""Sampling: the first few of a noisy event are logged, the rest are counted."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from strikewire.core.clock import Clock
from strikewire.core.instants import SECOND_NS

# Keys are made of route templates and event names, so there are few; the bound is for the day
# somebody puts a symbol into one.
_MAX_KEYS: Final = 1_024


@dataclass(slots=True)
class _Window:
    """How often a key was seen since `opened_ns`."""

    opened_ns: int
    count: int
    suppressed: int


class Sampler:
    """Lets the first `burst` events of each key through per interval and counts the others.

    Parameters
    ----------
    burst : events of one key that pass in one interval; 0 lets everything pass.
    interval_s : seconds.
    """

    def __init__(self, *, clock: Clock, burst: int, interval_s: float) -> None:
        self._clock = clock
        self._burst = burst
        self._interval_ns = int(interval_s * SECOND_NS)
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def admit(self, key: str) -> int | None:
        """Say whether an event may pass.

        Returns
        -------
        None when it is suppressed; otherwise how many of its like were suppressed since the last
        one that passed.
        """
        if self._burst == 0:
            return 0
        now_ns = self._clock.now_ns()
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= _MAX_KEYS:
                self._windows.popitem(last=False)
            self._windows[key] = _Window(opened_ns=now_ns, count=1, suppressed=0)
            return 0
        # A clock that was set back opens a new window as well.
        if not 0 <= now_ns - window.opened_ns < self._interval_ns:
            window.opened_ns, window.count = now_ns, 0
        window.count += 1
        if window.count > self._burst:
            window.suppressed += 1
            return None
        suppressed, window.suppressed = window.suppressed, 0
        return suppressed
