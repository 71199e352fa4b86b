"""An engine over one invented venue with two short sessions on following days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest

from strikewire.core.bars import BAR_DTYPE, BarFlag
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS
from strikewire.core.instruments import (
    Instrument,
    InstrumentId,
    InstrumentKind,
    InstrumentSpec,
)
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.engine.view import Update
from strikewire.reference.sessions import SessionCalendar
from tests.oracles.minute_bars import Bar, Tick

DAY_1: Final = 19_356 * DAY_NS  # 2022-12-30
OPEN_1: Final = DAY_1 + 225 * MINUTE_NS  # 09:15 in Mumbai
CLOSE_1: Final = OPEN_1 + 375 * MINUTE_NS
OPEN_2: Final = OPEN_1 + DAY_NS
CLOSE_2: Final = CLOSE_1 + DAY_NS
SESSIONS: Final = [(OPEN_1, CLOSE_1), (OPEN_2, CLOSE_2)]

CALENDAR: Final = SessionCalendar(
    venue="NFO",
    zone=ZoneInfo("Asia/Kolkata"),
    days_ns=np.array([DAY_1, DAY_1 + DAY_NS]),
    opens_ns=np.array([OPEN_1, OPEN_2]),
    closes_ns=np.array([CLOSE_1, CLOSE_2]),
)

#: A window that no order of delivery within a session can leave.
WHOLE_SESSION_NS: Final = 8 * HOUR_NS


def make_instrument(number: int, *, venue: str = "NFO") -> Instrument:
    """Return an invented future."""
    spec = InstrumentSpec(venue, f"TEST{number}", InstrumentKind.FUTURE)
    return Instrument(InstrumentId(number), spec)


@pytest.fixture
def make_engine() -> Callable[..., Engine]:
    """Return a maker of engines with instruments 1 to n registered."""

    def make(*, instruments: int = 1, lateness_ns: int = WHOLE_SESSION_NS) -> Engine:
        engine = Engine(
            config=EngineConfig(lateness_ns=lateness_ns), find_calendar=lambda _venue: CALENDAR
        )
        engine.register(make_instrument(n) for n in range(1, instruments + 1))
        return engine

    return make


def make_batch(ticks: Sequence[Tick], *, instrument_id: int = 1, flags: int = 0) -> TickBatch:
    """Return a batch of one instrument's ticks, in the order given."""
    rows = np.zeros(len(ticks), TICK_DTYPE)
    for row, tick in zip(rows, ticks, strict=True):
        row["ts_event_ns"], row["ltp"], row["volume"], row["oi"], row["seq"] = tick
    rows["instrument_id"] = instrument_id
    rows["flags"] = flags
    rows["average_price"] = np.nan
    return TickBatch(rows)


def collect_bars(updates: Sequence[Update]) -> npt.NDArray[np.void]:
    """Return the newest version of every bar published, in key order: what a store would hold."""
    bars = np.concatenate([u.bars for u in updates]) if updates else np.zeros(0, BAR_DTYPE)
    newest = {(int(b["instrument_id"]), int(b["ts_ns"])): b for b in bars}
    kept = np.array([newest[key] for key in sorted(newest)], BAR_DTYPE)
    kept["flags"] &= ~np.uint8(BarFlag.AMENDED)
    return kept


def to_oracle(bars: npt.NDArray[np.void]) -> list[Bar]:
    """Return engine bars in the oracle's words."""
    names = ("ts_ns", "open", "high", "low", "close", "volume", "oi", "tick_count")
    return [Bar(*(row[name].item() for name in names)) for row in bars]


def run(engine: Engine, batches: Sequence[TickBatch]) -> npt.NDArray[np.void]:
    """Apply batches, close what is open at the end, return the bars."""
    updates = [engine.apply(batch) for batch in batches]
    updates.append(engine.advance(CLOSE_2 + 2 * MINUTE_NS))
    return collect_bars(updates)


def assert_same_bars(found: Sequence[Bar], wanted: Sequence[Bar]) -> None:
    """Compare bars field by field; NaN equals NaN."""
    np.testing.assert_array_equal(np.array(found, float), np.array(wanted, float))
    assert [bar.ts_ns for bar in found] == [bar.ts_ns for bar in wanted]
