"""Quotes: the latest price of an instrument, and what it is to be compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from strikewire.core.bars import Timeframe
from strikewire.core.instants import from_date, to_datetime
from strikewire.core.instruments import Instrument
from strikewire.engine.view import EngineView, Quote
from strikewire.live.calc_history import CalcInstrument
from strikewire.live.charts import Charts
from strikewire.live.history import BarHistory, BarRange
from strikewire.reference.sessions import SessionCalendar

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
    find_calendar : the sessions of a venue.
    """

    def __init__(
        self,
        *,
        history: BarHistory | Charts,
        view: EngineView | None,
        find_calendar: Callable[[str], SessionCalendar],
    ) -> None:
        self._history = history
        self._view = view
        self._find_calendar = find_calendar

    async def find(self, instrument: Instrument) -> DayQuote | None:
        """Return an instrument's quote; None when nothing was ever heard of it.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        found = await self._history.load(instrument, _TWO_DAYS)
        days = found.to_array()
        quote = None
        if self._view is not None and not isinstance(instrument, CalcInstrument):
            quote = self._view.find_quote(instrument.id)
        if not len(days):
            return None if quote is None else _quote_without_bars(quote, previous_close=np.nan)
        today = days[-1]
        if quote is not None and self._find_date(instrument, quote) > int(today["ts_ns"]):
            return _quote_without_bars(quote, previous_close=float(today["close"]))
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

    def _find_date(self, instrument: Instrument, quote: Quote) -> int:
        """Return the date of a price at its exchange, as 00:00Z of it."""
        zone = self._find_calendar(instrument.spec.exchange).zone
        return from_date(to_datetime(quote.ts_event_ns).astimezone(zone).date())


def _quote_without_bars(quote: Quote, *, previous_close: float) -> DayQuote:
    """Return the quote of a day that has no bar yet: before its open there are prices already."""
    unknown = float(np.nan)
    return DayQuote(
        as_of_ns=quote.ts_event_ns, last=quote.ltp, open=unknown, high=unknown, low=unknown,
        previous_close=previous_close, volume=quote.volume,
    )  # fmt: skip
