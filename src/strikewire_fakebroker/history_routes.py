"""Candles, as the broker's historical API gives them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strikewire.core.instants import (
    DAY_NS,
    MINUTE_NS,
    SECOND_NS,
    from_date,
    from_datetime,
    to_datetime,
)
from strikewire_fakebroker.board import IST, IST_OFFSET_NS, find_trading_day_ns
from strikewire_fakebroker.candles import CandleBook, roll_up, spoil_candles
from strikewire_fakebroker.errors import ErrorType, RefusalError
from strikewire_fakebroker.faults import WrongLastCandle
from strikewire_fakebroker.gate import Gate, answer
from strikewire_fakebroker.parts import BrokerParts

_DAY: Final = "day"
#: Minutes of a candle, and days that may be asked for at once.
#: The documentation does not say how many days; these are what its users report.
_INTERVALS: Final = {
    "minute": (1, 60),
    "3minute": (3, 100),
    "5minute": (5, 100),
    "10minute": (10, 100),
    "15minute": (15, 200),
    "30minute": (30, 200),
    "60minute": (60, 400),
    _DAY: (1_440, 2_000),
}


class HistoryRoutes:
    """What is asked about the past.

    Parameters
    ----------
    parts : see `BrokerParts`.
    candles : where it is found.
    """

    def __init__(self, parts: BrokerParts, *, candles: CandleBook) -> None:
        self._config = parts.config
        self._contracts = parts.contracts
        self._time = parts.time
        self._faults = parts.faults
        self._candles = candles
        # Going through a day takes a while, in a thread, and the book is of one thread at a time.
        self._reading = asyncio.Lock()

    def list_routes(self, gate: Gate) -> list[Route]:
        """Return the routes, behind the gate."""
        tell = gate.guard("historical", self._tell)
        return [Route("/instruments/historical/{token}/{interval}", tell, methods=["GET"])]

    async def _tell(self, request: Request) -> Response:
        span_minutes, most_days = self._read_interval(request.path_params["interval"])
        row = self._read_row(request.path_params["token"])
        query = request.query_params
        from_ns, to_ns = (_read_moment(query.get(name), name) for name in ("from", "to"))
        if from_ns > to_ns:
            raise RefusalError(ErrorType.INPUT, "`from` date cannot be after `to` date.")
        if to_ns - from_ns > most_days * DAY_NS:
            text = f"interval exceeds max limit: {most_days} days"
            raise RefusalError(ErrorType.INPUT, text)
        candles = await self._find(row, from_ns, to_ns, span_minutes=span_minutes)
        return answer({"candles": _write(candles, has_oi=query.get("oi") == "1")})

    async def _find(
        self, row: int, from_ns: int, to_ns: int, *, span_minutes: int
    ) -> npt.NDArray[np.void]:
        """Return the candles that begin from one instant to another, both included."""
        now_ns = self._time.now_ns()
        # Of the day, because longer candles are counted from its beginning.
        day_ns = find_trading_day_ns(from_ns) - IST_OFFSET_NS
        reach_ns = min(to_ns + span_minutes * MINUTE_NS, now_ns)
        async with self._reading:
            minutes = await asyncio.to_thread(self._candles.find_minutes, row, day_ns, reach_ns)
        candles = roll_up(minutes, span_minutes)
        stamps_ns = candles["ts_ns"]
        if span_minutes == _INTERVALS[_DAY][0]:
            from_ns = day_ns
            stamps_ns = candles["ts_ns"] = find_trading_day_ns(stamps_ns) - IST_OFFSET_NS
        wrong = self._faults.find(WrongLastCandle)
        if wrong is not None:
            candles = spoil_candles(
                candles,
                stamps_ns + span_minutes * MINUTE_NS,
                settled_ns=now_ns - round(wrong.settle_s * SECOND_NS),
            )
        return candles[(stamps_ns >= from_ns) & (stamps_ns <= to_ns)]

    def _read_interval(self, text: str) -> tuple[int, int]:
        found = _INTERVALS.get(text)
        if found is None:
            raise RefusalError(ErrorType.INPUT, "invalid interval")
        return found

    def _read_row(self, text: str) -> int:
        """Return the row of a token; one that has expired is not known any more."""
        row = self._contracts.find_row(int(text)) if text.isdecimal() else None
        if row is None or (self._is_expired(row) and not self._config.has_expired_candles):
            raise RefusalError(ErrorType.INPUT, "invalid token")
        return row

    def _is_expired(self, row: int) -> bool:
        expiry = self._contracts.specs[row].expiry
        return expiry is not None and from_date(expiry) < find_trading_day_ns(self._time.now_ns())


def _read_moment(text: str | None, name: str) -> int:
    try:
        return from_datetime(datetime.fromisoformat(text or "").replace(tzinfo=IST))
    except ValueError:
        raise RefusalError(ErrorType.INPUT, f"invalid {name} date") from None


def _write(candles: npt.NDArray[np.void], *, has_oi: bool) -> list[list[Any]]:
    columns = [candles[name].tolist() for name in ("open", "high", "low", "close")]
    columns.append(candles["volume"].astype(np.int64).tolist())
    if has_oi:
        columns.append(candles["oi"].astype(np.int64).tolist())
    moments = [to_datetime(ts_ns).astimezone(IST) for ts_ns in candles["ts_ns"].tolist()]
    stamps = [f"{moment:%Y-%m-%dT%H:%M:%S%z}" for moment in moments]
    return [list(candle) for candle in zip(stamps, *columns, strict=True)]
