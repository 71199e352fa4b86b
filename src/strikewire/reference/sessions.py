"""Trading sessions as arrays: when a venue was, is and will be open."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class SessionCalendar:
    """The sessions of one venue, oldest first, without overlap.

    Parameters
    ----------
    venue : the key of its market rules: `NSE`, `NFO`, `MCX`, ...
    zone : the exchange's time zone.
    days_ns : int64 (n,), 00:00 UTC of the trading day: the stamp of its daily bar.
    opens_ns, closes_ns : int64 (n,), UTC; a session is `[open, close)`.
    """

    venue: str
    zone: ZoneInfo
    days_ns: npt.NDArray[np.int64]
    opens_ns: npt.NDArray[np.int64]
    closes_ns: npt.NDArray[np.int64]

    def find(self, instants_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the index of the session each instant belongs to, -1 where there is none.

        The minute that starts at the close counts as the session's: a bar there is kept and
        flagged.
        """
        index = np.searchsorted(self.opens_ns, instants_ns, side="right") - 1
        last_ns = self.closes_ns[np.maximum(index, 0)] + 60_000_000_000
        return np.where((index >= 0) & (instants_ns < last_ns), index, -1)
