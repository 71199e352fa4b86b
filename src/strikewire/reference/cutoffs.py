"""Cut-offs: the instant at which a contract's settlement price is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import from_date
from strikewire.reference.sessions import SessionCalendar


def find_cutoffs(calendar: SessionCalendar, days: Sequence[date]) -> npt.NDArray[np.int64]:
    """Return when contracts that expire on given days end: at the close of that day's trading.

    Parameters
    ----------
    calendar : the sessions of the contracts' venue.
    days : of expiry. A day without a session, a holiday that was declared late or one further
        ahead than calendars reach, ends when the last session before it did.

    Returns
    -------
    int64 (n,), UTC.
    """
    wanted_ns = np.array([from_date(day) for day in days], np.int64)
    places = np.searchsorted(calendar.days_ns, wanted_ns, side="right") - 1
    held = np.maximum(places, 0)
    moved_ns = wanted_ns - calendar.days_ns[held]
    return calendar.closes_ns[held] + moved_ns
