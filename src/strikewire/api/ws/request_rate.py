"""How often one client may ask: a bucket of requests that fills at a steady rate."""

from __future__ import annotations


class RequestRate:
    """A token bucket.

    Parameters
    ----------
    per_s : requests that are added each second.
    burst : the most that are kept.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._left = float(burst)
        self._last_s: float | None = None

    def allow(self, now_s: float) -> bool:
        """Take one request out; False when there is none."""
        if self._last_s is not None:
            self._left = min(self._burst, self._left + (now_s - self._last_s) * self._per_s)
        self._last_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
