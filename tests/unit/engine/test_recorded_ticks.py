"""Real full-mode ticks of one session, with their disorder, against the plain-Python twin."""

from __future__ import annotations

import ast
import gzip
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS, from_datetime
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.reference.sessions import SessionCalendar
from tests.oracles.minute_bars import Tick, make_bars
from tests.unit.engine.conftest import assert_same_bars, collect_bars, make_instrument, to_oracle

pytestmark = pytest.mark.unmeasured

_MUMBAI: Final = ZoneInfo("Asia/Kolkata")
_DAY_NS: Final = 18_859 * DAY_NS  # 2021-08-20
_OPEN_NS: Final = _DAY_NS + 225 * MINUTE_NS
_CLOSE_NS: Final = _OPEN_NS + 375 * MINUTE_NS
_FILES: Final = (
    "kite_full_ticks_20210820/BANKNIFTY21SEP35300CE_2021_08_20.txt.gz",
    "kite_full_ticks_20210820/BANKNIFTY21SEP35300PE_2021_08_20.txt.gz",
)


@pytest.fixture(scope="module")
def recorded(shared_data: Callable[[str], Path]) -> TickBatch:
    """Return both files as one batch in exchange order; `seq` is the order of arrival."""
    rows: list[tuple[int, int, int, float, float, float, float]] = []
    for number, name in enumerate(_FILES, start=1):
        with gzip.open(shared_data(name), "rt") as lines:
            ticks = [ast.literal_eval(line) for line in lines if line.strip()]
        for seq, tick in enumerate(reversed(ticks), start=1):  # the files are newest first
            stamp = datetime.fromisoformat(tick["timestamp"]).replace(tzinfo=_MUMBAI)
            rows.append(
                (
                    number,
                    from_datetime(stamp),
                    seq,
                    tick["last_price"],
                    float(tick["volume"]),
                    float(tick["oi"]),
                    tick["average_price"],
                )
            )
    batch = np.zeros(len(rows), TICK_DTYPE)
    names = ["instrument_id", "ts_event_ns", "seq", "ltp", "volume", "oi", "average_price"]
    for column, name in enumerate(names):
        batch[name] = [row[column] for row in rows]
    return TickBatch(batch[np.argsort(batch["ts_event_ns"], kind="stable")])


def _make_engine(lateness_ns: int) -> Engine:
    calendar = SessionCalendar(
        venue="NFO",
        zone=_MUMBAI,
        days_ns=np.array([_DAY_NS]),
        opens_ns=np.array([_OPEN_NS]),
        closes_ns=np.array([_CLOSE_NS]),
    )
    engine = Engine(
        config=EngineConfig(lateness_ns=lateness_ns), find_calendar=lambda _venue: calendar
    )
    engine.register([make_instrument(1), make_instrument(2)])
    return engine


def _run_and_compare(engine: Engine, batch: TickBatch, order: np.ndarray) -> None:
    """Deliver in an order, in frames of 500, and compare each instrument with its twin's bars."""
    updates = [
        engine.apply(TickBatch(batch.ticks[order[start : start + 500]]))
        for start in range(0, len(order), 500)
    ]
    updates.append(engine.advance(_CLOSE_NS + 2 * MINUTE_NS))
    bars = collect_bars(updates)
    names = ["ts_event_ns", "ltp", "volume", "oi", "seq"]
    for number in (1, 2):
        mine = batch.ticks[batch.ticks["instrument_id"] == number]
        ticks = [Tick(*row) for row in zip(*(mine[name].tolist() for name in names), strict=True)]
        wanted = make_bars(ticks, [(_OPEN_NS, _CLOSE_NS)])
        assert len(wanted) > 300
        assert_same_bars(to_oracle(bars[bars["instrument_id"] == number]), wanted)


def test_recorded_ticks_in_their_own_order_give_the_twins_bars(recorded: TickBatch) -> None:
    engine = _make_engine(lateness_ns=HOUR_NS)

    _run_and_compare(engine, recorded, np.arange(len(recorded)))

    assert engine.counters.unstamped == 2, "the first packet of each is stamped epoch 0"
    assert engine.counters.late == 0


@pytest.mark.promise("F4")
@pytest.mark.parametrize("order", ["newest first", "shuffled"])
def test_recorded_ticks_in_any_order_give_the_twins_bars(recorded: TickBatch, order: str) -> None:
    places = np.arange(len(recorded))
    if order == "newest first":
        places = places[::-1]
    else:
        np.random.default_rng(20210820).shuffle(places)

    _run_and_compare(_make_engine(lateness_ns=8 * HOUR_NS), recorded, places)


@pytest.mark.promise("F3")
def test_recorded_ticks_each_delivered_twice_give_the_twins_bars(recorded: TickBatch) -> None:
    twice = np.repeat(np.arange(len(recorded)), 2)
    engine = _make_engine(lateness_ns=8 * HOUR_NS)

    _run_and_compare(engine, recorded, twice)

    assert engine.counters.duplicates >= len(recorded) - 10_000
