"""A desk with one small chain: an engine, what reads its chains, and what closes its minutes."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.minutes import MinuteCloser
from strikewire.engine.chains.reader import ChainReader
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.valuation import ChainTerms
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.engine.view import Update
from tests.unit.engine.conftest import CALENDAR

DAY = date(2022, 12, 31)
KEY = ChainKey("NFO", "NIFTY", DAY)
INDEX, CALL, PUT, FUTURE = 1, 2, 3, 4
S = SECOND_NS


def list_instruments() -> list[Instrument]:
    terms: dict[str, Any] = {"underlying": "NIFTY", "expiry": DAY}
    specs = [
        InstrumentSpec("NSE", "NIFTY 50", InstrumentKind.INDEX),
        InstrumentSpec("NFO", "N18000CE", InstrumentKind.CALL, strike=18_000, **terms),
        InstrumentSpec("NFO", "N18000PE", InstrumentKind.PUT, strike=18_000, **terms),
        InstrumentSpec("NFO", "NIFTY22DECFUT", InstrumentKind.FUTURE, **terms),
    ]
    return [Instrument(InstrumentId(n), spec) for n, spec in enumerate(specs, start=1)]


#: instrument, instant, price, the day's volume, open interest
Told = tuple[int, int, float, float, float]


class Desk:
    """An engine with one small chain."""

    def __init__(self) -> None:
        self.engine = Engine(config=EngineConfig(), find_calendar=lambda _venue: CALENDAR)
        self.reader = ChainReader(
            engine=self.engine, find_calendar=lambda _venue: CALENDAR, terms=ChainTerms()
        )
        self.closer = MinuteCloser(self.reader)
        self.engine.register(list_instruments())
        self.reader.register(list_instruments())
        self._seq = 0
        #: The last step of `tell`.
        self.update: Update | None = None

    def tell(self, *told: Told, book: tuple[float, float] | None = None) -> list[ChainMinute]:
        ticks = np.zeros(len(told), TICK_DTYPE)
        for row, (number, ts_ns, price, volume, oi) in zip(ticks, told, strict=True):
            self._seq += 1
            row["instrument_id"], row["ts_event_ns"], row["seq"] = number, ts_ns, self._seq
            row["ltp"], row["volume"], row["oi"] = price, volume, oi
        ticks["average_price"] = np.nan
        depth = None
        if book is not None:
            depth = np.zeros(len(told), DEPTH_DTYPE)
            depth["bid_price"][:, 0], depth["ask_price"][:, 0] = book
            depth["bid_quantity"][:, 0] = depth["ask_quantity"][:, 0] = 50
        self.update = self.engine.apply(TickBatch(ticks, depth))
        return self.closer.close(self.update)

    def close(self, now_ns: int) -> list[ChainMinute]:
        return self.closer.close(self.engine.advance(now_ns))
