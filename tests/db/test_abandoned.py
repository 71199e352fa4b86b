"""Days that ended while nobody was running: their recordings are brought to their end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from strikewire.core.bars import BarFlag
from strikewire.core.instants import MINUTE_NS, SECOND_NS, from_datetime, parse_rfc3339
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import TickSource
from strikewire.journal import JournalWriter, inspect
from strikewire.live.abandoned import AbandonedRecordings, AbandonedTools
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.schema import GapRow
from tests.db.desk import OPEN, RULES, Desk, make_source
from tests.eventually import eventually

CLOSE = parse_rfc3339("2022-12-30T15:30:00+05:30")
TOMORROW = date(2022, 12, 31)
KEY = "kite-2022-12-30"


@pytest.fixture
def abandoned(desk: Desk, tmp_path: Path) -> AbandonedRecordings:
    return AbandonedRecordings(
        root=tmp_path,
        prefix="kite-",
        tools=AbandonedTools(
            recordings=desk.make_recordings(),
            database=desk.database,
            checkpoints=CheckpointStore(),
            instruments=InstrumentStore(),
            find_calendar=RULES.calendar,
        ),
    )


async def record_in_part(desk: Desk, root: Path) -> TickSource:
    """Record a part of a day, and have some more in the journal that was never committed."""
    source = replace(make_source(desk.instrument), session_key=KEY)
    feed = ReplayFeed(source, speed=MAX_SPEED)
    session = await desk.open(feed)
    await session.resume([desk.instrument])

    async def stop_early() -> None:
        await eventually(lambda: feed.status().position_seq > 0)
        await session.stop()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stop_early())
        tasks.create_task(session.run())
    with JournalWriter(root, KEY, source.description) as journal:
        assert journal.last_seq < source.total
        for heard in source.read(journal.last_seq):
            journal.append(heard)
    return source


async def test_earlier_day_is_brought_to_its_end(
    desk: Desk, tmp_path: Path, abandoned: AbandonedRecordings
) -> None:
    source = await record_in_part(desk, tmp_path)

    finished = await abandoned.finish(before=TOMORROW)
    again = await abandoned.finish(before=TOMORROW)

    assert (finished, again) == ([KEY], [])
    bars = await desk.load()
    assert bars["close"].tolist() == [59, 119, 179, 239, 299]
    # The minute it broke off in was heard in part.
    assert bars["flags"].tolist() == [0, 0, 0, 0, BarFlag.PARTIAL]
    found = inspect(tmp_path / KEY)
    assert (found.is_complete, found.last_seq) == (True, source.total)
    async with desk.database.read() as read:
        assert list(await CheckpointStore().load_ends(read, [KEY])) == [KEY]
        gaps = (await read.execute(select(GapRow.session_key, GapRow.from_ts, GapRow.to_ts))).all()
    stretch = OPEN + (source.total - 1) * SECOND_NS, CLOSE
    assert [(key, from_datetime(a), from_datetime(b)) for key, a, b in gaps] == [(KEY, *stretch)]


async def test_days_of_today_and_recordings_of_others_are_left_alone(
    desk: Desk, tmp_path: Path, abandoned: AbandonedRecordings
) -> None:
    await record_in_part(desk, tmp_path)
    (tmp_path / KEY).rename(tmp_path / "simulated-2022-12-30")

    assert await abandoned.finish(before=TOMORROW) == []
    (tmp_path / "simulated-2022-12-30").rename(tmp_path / KEY)
    assert await abandoned.finish(before=date(2022, 12, 30)) == []
    assert not inspect(tmp_path / KEY).is_complete


async def test_day_that_was_heard_to_its_close_has_no_gap(
    desk: Desk, tmp_path: Path, abandoned: AbandonedRecordings
) -> None:
    source = make_source(desk.instrument, seconds=90, start_ns=CLOSE - MINUTE_NS)
    with JournalWriter(tmp_path, KEY, "made") as journal:
        for heard in source.read(0):
            journal.append(heard)

    assert await abandoned.finish(before=TOMORROW) == [KEY]

    async with desk.database.read() as read:
        assert (await read.execute(select(GapRow.id))).all() == []


async def test_damaged_recording_is_left_and_the_others_are_ended(
    desk: Desk, tmp_path: Path, abandoned: AbandonedRecordings
) -> None:
    for key in ("kite-2022-12-29", KEY):
        with JournalWriter(tmp_path, key, "made") as journal:
            for heard in make_source(desk.instrument).read(0):
                journal.append(heard)
    path = tmp_path / "kite-2022-12-29" / "00000001.swj"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8] = np.full(8, 255, np.uint8).tobytes()
    path.write_bytes(content)

    assert await abandoned.finish(before=TOMORROW) == [KEY]
    assert not inspect(path.parent).is_complete
