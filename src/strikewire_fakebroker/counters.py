"""What the broker counted: calls by kind and second, frames, ticks of each instrument."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

#: Seconds of calls kept; the totals are for good.
_KEPT_SECONDS: Final = 3_600


class Counters:
    """Everything that is counted.

    Parameters
    ----------
    instruments : how many there are.
    monotonic : returns seconds that only grow, at the pace of real time.
    """

    def __init__(self, instruments: int, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._begun_s = monotonic()
        self._seconds: deque[tuple[int, Counter[str]]] = deque(maxlen=_KEPT_SECONDS)
        self._requests: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        #: Of sockets: handshakes, frames, bytes, packets, heartbeats, drops, ...
        self.events: Counter[str] = Counter()
        #: int64 (n,), packets written, row by row.
        self.ticks: npt.NDArray[np.int64] = np.zeros(instruments, np.int64)

    def count_request(self, kind: str) -> None:
        """Count a call that arrived."""
        second = int(self._monotonic() - self._begun_s)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][kind] += 1
        self._requests[kind] += 1

    def count_answer(self, kind: str, status: int) -> None:
        """Count what a call was answered with."""
        self._statuses[f"{kind} {status}"] += 1

    def list_requests(self) -> dict[str, Any]:
        """Return calls by kind, answers by kind and status, and calls of each second."""
        return {
            "total": dict(self._requests),
            "answers": dict(self._statuses),
            "seconds": [{"second": at, **counts} for at, counts in self._seconds],
        }
