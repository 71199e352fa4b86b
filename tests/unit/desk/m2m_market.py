"""An invented market for M2M: an engine, marked strategies behind it, and what they said."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise, to_pips
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.listener import Crossing
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.engine.view import Update
from strikewire.reference.sessions import SessionCalendar

DAY: Final = 19_356 * DAY_NS  # 2022-12-30
OPEN: Final = DAY + 225 * MINUTE_NS  # 09:15 in Mumbai
CLOSE: Final = OPEN + 375 * MINUTE_NS
CALENDAR: Final = SessionCalendar(
    venue="NFO",
    zone=ZoneInfo("Asia/Kolkata"),
    days_ns=np.array([DAY, DAY + DAY_NS]),
    opens_ns=np.array([OPEN, OPEN + DAY_NS]),
    closes_ns=np.array([CLOSE, CLOSE + DAY_NS]),
)
INSTRUMENTS: Final = [
    Instrument(InstrumentId(n), InstrumentSpec("NFO", f"TEST{n}", InstrumentKind.FUTURE))
    for n in range(1, 6)
]


class Heard:
    """An `M2mListener` that keeps what it is told."""

    def __init__(self) -> None:
        self.candles: list[npt.NDArray[np.void]] = []
        self.crossings: list[Crossing] = []
        self.restarts = 0

    def on_step(self, rows: npt.NDArray[np.int64]) -> None:
        """Look away: the book says it."""

    def on_candles(self, candles: npt.NDArray[np.void]) -> None:
        """Keep the candles of a minute."""
        self.candles.append(candles)

    def on_crossing(self, crossing: Crossing) -> None:
        """Keep a crossing."""
        self.crossings.append(crossing)

    def on_restart(self) -> None:
        """Count it."""
        self.restarts += 1

    def read(self) -> dict[tuple[int, int], np.void]:
        """Return the newest candle of each strategy and minute."""
        return {
            (int(each["strategy_id"]), int(each["ts_ns"])): each
            for candles in self.candles
            for each in candles
        }


class Market:
    """An engine and its M2M, stepped tick by tick."""

    def __init__(self) -> None:
        self.engine = Engine(config=EngineConfig(), find_calendar=lambda _venue: CALENDAR)
        self.engine.register(INSTRUMENTS)
        self.m2m, self.heard = start_m2m(self.engine)

    def step(self, ticks: Sequence[tuple[int, int, float]], *, seq: int) -> Update:
        """Apply ticks (ts_ns, instrument, price) as one batch that ends with a sequence number."""
        update = self.engine.apply(make_batch(ticks, seq=seq))
        self.m2m.on_update(update)
        return update

    def pass_time(self, now_ns: int) -> None:
        """Close the minutes that are over."""
        self.m2m.on_update(self.engine.advance(now_ns))


def start_m2m(engine: Engine) -> tuple[M2mEngine, Heard]:
    """Return an M2M engine that knows the instruments, and who listens to it."""
    m2m, heard = M2mEngine(find_calendar=lambda _venue: CALENDAR), Heard()
    m2m.bind(view=engine, find_closed=lambda: engine.closed_until_ns)
    m2m.learn(INSTRUMENTS)
    m2m.listen(heard)
    return m2m, heard


def make_batch(ticks: Sequence[tuple[int, int, float]], *, seq: int) -> TickBatch:
    """Return ticks (ts_ns, instrument, price) whose last one has a sequence number."""
    rows = np.zeros(len(ticks), TICK_DTYPE)
    for place, (ts_ns, instrument, price) in enumerate(ticks):
        rows[place]["ts_event_ns"], rows[place]["instrument_id"] = ts_ns, instrument
        rows[place]["ltp"] = price
        rows[place]["seq"] = seq - len(ticks) + 1 + place
        # Every tick is a trade: two of one instant are told apart by what was traded by then.
        rows[place]["volume"] = rows[place]["seq"]
    rows["average_price"] = np.nan
    return TickBatch(rows)


def make_entry(
    strategy: int,
    instrument: int,
    units: int,
    price: str,
    at: tuple[int, int],
    *,
    charges: int = 0,
    number: int | None = None,
) -> StrategyEntry:
    """Return an entry by hand; price in rupees, charges in paise."""
    return StrategyEntry(
        id=number,
        strategy_id=StrategyId(strategy),
        instrument_id=InstrumentId(instrument),
        quantity=units,
        price=to_pips(Decimal(price)),
        moment=MarketMoment(*at),
        charges=Paise(charges),
    )
