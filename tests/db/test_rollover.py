"""A program that lives for days: one recording after the other in the same session."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strikewire.core.errors import ConflictError
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.engine.view import Update
from strikewire.journal import JournalReader, inspect
from strikewire.store.bars import BarStore
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore
from tests.arrays import assert_same_bars
from tests.db.desk import OPEN, Desk, OnceFeed, make_source
from tests.eventually import eventually


def make_day(name: str, instrument: Instrument, *, start_ns: int) -> OnceFeed:
    return OnceFeed(replace(make_source(instrument, start_ns=start_ns), session_key=name))


class Steps:
    """An `UpdateSink` that keeps the numbers of the steps."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def on_update(self, update: Update) -> None:
        self.numbers.append(update.seq)


@pytest.fixture
async def newcomer(database: Database) -> Instrument:
    """Return an instrument that is listed on the second day only."""
    spec = InstrumentSpec("NFO", "NEWCOMER", InstrumentKind.FUTURE)
    async with database.write() as session:
        (found,) = await InstrumentStore().upsert(session, [spec])
    return found


async def load_bars(desk: Desk, instrument: Instrument) -> np.ndarray:
    async with desk.database.read() as session:
        return await BarStore().load(session, instrument.id, OPEN - DAY_NS, OPEN + 60 * MINUTE_NS)


async def test_second_day_is_recorded_by_the_objects_of_the_first(
    desk: Desk, newcomer: Instrument, tmp_path: Path
) -> None:
    steps = Steps()
    first = make_day("day-1", desk.instrument, start_ns=OPEN - DAY_NS)
    session = await desk.open(first, sinks=[steps])
    objects = session.engine, session.chains, session.recorder
    await session.resume([desk.instrument])
    assert await session.run()
    told = len(steps.numbers)

    await desk.roll_over(session, make_day("day-2", newcomer, start_ns=OPEN))
    emptied = session.engine.as_of_ns, session.engine.counters.applied
    resumption = await session.resume([newcomer])
    assert await session.run()

    assert objects == (session.engine, session.chains, session.recorder)
    assert emptied == (0, 0)
    assert resumption.is_fresh
    # Whoever listens is told at once that it starts over, not by the next day's first tick.
    assert steps.numbers[told] == 1
    closes = [59.0, 119.0, 179.0, 239.0, 299.0]
    assert (await load_bars(desk, desk.instrument))["close"].tolist() == closes
    assert (await load_bars(desk, newcomer))["close"].tolist() == closes
    for name in ("day-1", "day-2"):
        found = inspect(tmp_path / name)
        assert (found.is_complete, found.last_seq, found.session_key) == (True, 300, name)
        async with desk.database.read() as read:
            checkpoint = await CheckpointStore().load(read, name)
        assert checkpoint is not None
        assert (checkpoint.is_complete, checkpoint.last_seq) == (True, 300)
    assert session.engine.find_quote(desk.instrument.id) is None


async def test_day_that_was_rolled_over_to_resumes_after_a_restart(
    desk: Desk, tmp_path: Path
) -> None:
    session = await desk.open(make_day("day-1", desk.instrument, start_ns=OPEN - DAY_NS))
    await session.resume([desk.instrument])
    await session.run()
    today = make_day("day-2", desk.instrument, start_ns=OPEN)
    await desk.roll_over(session, today)
    await session.resume([desk.instrument])
    running = asyncio.create_task(session.run())
    await eventually(lambda: today.status().position_seq > 0)
    await session.stop()
    assert not await running
    heard = inspect(tmp_path / "day-2").last_seq

    again = await desk.open(make_day("day-2", desk.instrument, start_ns=OPEN))
    resumption = await again.resume([desk.instrument])
    assert await again.run()

    assert 0 < heard < 300
    assert resumption.journal_seq == heard
    bars = await load_bars(desk, desk.instrument)
    assert bars["close"].tolist() == [59.0, 119.0, 179.0, 239.0, 299.0] * 2
    assert inspect(tmp_path / "day-2").is_complete


async def test_recording_of_what_is_not_told_again_is_not_begun_anew(
    desk: Desk, tmp_path: Path
) -> None:
    session = await desk.open(make_day("day-1", desk.instrument, start_ns=OPEN))
    await session.resume([desk.instrument])
    await session.run()
    records = list(JournalReader(tmp_path / "day-1").records())

    for attempt in (
        desk.open(make_day("day-1", desk.instrument, start_ns=OPEN)),
        desk.roll_over(session, make_day("day-1", desk.instrument, start_ns=OPEN)),
    ):
        with pytest.raises(ConflictError, match="cannot be made again"):
            await attempt

    kept = list(JournalReader(tmp_path / "day-1").records())
    assert [each.last_seq for each in kept] == [each.last_seq for each in records]


async def test_day_is_not_begun_while_bars_of_the_one_before_wait(desk: Desk) -> None:
    session = await desk.open(make_day("day-1", desk.instrument, start_ns=OPEN - DAY_NS))
    await session.resume([desk.instrument])
    await session.run()
    before = await load_bars(desk, desk.instrument)
    session.recorder.on_update(Update(1, OPEN, 1, np.zeros(0, np.int32), before))

    with pytest.raises(ConflictError, match="5 bars"):
        await desk.roll_over(session, make_day("day-2", desk.instrument, start_ns=OPEN))

    assert_same_bars(await load_bars(desk, desk.instrument), before)
