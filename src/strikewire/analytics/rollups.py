"""Rollups: bars of a wider timeframe from bars of a narrower one, session by session."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, BarFlag, Timeframe


def roll_up(
    bars: npt.NDArray[np.void],
    timeframe: Timeframe,
    *,
    days_ns: npt.NDArray[np.int64],
    opens_ns: npt.NDArray[np.int64],
    closes_ns: npt.NDArray[np.int64],
) -> npt.NDArray[np.void]:
    """Gather bars into those of a wider timeframe.

    Buckets are anchored at the session's open, so NSE's hours run from 09:15, and the last one is
    as short as the session makes it. A bar belongs to a bucket by its own open; one outside every
    session, or flagged AFTER_CLOSE, belongs to none. Rolling up in steps (1m to 5m to 15m) gives
    what one step gives, as long as each width divides the next.

    Parameters
    ----------
    bars : BAR_DTYPE (n,), ordered by instrument and time, each key once; of one timeframe that
        divides `timeframe`, and not of 1d.
    timeframe : the width wanted. `Timeframe.M1` returns the minutes that belong to a session.
    days_ns, opens_ns, closes_ns : int64 (s,), the sessions, oldest first: 00:00 UTC of the trading
        day, and `[open, close)`.

    Returns
    -------
    BAR_DTYPE (m,), m <= n, ordered as `bars`, only buckets that hold a bar. Stamped at the bucket's
    open, 1d at 00:00 UTC of the trading day. Open and close are of the first and last bar; high and
    low pass over NaN. Volume is the sum, NaN as soon as a part is unknown: a partial sum would be
    taken for a whole one. OI is the last one known in the bucket. Ticks and revisions add up, so
    that each correction shows; source is the least direct one (ticks, broker, file); flags are
    those of any part.

    Raises
    ------
    ValueError : `bars` is out of order or has a key twice.

    Oracle: tests/oracles/rollups.py, exact.
    """
    _check_order(bars)
    instants_ns = bars["ts_ns"]
    sessions = np.searchsorted(opens_ns, instants_ns, side="right") - 1
    is_inside = sessions >= 0
    is_inside[is_inside] = instants_ns[is_inside] < closes_ns[sessions[is_inside]]
    is_inside &= (bars["flags"] & BarFlag.AFTER_CLOSE) == 0
    bars, sessions = bars[is_inside], sessions[is_inside]
    if not len(bars):
        return np.empty(0, BAR_DTYPE)

    if timeframe is Timeframe.D1:
        stamps_ns = days_ns[sessions]
    else:
        anchors_ns = opens_ns[sessions]
        width_ns = timeframe.width_ns
        stamps_ns = anchors_ns + (bars["ts_ns"] - anchors_ns) // width_ns * width_ns
    return _gather(bars, stamps_ns)


def _check_order(bars: npt.NDArray[np.void]) -> None:
    """Raise unless the bars are ordered by instrument and time, each key once."""
    ids, instants_ns = bars["instrument_id"], bars["ts_ns"]
    is_later = (ids[1:] > ids[:-1]) | ((ids[1:] == ids[:-1]) & (instants_ns[1:] > instants_ns[:-1]))
    if not is_later.all():
        row = int(np.argmin(is_later)) + 1
        msg = (
            "bars ordered by instrument and time were wanted, found instrument "
            f"{ids[row]} at {instants_ns[row]} after {ids[row - 1]} at {instants_ns[row - 1]}"
        )
        raise ValueError(msg)


def _gather(bars: npt.NDArray[np.void], stamps_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.void]:
    """Make one bar of each run of bars that share instrument and stamp."""
    ids = bars["instrument_id"]
    is_first = np.empty(len(bars), np.bool_)
    is_first[0] = True
    is_first[1:] = (ids[1:] != ids[:-1]) | (stamps_ns[1:] != stamps_ns[:-1])
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], len(bars)) - 1

    gathered = np.empty(len(firsts), BAR_DTYPE)
    gathered["instrument_id"] = ids[firsts]
    gathered["ts_ns"] = stamps_ns[firsts]
    gathered["open"] = bars["open"][firsts]
    gathered["high"] = np.fmax.reduceat(bars["high"], firsts)
    gathered["low"] = np.fmin.reduceat(bars["low"], firsts)
    gathered["close"] = bars["close"][lasts]
    gathered["volume"] = np.add.reduceat(bars["volume"], firsts)
    gathered["oi"] = _take_last_known(bars["oi"], firsts, lasts)
    gathered["tick_count"] = np.add.reduceat(bars["tick_count"], firsts)
    gathered["revision"] = np.add.reduceat(bars["revision"], firsts)
    gathered["source"] = np.maximum.reduceat(bars["source"], firsts)
    gathered["flags"] = np.bitwise_or.reduceat(bars["flags"], firsts)
    return gathered


def _take_last_known(
    values: npt.NDArray[np.float64],
    firsts: npt.NDArray[np.int64],
    lasts: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return each run's last value that is not NaN; NaN where the run knows none."""
    known = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))[lasts]
    return np.where(known >= firsts, values[known], np.nan)
