"""A session on the real database: journal, engine, recorder, checkpoint, and on from there."""

from __future__ import annotations

import asyncio

import pytest

from strikewire.core.bars import BarFlag, Source
from strikewire.core.errors import SettingsError
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.feeds.replay import MAX_SPEED
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.database import Database
from tests.db.desk import OPEN, Desk, make_feed
from tests.eventually import eventually


async def test_session_stores_the_bars_of_its_feed(desk: Desk) -> None:
    session = await desk.open(make_feed(desk.instrument))

    resumption = await session.resume([desk.instrument])
    await session.run()

    bars = await desk.load()
    assert resumption.is_fresh
    assert bars["ts_ns"].tolist() == [OPEN + n * MINUTE_NS for n in range(5)]
    assert bars["close"].tolist() == [59, 119, 179, 239, 299]
    assert bars["volume"].tolist() == [590, 600, 600, 600, 600]
    assert bars["tick_count"].tolist() == [60] * 5
    assert set(bars["source"].tolist()) == {Source.TICKS}
    assert set(bars["flags"].tolist()) == {0}
    assert sum(len(bars) for bars in desk.committed) == 5


async def test_stopped_session_stores_the_forming_bar_and_goes_on_behind_it(desk: Desk) -> None:
    feed = make_feed(desk.instrument, speed=1.0)
    session = await desk.open(feed)
    await session.resume([desk.instrument])
    running = asyncio.create_task(session.run())
    await eventually(lambda: feed.status().position_seq > 0)
    feed.seek(OPEN + 150 * SECOND_NS)
    await eventually(lambda: feed.status().position_seq > 140)
    await session.stop()
    await running
    position = feed.status().position_seq
    stopped = await desk.load()

    second = await desk.open(make_feed(desk.instrument))
    resumption = await second.resume([desk.instrument])
    await second.run()

    assert stopped["flags"].tolist() == [0, 0, BarFlag.PARTIAL]
    assert (resumption.committed_seq, resumption.journal_seq) == (position, position)
    bars = await desk.load()
    assert bars["close"].tolist() == [59, 119, 179, 239, 299]
    assert bars["volume"].tolist() == [590, 600, 600, 600, 600]
    assert bars["flags"].tolist() == [0] * 5
    assert bars["revision"].tolist() == [0] * 5, "the rest of a minute is no correction"


async def test_checkpoint_of_another_window_is_passed_over_for_the_journal(desk: Desk) -> None:
    feed = make_feed(desk.instrument, speed=1.0)
    session = await desk.open(feed)
    await session.resume([desk.instrument])
    running = asyncio.create_task(session.run())
    feed.set_speed(1_000)
    await eventually(lambda: feed.status().position_seq > 70)
    await session.stop()
    await running

    second = await desk.open(make_feed(desk.instrument), lateness_ns=600 * SECOND_NS)
    resumption = await second.resume([desk.instrument])
    await second.run()

    assert resumption.committed_seq == 0
    assert resumption.journal_seq > 70
    assert (await desk.load())["close"].tolist() == [59, 119, 179, 239, 299]


async def test_journal_alone_gives_the_bars_again(desk: Desk, database: Database) -> None:
    """The database was replaced by an empty one; the journal is complete."""
    session = await desk.open(make_feed(desk.instrument))
    await session.resume([desk.instrument])
    await session.run()
    wanted = await desk.load()
    async with database.write() as write:
        connection = await write.connection()
        await connection.exec_driver_sql("DELETE FROM journal_checkpoint")
        await connection.exec_driver_sql("DELETE FROM minute_bars")

    again = await desk.open(make_feed(desk.instrument))
    resumption = await again.resume([desk.instrument])
    await again.run()

    assert resumption.journal_seq == 300
    assert (await desk.load()).tobytes() == wanted.tobytes()


async def test_seek_backwards_builds_the_bars_anew(desk: Desk) -> None:
    feed = make_feed(desk.instrument, speed=1.0)
    session = await desk.open(feed)
    await session.resume([desk.instrument])
    running = asyncio.create_task(session.run())
    await eventually(lambda: feed.status().position_seq > 0)
    feed.seek(OPEN + 200 * SECOND_NS)
    await eventually(lambda: feed.status().position_seq > 190)
    feed.seek(OPEN + 90 * SECOND_NS)
    await eventually(lambda: feed.generation == 1 and feed.status().position_seq > 80)

    forming = session.engine.recent_bars(desk.instrument.id)
    assert forming["ts_ns"][-1] == OPEN + MINUTE_NS
    assert forming["close"][-1] < 100
    assert session.engine.counters.late == 0

    feed.set_speed(MAX_SPEED)
    await running
    bars = await desk.load()
    assert bars["close"].tolist() == [59, 119, 179, 239, 299]
    assert bars["revision"].tolist() == [0] * 5


async def test_bars_are_to_be_had_before_they_are_committed(desk: Desk) -> None:
    session = await desk.open(make_feed(desk.instrument))
    await session.resume([desk.instrument])
    async with desk.database.write() as blocking:
        connection = await blocking.connection()
        await connection.exec_driver_sql("LOCK TABLE journal_checkpoint IN ACCESS EXCLUSIVE MODE")
        running = asyncio.create_task(session.run())
        await eventually(lambda: session.engine.counters.bars == 5)

        pending = session.recorder.find_pending(desk.instrument.id)

        assert pending["close"].tolist() == [59, 119, 179, 239, 299]
        assert session.recorder.pending_bars >= 5
        assert session.recorder.find_pending(type(desk.instrument.id)(999)).size == 0
    await running
    assert session.recorder.pending_bars == 0
    assert len(await desk.load()) == 5


async def test_bars_the_store_had_are_compared_and_corrected(desk: Desk) -> None:
    first = await desk.open(make_feed(desk.instrument))
    await first.resume([desk.instrument])
    await first.run()
    async with desk.database.write() as write:
        connection = await write.connection()
        await connection.exec_driver_sql("UPDATE minute_bars SET close = 1 WHERE close = 179")

    second = await desk.open(make_feed(desk.instrument))
    await second.resume([desk.instrument])
    await second.run()

    result = second.recorder.result
    assert (result.inserted, result.updated, result.unchanged) == (0, 1, 4)
    bars = await desk.load()
    assert bars["close"].tolist() == [59, 119, 179, 239, 299]
    assert bars["revision"].tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("spec", ["nowhere", "session.applied:0", "session.applied:x"])
def test_failpoint_that_is_none_is_refused(spec: str) -> None:
    with pytest.raises(SettingsError, match="STRIKEWIRE_FAILPOINT must be one of"):
        Failpoints(spec)


def test_failpoint_of_another_place_does_nothing() -> None:
    failpoints = Failpoints("session.applied:2")

    failpoints.hit("recorder.begun")
    failpoints.hit("session.applied")
