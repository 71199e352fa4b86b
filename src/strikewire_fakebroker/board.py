"""What the broker would say of each instrument now."""

from __future__ import annotations

from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS
from strikewire.core.ticks import DEPTH_DTYPE, TickBatch

#: The zone of every exchange this broker trades on; it has no summer time.
IST: Final = ZoneInfo("Asia/Kolkata")
IST_OFFSET_NS: Final = 5 * HOUR_NS + 30 * MINUTE_NS

_I = TypeVar("_I", int, npt.NDArray[np.int64])

STATE_DTYPE: Final = np.dtype(
    [
        ("day_ns", "<i8"),  # 00:00Z of the trading day
        ("event_ns", "<i8"),  # 0: nothing was heard yet
        ("trade_ns", "<i8"),  # of the last trade
        ("ltp", "<f8"),
        ("open", "<f8"),  # of the day, like high and low
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),  # of the day before; 0 where there was none
        ("volume", "<f8"),  # of the day, units; NaN of an index
        ("last_quantity", "<f8"),
        ("average_price", "<f8"),
        ("oi", "<f8"),
        ("oi_high", "<f8"),
        ("oi_low", "<f8"),
    ]
)


def find_trading_day_ns(instants_ns: _I) -> _I:
    """Return 00:00Z of the trading day of one or many instants."""
    return (instants_ns + IST_OFFSET_NS) // DAY_NS * DAY_NS


class Board:
    """The last state of each instrument; a row is a place among the market's instruments.

    Parameters
    ----------
    count : of instruments.
    """

    def __init__(self, count: int) -> None:
        #: STATE_DTYPE (n,).
        self.states: npt.NDArray[np.void] = np.zeros(count, STATE_DTYPE)
        #: DEPTH_DTYPE (n,).
        self.depth: npt.NDArray[np.void] = np.zeros(count, DEPTH_DTYPE)

    def apply(self, batch: TickBatch) -> npt.NDArray[np.intp]:
        """Take in a batch, of which an instrument's last tick counts; return the rows it was of.

        A broker tells where things stand, not what happened on the way there.
        """
        rows, last = np.unique(batch.ticks["instrument_id"][::-1], return_index=True)
        ticks = batch.ticks[::-1][last]
        states = self.states[rows]
        self._begin_days(states, ticks, find_trading_day_ns(ticks["ts_event_ns"]))
        prices = ticks["ltp"]
        states["ltp"] = prices
        states["high"] = np.maximum(states["high"], prices)
        states["low"] = np.minimum(states["low"], prices)
        traded = np.nan_to_num(ticks["volume"] - states["volume"])
        is_trade = traded > 0
        states["last_quantity"][is_trade] = traded[is_trade]
        states["trade_ns"][is_trade] = ticks["ts_event_ns"][is_trade]
        states["volume"] = ticks["volume"]
        states["average_price"] = ticks["average_price"]
        states["oi"] = ticks["oi"]
        states["oi_high"] = np.fmax(states["oi_high"], ticks["oi"])
        states["oi_low"] = np.fmin(states["oi_low"], ticks["oi"])
        states["event_ns"] = ticks["ts_event_ns"]
        self.states[rows] = states
        if batch.depth is not None:
            self.depth[rows] = batch.depth[::-1][last]
        return rows.astype(np.intp)

    def _begin_days(
        self,
        states: npt.NDArray[np.void],
        ticks: npt.NDArray[np.void],
        days_ns: npt.NDArray[np.int64],
    ) -> None:
        is_new = states["day_ns"] != days_ns
        if not is_new.any():
            return
        begun, first = states[is_new], ticks[is_new]
        begun["close"] = begun["ltp"]
        begun["day_ns"] = days_ns[is_new]
        for name in ("open", "high", "low"):
            begun[name] = first["ltp"]
        for name in ("oi_high", "oi_low"):
            begun[name] = first["oi"]
        begun["volume"] = begun["last_quantity"] = begun["trade_ns"] = 0
        states[is_new] = begun
