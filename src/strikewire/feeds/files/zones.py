"""Between an exchange's local time and UTC, whole columns at once."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import HOUR_NS, SECOND_NS, to_datetime


def to_utc(local_ns: npt.NDArray[np.int64], zone: ZoneInfo) -> npt.NDArray[np.int64]:
    """Return instants of local time in UTC; of an hour that occurs twice the first."""
    return local_ns - _compute_offsets_ns(local_ns, zone, is_local=True)


def to_local(utc_ns: npt.NDArray[np.int64], zone: ZoneInfo) -> npt.NDArray[np.int64]:
    """Return instants of UTC in local time."""
    return utc_ns + _compute_offsets_ns(utc_ns, zone, is_local=False)


def _compute_offsets_ns(
    instants_ns: npt.NDArray[np.int64], zone: ZoneInfo, *, is_local: bool
) -> npt.NDArray[np.int64]:
    """Ask the zone once per hour that occurs: clocks change on whole hours."""
    hours, places = np.unique(instants_ns // HOUR_NS, return_inverse=True)
    offsets = np.empty(len(hours), dtype=np.int64)
    for at, hour in enumerate(hours):
        moment: datetime = to_datetime(int(hour) * HOUR_NS)
        moment = moment.replace(tzinfo=zone) if is_local else moment.astimezone(zone)
        elapsed = moment.replace(tzinfo=UTC) - moment.astimezone(UTC)
        offsets[at] = round(elapsed.total_seconds()) * SECOND_NS
    return offsets[places]
