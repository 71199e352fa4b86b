"""How a session ends, and begins again, when something stands in its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from strikewire.core.errors import JournalError
from strikewire.core.ticks import TickBatch
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import TickSource
from strikewire.live.bar_log import BarLog, LogStores
from strikewire.live.recorder import Recorder, RecorderConfig
from strikewire.live.session import Session
from strikewire.observability.metrics import build_metrics
from strikewire.resilience.failpoints import Failpoints
from tests.db.desk import RULES, Desk, make_feed, make_source
from tests.eventually import eventually


@asynccontextmanager
async def _locked(desk: Desk) -> AsyncIterator[None]:
    """Keep the recorder from committing, as a database that is away does."""
    async with desk.database.write() as blocking:
        connection = await blocking.connection()
        await connection.exec_driver_sql("LOCK TABLE journal_checkpoint IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.fixture
def locked(desk: Desk) -> AbstractAsyncContextManager[None]:
    return _locked(desk)


def _read_until_it_breaks(source: TickSource) -> Iterator[TickBatch]:
    for batch in source.read(0):
        if batch.last_seq > 100:
            msg = "the recording is damaged"
            raise JournalError(msg)
        yield batch


async def _play(session: Session, desk: Desk) -> None:
    await session.resume([desk.instrument])
    await session.run()


async def test_resume_of_more_bars_than_may_wait_commits_them_on_its_way(desk: Desk) -> None:
    """The database was replaced by an empty one, and the journal holds more than fits."""
    await _play(await desk.open(make_feed(desk.instrument)), desk)
    async with desk.database.write() as write:
        connection = await write.connection()
        await connection.exec_driver_sql("DELETE FROM journal_checkpoint")
        await connection.exec_driver_sql("DELETE FROM minute_bars")

    again = await desk.open(make_feed(desk.instrument), max_pending_bars=2)
    async with asyncio.timeout(30):
        await _play(again, desk)

    assert (await desk.load())["close"].tolist() == [59, 119, 179, 239, 299]


async def test_session_that_is_told_to_stop_while_it_waits_for_room_ends(
    desk: Desk, locked: AbstractAsyncContextManager[None]
) -> None:
    feed = make_feed(desk.instrument)
    session = await desk.open(feed, max_pending_bars=1, stop_timeout_s=0.1)
    await session.resume([desk.instrument])
    async with locked:
        running = asyncio.create_task(session.run())
        await eventually(lambda: session.recorder.pending_bars == 1)
        await session.stop()
        async with asyncio.timeout(30):
            await running
    heard = feed.status().position_seq

    again = await desk.open(make_feed(desk.instrument))
    resumption = await again.resume([desk.instrument])
    await again.run()

    assert 0 < heard < 300
    assert (resumption.committed_seq, resumption.journal_seq) == (0, heard)
    assert (await desk.load())["close"].tolist() == [59, 119, 179, 239, 299]


async def test_session_that_is_told_to_stop_during_its_last_commit_ends(
    desk: Desk, locked: AbstractAsyncContextManager[None]
) -> None:
    session = await desk.open(make_feed(desk.instrument), stop_timeout_s=0.1)
    await session.resume([desk.instrument])
    async with locked:
        running = asyncio.create_task(session.run())
        await eventually(lambda: session.engine.counters.bars == 5)
        await session.stop()
        async with asyncio.timeout(30):
            await running

    await _play(await desk.open(make_feed(desk.instrument)), desk)

    bars = await desk.load()
    assert bars["close"].tolist() == [59, 119, 179, 239, 299]
    assert bars["flags"].tolist() == [0] * 5


async def test_session_whose_feed_fails_ends_with_the_reason_and_keeps_what_it_heard(
    desk: Desk,
) -> None:
    source = make_source(desk.instrument)
    broken = replace(source, read=lambda _after_seq: _read_until_it_breaks(source))
    session = await desk.open(ReplayFeed(broken, speed=MAX_SPEED))
    await session.resume([desk.instrument])

    with pytest.raises(JournalError, match="the recording is damaged"):
        await session.run()

    again = await desk.open(make_feed(desk.instrument))
    resumption = await again.resume([desk.instrument])
    await again.run()
    assert resumption.journal_seq == 99, "a replay reads one frame ahead"
    assert (await desk.load())["close"].tolist() == [59, 119, 179, 239, 299]


async def test_commit_waits_for_a_journal_that_cannot_be_written(desk: Desk) -> None:
    """A full disk that somebody empties."""
    refusals = [JournalError("no space left on device")]

    def flush() -> None:
        if refusals:
            raise refusals.pop()

    recorder = Recorder(
        config=RecorderConfig(retry_s=0.01),
        log=BarLog(
            session_key="made",
            database=desk.database,
            stores=LogStores(),
            failpoints=Failpoints(),
        ),
        engine=Engine(config=EngineConfig(), find_calendar=RULES.calendar),
        flush_journal=flush,
        on_committed=lambda _bars: None,
        metrics=build_metrics(version="test"),
    )

    await recorder.commit()

    assert not refusals
    checkpoint = await recorder.load_checkpoint()
    assert checkpoint is not None
