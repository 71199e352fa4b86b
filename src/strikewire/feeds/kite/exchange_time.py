"""The exchange's time, as its ticks tell it."""

from __future__ import annotations

import math
from typing import Final

from strikewire.core.instants import SECOND_NS

#: The newest stamp is believed for one to two of these; then a newer one is wanted.
_BUCKET_S: Final = 60.0


class ExchangeTime:
    """Runs on from the stamps that were heard, whatever the machine's clock says.

    A stamp tells that the exchange's clock was there or further on, for it took a while to come.
    So the clock is as far ahead as the furthest of the last minutes was: one that was stamped
    wrongly, far ahead, is forgotten again.
    """

    def __init__(self) -> None:
        self._bucket = -1
        # Nanoseconds of exchange time less those of the monotonic clock: now and one bucket ago.
        self._newer_ns = self._older_ns = -math.inf

    def hear(self, event_ns: int, now_s: float) -> None:
        """Take in the newest stamp of a frame.

        Parameters
        ----------
        now_s : when it came, of a clock that only grows.
        """
        bucket = int(now_s // _BUCKET_S)
        if bucket != self._bucket:
            self._older_ns, self._newer_ns = self._newer_ns, -math.inf
            self._bucket = bucket
        self._newer_ns = max(self._newer_ns, event_ns - now_s * SECOND_NS)

    def find_ns(self, now_s: float) -> int | None:
        """Return the exchange's time; None before the first stamp."""
        ahead_ns = max(self._newer_ns, self._older_ns)
        return None if ahead_ns == -math.inf else int(ahead_ns + now_s * SECOND_NS)
