"""Quotes: the newest prices of up to 500 instruments at a time, as ticks.

Source: https://kite.trade/docs/connect/v3/market-quotes/
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import BrokerAnswerError
from strikewire.core.instants import from_datetime
from strikewire.core.ticks import TICK_DTYPE, TickFlag
from strikewire.feeds.kite.config import BROKER_ZONE
from strikewire.feeds.kite.segments import has_open_interest

#: What the broker answers at a time.
MAX_SYMBOLS: Final = 500
#: Later than 2262 does not fit into an instant.
_LAST_NS: Final = 2**63


def parse_quotes(
    data: Any, ids: Mapping[str, int], *, ts_recv_ns: int
) -> tuple[npt.NDArray[np.void], int]:
    """Read the quotes of one answer.

    What was not asked for, has no price or no time is left out and counted; what the broker does
    not answer, because it knows no such instrument, is just not there.

    Parameters
    ----------
    ids : ours, of the instruments that were asked for, by their symbols.
    ts_recv_ns : when the answer came.

    Returns
    -------
    TICK_DTYPE (n,) with BROKER set and `seq` 0; and how many were bad.

    Raises
    ------
    BrokerAnswerError : it is no answer to such a question.
    """
    if not isinstance(data, dict) or len(data) > 2 * MAX_SYMBOLS:
        msg = "quotes by their symbols were wanted, and the broker's answer has none"
        raise BrokerAnswerError(msg)
    rows = []
    for symbol, quote in data.items():
        row = _read_quote(quote) if symbol in ids else None
        if row is not None:
            rows.append((ids[symbol], *row))
    ticks = np.zeros(len(rows), TICK_DTYPE)
    if rows:
        columns = list(zip(*rows, strict=True))
        for at, name in enumerate(
            ("instrument_id", "ts_event_ns", "ltp", "volume", "oi", "average_price")
        ):
            ticks[name] = columns[at]
    ticks["flags"] = TickFlag.BROKER
    ticks["ts_recv_ns"] = ts_recv_ns
    return ticks, len(data) - len(rows)


def _read_quote(quote: Any) -> tuple[int, float, float, float, float] | None:
    """Return time, last price, volume, open interest and average; None where one cannot be."""
    if not isinstance(quote, dict):
        return None
    token, price = quote.get("instrument_token"), _read(quote, "last_price")
    at_ns = _read_time_ns(quote.get("timestamp"))
    if not isinstance(token, int) or at_ns is None or not price > 0:
        return None
    # Nothing has traded yet: an average of 0 is none.
    average = _read(quote, "average_price") or math.nan
    return (
        at_ns,
        price,
        _read(quote, "volume"),
        _read(quote, "oi") if has_open_interest(token) else math.nan,
        average,
    )


def _read(quote: Mapping[str, Any], name: str) -> float:
    """Return a number that is not below zero; NaN for anything else, and where there is none."""
    value = quote.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if 0 <= number < math.inf else math.nan


def _read_time_ns(text: Any) -> int | None:
    """Read `2021-06-08 15:45:56`, which is the broker's own time of day."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=BROKER_ZONE)
        instant_ns = from_datetime(moment)
    except (ValueError, OverflowError):
        return None
    return instant_ns if 0 < instant_ns < _LAST_NS else None
