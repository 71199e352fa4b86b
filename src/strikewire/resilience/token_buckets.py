"""Token buckets by name: how much somebody may still do now, and when there will be more.

A bucket is full when it is first asked for, gives away what an action costs, and fills up again at
a constant pace. There are never more than `max_buckets`: the one that was not asked for longest is
forgotten first, and is full when its owner comes back.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """How large a bucket is and how fast it fills.

    Parameters
    ----------
    capacity : what may be done at once.
    refill_per_s : what may be done for ever.
    """

    capacity: float
    refill_per_s: float


@dataclass(frozen=True, slots=True)
class Balance:
    """What a bucket holds.

    Parameters
    ----------
    remaining : tokens; below 0 is a debt.
    wait_s : seconds until what was asked for can be had; 0 is now.
    full_s : seconds until it is full again.
    """

    remaining: float
    wait_s: float
    full_s: float


class TokenBuckets:
    """Buckets of one kind. Not thread-safe, and never waits.

    Parameters
    ----------
    monotonic : returns seconds that only grow.
    """

    def __init__(
        self,
        config: BucketConfig,
        *,
        max_buckets: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self._max_buckets = max_buckets
        self._monotonic = monotonic
        #: Tokens and when there were that many, oldest use first.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def look(self, name: str, cost: float) -> Balance:
        """Return what a bucket holds and when it would have `cost`, without taking anything."""
        return self._describe(self._find(name, self._monotonic()), cost)

    def take(self, name: str, cost: float) -> Balance:
        """Take `cost`, be it there or not: what is missing is a debt, at most as large as a bucket.

        Debts are for what is known only afterwards, such as the length of an answer.
        """
        now_s = self._monotonic()
        tokens = max(self._find(name, now_s) - cost, -self.config.capacity)
        self._buckets[name] = (tokens, now_s)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        return self._describe(tokens, 0.0)

    def _find(self, name: str, now_s: float) -> float:
        found = self._buckets.get(name)
        if found is None:
            return self.config.capacity
        tokens, at_s = found
        return min(self.config.capacity, tokens + (now_s - at_s) * self.config.refill_per_s)

    def _describe(self, tokens: float, cost: float) -> Balance:
        pace = self.config.refill_per_s
        # More than a bucket holds is never there; who asks for it waits for a full one.
        missing = min(cost, self.config.capacity) - tokens
        return Balance(
            remaining=tokens,
            wait_s=max(0.0, missing / pace),
            full_s=max(0.0, (self.config.capacity - tokens) / pace),
        )


def compute_window_s(config: BucketConfig) -> int:
    """Return in how many seconds an empty bucket is full."""
    return math.ceil(config.capacity / config.refill_per_s)
