"""Instants: int64 nanoseconds since 1970-01-01T00:00Z inside, RFC 3339 at the edges.

Decision 0001: one integer type for time, so that arithmetic is exact, arrays are flat, and a
machine's own time zone never matters.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

MICROSECOND_NS: Final = 1_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

#: 2000-01-01T00:00Z, the zero of PostgreSQL's timestamps, in our nanoseconds.
POSTGRES_EPOCH_NS: Final = 946_684_800 * SECOND_NS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1)


def from_datetime(moment: datetime) -> int:
    """Convert an aware datetime to nanoseconds; exact to the microsecond it holds.

    Raises
    ------
    ValueError : the datetime is naive.
    """
    if moment.tzinfo is None:
        msg = f"an aware datetime was wanted, found naive {moment.isoformat()}"
        raise ValueError(msg)
    elapsed = moment - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * SECOND_NS + elapsed.microseconds * 1_000


def to_datetime(instant_ns: int) -> datetime:
    """Convert nanoseconds to an aware UTC datetime, cut to the microsecond."""
    return _EPOCH + timedelta(microseconds=int(instant_ns) // 1_000)


def from_date(day: date) -> int:
    """Return 00:00Z of a day: the stamp of a daily bar."""
    return (day - _EPOCH_DAY).days * DAY_NS


def to_date(instant_ns: int) -> date:
    """Return the UTC day of an instant: the trading day of a daily bar's stamp."""
    return _EPOCH_DAY + timedelta(days=int(instant_ns) // DAY_NS)


def format_rfc3339(instant_ns: int) -> str:
    """Format as RFC 3339 in UTC, `2022-12-30T03:45:00Z`; a fraction only where there is one."""
    moment = to_datetime(instant_ns)
    spec = "microseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def format_instants(instants: npt.NDArray[np.datetime64]) -> list[str | None]:
    """Format instants as `format_rfc3339` does, each different one once; NaT is None."""
    different, places = np.unique(instants.astype("datetime64[ns]"), return_inverse=True)
    texts = [
        None if is_none else format_rfc3339(instant_ns)
        for instant_ns, is_none in zip(
            different.astype(np.int64).tolist(), np.isnat(different).tolist(), strict=True
        )
    ]
    return [texts[place] for place in places.tolist()]


def parse_rfc3339(text: str) -> int:
    """Parse RFC 3339 (an offset or `Z` is required) to nanoseconds.

    Raises
    ------
    ValueError : not a date-time, or without an offset.
    """
    return from_datetime(datetime.fromisoformat(text))
