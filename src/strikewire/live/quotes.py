"""Quotes: the latest price of an instrument, and what it is to be compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from strikewire.core.bars import Timeframe
from strikewire.core.instruments import Instrument
from strikewire.engine.view import EngineView
from strikewire.live.history import BarHistory, BarRange

_TWO_DAYS: Final = BarRange(limit=2, timeframe=Timeframe.D1)


@dataclass(frozen=True, slots=True)
class DayQuote:
    """The last price and its day. NaN is unknown.

    Parameters
    ----------
    as_of_ns : when the price was made, as far as is known.
    previous_close : of the trading day before.
    """

    as_of_ns: int
    last: float
    open: float
    high: float
    low: float
    previous_close: float
    volume: float


class QuoteBoard:
    """The latest price: the engine's where it has one, else the last bar's close.

    Parameters
    ----------
    view : None when nobody hears ticks.
    """

    def __init__(self, *, history: BarHistory, view: EngineView | None) -> None:
        self._history = history
        self._view = view

    async def find(self, instrument: Instrument) -> DayQuote | None:
        """Return an instrument's quote; None when nothing was ever heard of it.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        found = await self._history.load(instrument, _TWO_DAYS)
        days = found.to_array()
        quote = self._view.find_quote(instrument.id) if self._view is not None else None
        if not len(days):
            if quote is None:
                return None
            unknown = float(np.nan)
            return DayQuote(
                as_of_ns=quote.ts_event_ns, last=quote.ltp, open=unknown, high=unknown,
                low=unknown, previous_close=unknown, volume=quote.volume,
            )  # fmt: skip
        today = days[-1]
        previous_close = float(days[-2]["close"]) if len(days) > 1 else float(np.nan)
        # The engine may still hold the last price of a day that has long been outdone.
        is_newer = quote is not None and quote.ts_event_ns >= int(today["ts_ns"])
        return DayQuote(
            as_of_ns=quote.ts_event_ns if quote is not None and is_newer else found.as_of_ns,
            last=quote.ltp if quote is not None and is_newer else float(today["close"]),
            open=float(today["open"]),
            high=float(today["high"]),
            low=float(today["low"]),
            previous_close=previous_close,
            volume=float(today["volume"]),
        )
