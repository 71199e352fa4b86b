"""What becomes of recordings that have ended: packed, kept, dropped. The others are left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strikewire.core.clock import ManualClock, SystemClock
from strikewire.core.errors import DependencyError
from strikewire.core.instants import DAY_NS
from strikewire.core.ticks import TickBatch
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import make_journal_source
from strikewire.journal import is_packed, list_journals, measure
from strikewire.live.journal_keeper import DropReason, JournalKeeper, JournalKeeperConfig
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database, DatabaseConfig
from tests.db.desk import OPEN, Desk, make_source
from tests.unit.journal.recordings import dump, make_batches, read_batches, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the desk's journal folder."""
    return tmp_path


@pytest.fixture
def make_keeper(database: Database, root: Path):
    """Return a maker of keepers, days after everything was recorded."""

    def make(*, days: int = 0, **options) -> JournalKeeper:
        return JournalKeeper(
            config=JournalKeeperConfig(root=root, **options),
            database=database,
            store=CheckpointStore(),
            clock=ManualClock(SystemClock().now_ns() + days * DAY_NS),
            is_ready=lambda: True,
        )

    return make


async def play(desk: Desk, key: str, *, start_ns: int = OPEN) -> None:
    source = replace(make_source(desk.instrument, start_ns=start_ns), session_key=key)
    session = await desk.open(ReplayFeed(source, speed=MAX_SPEED))
    await session.resume([desk.instrument])
    await session.run()


def list_names(root: Path) -> list[str]:
    return [each.name for each in list_journals(root)]


async def test_recording_that_has_ended_is_packed_and_plays_as_before(
    desk: Desk, root: Path, make_keeper
) -> None:
    await play(desk, "ended")
    wanted = dump(read_batches(root / "ended"))
    plain_bytes = measure(root / "ended")
    keeper = make_keeper()

    await keeper.tidy()
    await keeper.tidy()

    assert is_packed(root / "ended")
    assert keeper.figures.saved_bytes == plain_bytes - measure(root / "ended") > 0
    assert (keeper.figures.count, keeper.figures.total_bytes) == (1, measure(root / "ended"))
    heard = make_journal_source(root / "ended").read(0)
    assert dump(each for each in heard if isinstance(each, TickBatch)) == wanted


async def test_recording_that_has_not_ended_is_left_alone(
    desk: Desk, root: Path, make_keeper
) -> None:
    """Interrupted, unknown to the store, or under way: whatever its age and its size."""
    write(root, make_batches([50]), key="interrupted")
    write(root, make_batches([50]), complete=True, key="unknown")
    session = await desk.open(ReplayFeed(make_source(desk.instrument)))
    await session.resume([desk.instrument])
    keeper = make_keeper(days=1_000, keep_ns=DAY_NS, max_bytes=1)

    await keeper.tidy()
    await session.stop()
    await session.run()

    assert list_names(root) == ["interrupted", "made", "unknown"]
    assert not any(is_packed(root / name) for name in list_names(root))
    assert keeper.figures.dropped == {DropReason.AGE: 0, DropReason.SIZE: 0}


async def test_recordings_are_dropped_by_age_behind_their_end(
    desk: Desk, root: Path, make_keeper
) -> None:
    await play(desk, "ended")
    young, old = (make_keeper(days=days, keep_ns=30 * DAY_NS) for days in (29, 31))

    await young.tidy()
    kept = list_names(root)
    await old.tidy()

    assert kept == ["ended"]
    assert list_names(root) == []
    assert old.figures.dropped[DropReason.AGE] == 1
    # Its bars stay.
    assert len(await desk.load()) == 5


async def test_oldest_recordings_go_until_the_others_have_room(
    desk: Desk, root: Path, make_keeper
) -> None:
    for key in ("b-first", "a-second", "c-third"):
        await play(desk, key)
    size = measure(root / "c-third")
    keeper = make_keeper(is_packing=False, max_bytes=2 * size + 10)

    await keeper.tidy()

    assert list_names(root) == ["a-second", "c-third"]
    assert keeper.figures.dropped[DropReason.SIZE] == 1
    assert keeper.figures.total_bytes == 2 * size


async def test_what_a_crash_left_of_a_dropped_recording_goes(root: Path, make_keeper) -> None:
    directory = write(root, make_batches([50]), key="gone")
    directory.rename(root / ".dropped-gone")

    await make_keeper().tidy()

    assert list(root.iterdir()) == []


async def test_nothing_is_dropped_while_the_store_is_away(desk: Desk, root: Path) -> None:
    await play(desk, "ended")
    away = Database(DatabaseConfig(url="postgresql+asyncpg://nobody@127.0.0.1:1/nothing"))
    keeper = JournalKeeper(
        config=JournalKeeperConfig(root=root, keep_ns=1),
        database=away,
        store=CheckpointStore(),
        clock=SystemClock(),
        is_ready=lambda: True,
    )

    with pytest.raises(DependencyError):
        await keeper.tidy()
    await away.aclose()

    assert list_names(root) == ["ended"]
