"""Candles: the broker's bars, in pieces it is willing to give, as bars of ours.

Source: https://kite.trade/docs/connect/v3/historical/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, Source, Timeframe
from strikewire.core.errors import BrokerAnswerError
from strikewire.core.instants import DAY_NS, MINUTE_NS, from_date, from_datetime, to_datetime
from strikewire.feeds.kite.config import BROKER_ZONE

#: What the broker calls each width, and how many days of it one answer may span.
INTERVALS: Final[Mapping[Timeframe, tuple[str, int]]] = MappingProxyType(
    {
        Timeframe.M1: ("minute", 60),
        Timeframe.M3: ("3minute", 100),
        Timeframe.M5: ("5minute", 100),
        Timeframe.M15: ("15minute", 200),
        Timeframe.M30: ("30minute", 200),
        Timeframe.H1: ("60minute", 400),
        Timeframe.D1: ("day", 2_000),
    }
)
_FIELDS: Final = 6
_WITH_OI: Final = 7
#: Candles of one answer: sixty days of minutes are some 25,000.
_MAX_ROWS: Final = 200_000


def split_range(from_ns: int, to_ns: int, timeframe: Timeframe) -> Iterator[tuple[int, int]]:
    """Cut `[from_ns, to_ns)` into pieces the broker answers in one go, the oldest first."""
    width_ns = INTERVALS[timeframe][1] * DAY_NS
    for start_ns in range(from_ns, to_ns, width_ns):
        yield start_ns, min(start_ns + width_ns, to_ns)


def format_range(from_ns: int, to_ns: int, timeframe: Timeframe) -> tuple[tuple[str, str], ...]:
    """Return the query for candles that start in `[from_ns, to_ns)`.

    The broker gives the candle that starts at `to` as well, and knows no fractions of a second. Its
    days start at midnight of its own zone, ours are stamped 00:00 UTC (decision 0001).
    """
    zone = UTC if timeframe is Timeframe.D1 else BROKER_ZONE
    spec = "%Y-%m-%d 00:00:00" if timeframe is Timeframe.D1 else "%Y-%m-%d %H:%M:%S"
    first, last = (to_datetime(each).astimezone(zone) for each in (from_ns, to_ns - 1))
    return ("from", first.strftime(spec)), ("to", last.strftime(spec))


def parse_candles(
    data: Any, span_ns: tuple[int, int], *, timeframe: Timeframe, has_oi: bool
) -> tuple[npt.NDArray[np.void], int]:
    """Read the candles of one answer.

    What makes no sense is left out and counted: another shape, a time without an offset or off the
    width's grid, a number that is none, a high under the low, a second candle of one time. What
    lies outside of the range is left out and not counted: the broker rounds.

    Parameters
    ----------
    span_ns : where the candles start that were asked for, `[from, to)`.
    has_oi : open interest was asked for.

    Returns
    -------
    BAR_DTYPE (n,) in the order of time, `instrument_id` 0, source BROKER; and how many were bad.

    Raises
    ------
    BrokerAnswerError : there is no list of candles, or one too long to be an answer.
    """
    rows = data.get("candles") if isinstance(data, dict) else None
    if not isinstance(rows, list) or len(rows) > _MAX_ROWS:
        msg = "a list of candles was wanted, and the broker's answer has none that could be one"
        raise BrokerAnswerError(msg)
    found: dict[int, tuple[float, ...]] = {}
    bad = 0
    for row in rows:
        read = _read_row(row, timeframe, has_oi=has_oi)
        if read is None or read[0] in found:
            bad += 1
        elif span_ns[0] <= read[0] < span_ns[1]:
            found[read[0]] = read[1]
    return _make_bars(found), bad


def _read_row(
    row: Any, timeframe: Timeframe, *, has_oi: bool
) -> tuple[int, tuple[float, ...]] | None:
    """Return a candle's start and its numbers (o, h, l, c, volume, oi); None for none."""
    wanted = _WITH_OI if has_oi else _FIELDS
    # One more than was asked for is open interest all the same: some accounts always get it.
    if not isinstance(row, list) or len(row) not in (wanted, _WITH_OI):
        return None
    stamp_ns = _read_stamp_ns(row[0], timeframe)
    numbers = [_read_number(each) for each in row[1:]]
    if stamp_ns is None or None in numbers:
        return None
    values = [each for each in numbers if each is not None]
    first, high, low, last = values[:4]
    if not 0 < low <= min(first, last) or not max(first, last) <= high:
        return None
    return stamp_ns, (*values[:5], values[5] if has_oi else float("nan"))


def _read_stamp_ns(text: Any, timeframe: Timeframe) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        # Without an offset nobody can say when it was.
        instant_ns = from_datetime(moment)
        if timeframe is Timeframe.D1:
            return from_date(moment.astimezone(BROKER_ZONE).date())
    except (ValueError, OverflowError):
        return None
    # Wide candles start with the session, at 09:15: what all have in common is the minute.
    return instant_ns if instant_ns % MINUTE_NS == 0 else None


def _read_number(value: Any) -> float | None:
    """Return a number that is none below zero; None for anything else. JSON's true is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if 0 <= number < float("inf") else None


def _make_bars(found: dict[int, tuple[float, ...]]) -> npt.NDArray[np.void]:
    bars = np.zeros(len(found), BAR_DTYPE)
    if not found:
        return bars
    stamps_ns = np.fromiter(found, dtype=np.int64, count=len(found))
    order = np.argsort(stamps_ns, kind="stable")
    numbers = np.array(list(found.values()), dtype=np.float64)[order]
    bars["ts_ns"] = stamps_ns[order]
    for at, name in enumerate(("open", "high", "low", "close", "volume", "oi")):
        bars[name] = numbers[:, at]
    bars["source"] = Source.BROKER
    return bars
