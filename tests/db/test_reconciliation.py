"""Bars of ticks held against candles: what is replaced, what is left, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pytest

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source
from strikewire.core.errors import NothingRecordedError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import Deafness, TickBatch
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.live.backfill import Readiness
from strikewire.live.bar_differences import Tolerance, find_differences
from strikewire.live.corrections import Corrections
from strikewire.live.reconciliation import Reconciliation, ReconciliationConfig
from strikewire.live.session import Session
from strikewire.store.bars import BarStore
from strikewire.store.instruments import InstrumentStore
from tests.db.desk import OPEN, RULES, Desk, OnceFeed, make_feed, make_source
from tests.db.test_deaf_sessions import make_interrupted_source


@dataclass
class EditedCandles:
    """The minutes of `make_source`'s ticks, but for what was changed in some of them."""

    changes: dict[int, dict[str, float]] = field(default_factory=dict)
    asked: int = 0

    async def load_minutes(
        self, instrument: Instrument, from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        self.asked += 1
        if not self.changes:
            msg = "nobody has it"
            raise NothingRecordedError(msg)
        bars = make_candles(*range(5))
        bars["instrument_id"] = instrument.id
        for minute, values in self.changes.items():
            for name, value in values.items():
                bars[name][minute] = value
        return bars[(bars["ts_ns"] >= from_ns) & (bars["ts_ns"] < to_ns)]


def make_candles(*minutes: int) -> npt.NDArray[np.void]:
    bars = np.zeros(len(minutes), BAR_DTYPE)
    numbers = np.array(minutes)
    bars["ts_ns"], bars["source"] = OPEN + numbers * MINUTE_NS, Source.BROKER
    bars["open"] = bars["low"] = 60 * numbers
    bars["close"] = bars["high"] = 60 * numbers + 59
    bars["volume"] = np.where(numbers == 0, 590, 600)
    bars["oi"] = np.nan
    return bars


def make_reconciliation(
    desk: Desk, session: Session, source: EditedCandles, **config: float
) -> Reconciliation:
    return Reconciliation(
        config=ReconciliationConfig(**{"settle_s": 60.0, **config}),
        database=desk.database,
        engine=session.engine,
        source=source,
        corrections=Corrections(bars=BarStore(), find_calendar=RULES.calendar, readers=None),
        readiness=Readiness(),
    )


async def run_session(desk: Desk, feed: ReplayFeed) -> Session:
    session = await desk.open(feed)
    await session.resume([desk.instrument])
    await session.run()
    return session


async def test_minutes_that_differ_are_the_brokers_from_then_on(desk: Desk) -> None:
    session = await run_session(desk, make_feed(desk.instrument))
    source = EditedCandles({1: {"high": 130.0}, 2: {"volume": 700.0}, 3: {"close": 239.01}})
    reconciliation = make_reconciliation(desk, session, source)

    await reconciliation.compare_some()

    bars = await desk.load()
    assert bars["source"].tolist() == [
        Source.TICKS, Source.BROKER, Source.BROKER, Source.TICKS, Source.TICKS
    ]  # fmt: skip
    assert bars["revision"].tolist() == [0, 1, 1, 0, 0]
    assert bars["flags"].tolist() == [0, BarFlag.RECONCILED, BarFlag.RECONCILED, 0, 0]
    assert (bars["high"][1], bars["volume"][2]) == (130.0, 700.0)
    found = {verdict: count for verdict, count in reconciliation.counts.items() if count}
    assert found == {"equal": 2, "price": 1, "volume": 1}, "the last minute has not settled"

    await reconciliation.compare_some()
    assert source.asked == 1, "what is the same as before is not asked for again"


@pytest.mark.promise("F4")
async def test_bar_that_a_tick_came_too_late_for_is_revised_once_and_first(desk: Desk) -> None:
    """The broker has heard the trade that came to us a minute and a half later."""
    async with desk.database.write() as session:
        specs = [InstrumentSpec("NFO", f"QUIET{n}", InstrumentKind.FUTURE) for n in range(3)]
        others = await InstrumentStore().upsert(session, specs)
    source = make_source(desk.instrument)

    def read(after_seq: int) -> Iterator[TickBatch | Deafness]:
        (ticks,) = [np.concatenate([f.ticks for f in source.read(0) if isinstance(f, TickBatch)])]
        early = np.repeat(ticks[:1], len(others))
        early["instrument_id"] = [int(each.id) for each in others]
        late = ticks[70:71].copy()
        late["ltp"], late["ts_recv_ns"] = 500.0, ticks["ts_recv_ns"][160]
        told = np.concatenate([early, ticks[:161], late, ticks[161:]])
        told["seq"] = np.arange(1, len(told) + 1)
        yield TickBatch(told[told["seq"] > after_seq])

    made = replace(source, read=read, total=source.total + 4)
    session = await desk.open(ReplayFeed(made, speed=MAX_SPEED))
    await session.resume([*others, desk.instrument])
    await session.run()
    assert session.engine.counters.late == 1
    candles = EditedCandles({1: {"high": 500.0}})
    reconciliation = make_reconciliation(desk, session, candles, settle_s=0.0, instruments=1)

    await reconciliation.compare_some()

    bars = await desk.load()
    assert (bars["high"][1], bars["source"][1], bars["revision"][1]) == (500.0, Source.BROKER, 1)
    assert reconciliation.counts["price"] == 1


async def test_ticks_of_a_journal_read_again_do_not_come_back(desk: Desk) -> None:
    session = await run_session(desk, make_feed(desk.instrument))
    source = EditedCandles({1: {"high": 130.0}})
    await make_reconciliation(desk, session, source).compare_some()

    await run_session(desk, make_feed(desk.instrument))

    assert (await desk.load())["high"].tolist()[1] == 130.0


async def test_what_was_not_heard_is_filled_and_not_called_reconciled(desk: Desk) -> None:
    source = make_interrupted_source(desk.instrument)
    session = await run_session(desk, OnceFeed(source))

    await make_reconciliation(desk, session, EditedCandles({4: {}}), settle_s=0.0).compare_some()

    bars = await desk.load()
    assert bars["source"].tolist() == [
        Source.TICKS, Source.BROKER, Source.BROKER, Source.BROKER, Source.TICKS
    ]  # fmt: skip
    assert set(bars["flags"].tolist()) == {0}


async def test_broker_that_has_nothing_changes_nothing(desk: Desk) -> None:
    session = await run_session(desk, make_feed(desk.instrument))
    before = (await desk.load()).tobytes()

    await make_reconciliation(desk, session, EditedCandles()).compare_some()

    assert (await desk.load()).tobytes() == before


def test_what_is_unknown_or_no_bar_of_ticks_differs_from_nothing() -> None:
    candles = make_candles(0, 1, 2)
    stored = make_candles(0, 1, 2, 7)
    stored["source"] = [Source.TICKS, Source.FILE, Source.TICKS, Source.TICKS]
    stored["volume"] = [np.nan, 1.0, 600.0, 600.0]
    stored["flags"][3] = BarFlag.AFTER_CLOSE

    found = find_differences(stored, candles, Tolerance())

    assert len(found.corrections) == 0
    assert found.counts["equal"] == 2
    assert found.counts["extra"] == 0
