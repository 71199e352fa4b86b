"""Rollups of what minutes left behind: five and fifteen minutes, from the session's open.

Computed as they are read, of rows that never change: nothing that could disagree is stored.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.live.daily_vols import TradingDays
from strikewire.reference.sessions import SessionCalendar


def keep_last(
    rows: npt.NDArray[np.void], timeframe: Timeframe, calendar: SessionCalendar
) -> npt.NDArray[np.void]:
    """Return the rows of the last minute of each bucket, stamped with the bucket's open.

    Parameters
    ----------
    rows : with `ts_ns`, of one chain, in time order; those of one minute side by side.
    """
    if timeframe is Timeframe.M1 or not len(rows):
        return rows
    buckets_ns = find_buckets(rows["ts_ns"], timeframe, calendar)
    firsts = _find_firsts(buckets_ns)
    lasts = np.append(firsts[1:], len(rows)) - 1
    newest_ns = np.repeat(rows["ts_ns"][lasts], np.diff(np.append(firsts, len(rows))))
    is_kept = rows["ts_ns"] == newest_ns
    kept: npt.NDArray[np.void] = rows[is_kept]
    kept["ts_ns"] = buckets_ns[is_kept]
    return kept


def keep_last_of_days(rows: npt.NDArray[np.void], days: TradingDays) -> npt.NDArray[np.void]:
    """Return each chain's newest row of each day, by chain and time.

    Parameters
    ----------
    rows : EXPIRY_METRICS_DTYPE (n,), in any order, the same one more than once or not.
    days : those outside of them are dropped.
    """
    places = days.find(rows["ts_ns"])
    rows = rows[(places >= 0) & (rows["ts_ns"] < days.spans_ns[places, 1])]
    if not len(rows):
        return rows
    rows = rows[np.lexsort((rows["ts_ns"], rows["expiry_id"]))]
    firsts = _find_firsts(rows["expiry_id"], days.find(rows["ts_ns"]))
    kept: npt.NDArray[np.void] = rows[np.append(firsts[1:], len(rows)) - 1]
    return kept


def roll_futures(
    rows: npt.NDArray[np.void], timeframe: Timeframe, calendar: SessionCalendar
) -> npt.NDArray[np.void]:
    """Return the futures' bars of each bucket: prices and volume of all of it, the rest of its end.

    Parameters
    ----------
    rows : FUTURES_BAR_DTYPE (n,), by future and time.
    """
    if timeframe is Timeframe.M1 or not len(rows):
        return rows
    buckets_ns = find_buckets(rows["ts_ns"], timeframe, calendar)
    firsts = _find_firsts(buckets_ns, rows["instrument_id"])
    rolled: npt.NDArray[np.void] = rows[np.append(firsts[1:], len(rows)) - 1]
    rolled["ts_ns"] = buckets_ns[firsts]
    rolled["open"] = rows["open"][firsts]
    rolled["high"] = np.maximum.reduceat(rows["high"], firsts)
    rolled["low"] = np.minimum.reduceat(rows["low"], firsts)
    rolled["volume"] = np.add.reduceat(rows["volume"], firsts)
    return rolled


def find_buckets(
    minutes_ns: npt.NDArray[np.int64], timeframe: Timeframe, calendar: SessionCalendar
) -> npt.NDArray[np.int64]:
    """Return the open of the bucket each minute belongs to; of a day its 00:00 UTC.

    A minute outside the sessions of today's rules, which may have changed since, is counted from
    the open before it.
    """
    sessions = np.maximum(np.searchsorted(calendar.opens_ns, minutes_ns, side="right") - 1, 0)
    if timeframe is Timeframe.D1:
        return calendar.days_ns[sessions]
    anchors_ns = calendar.opens_ns[sessions]
    width_ns = timeframe.width_ns
    return np.asarray(anchors_ns + (minutes_ns - anchors_ns) // width_ns * width_ns)


def _find_firsts(*columns: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return where runs of equal values begin."""
    is_first = np.ones(len(columns[0]), np.bool_)
    is_first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(is_first)
