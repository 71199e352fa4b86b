"""A recording played again: the same bars, bit for bit, on the database it was recorded with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strikewire.core.errors import InvalidInputError, JournalError
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import Deafness, DeafReason, Heard, Lull, TickBatch
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import TickSource
from strikewire.journal import JournalReader, RecordKind, pack
from strikewire.live.bar_digest import BarDigest
from strikewire.live.journal_replays import JournalReplayLoader
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.instruments import InstrumentStore
from tests.arrays import assert_same_bars
from tests.db.desk import OPEN, Desk, make_source
from tests.unit.journal.recordings import make_batches, write

#: Told in the middle of a market's silence; ticks that are late for its minute come behind it.
LULL_NS = OPEN + 2 * MINUTE_NS
DEAF_NS = OPEN + 3 * MINUTE_NS, OPEN + 3 * MINUTE_NS + 20 * SECOND_NS


def make_lively_source(instrument: Instrument) -> TickSource:
    """Return what a broker's feed tells: ticks out of order, a lull, a stretch not heard."""
    plain = make_source(instrument)
    ticks = np.concatenate([f.ticks for f in plain.read(0) if isinstance(f, TickBatch)])
    # A tick of the second minute comes 5 s into the third, behind the lull that closed it.
    order = np.r_[np.arange(110), np.arange(111, 125), 110, np.arange(125, 180)]
    order = np.r_[order, np.arange(200, 300)]
    ticks = ticks[order]
    ticks["seq"] = np.arange(1, len(ticks) + 1)

    def read(after_seq: int) -> Iterator[Heard]:
        for tick in np.split(ticks, len(ticks)):
            seq = int(tick["seq"][0])
            if seq <= after_seq:
                continue
            if seq == 120:
                yield Lull(LULL_NS)
            if seq == 181:
                ids = np.array([instrument.id], np.int32)
                yield Deafness(ids, *DEAF_NS, DeafReason.DISCONNECTED)
            yield TickBatch(tick)

    return replace(plain, session_key="day", read=read, total=len(ticks))


async def play(desk: Desk, source: TickSource) -> str:
    """Play a source into the store; return the digest of its bars."""
    digest = BarDigest()
    session = await desk.open(ReplayFeed(source, speed=MAX_SPEED), sinks=[digest])
    await session.resume([desk.instrument])
    await session.run()
    return digest.compute()


@pytest.fixture
def loader(desk: Desk) -> JournalReplayLoader:
    return JournalReplayLoader(
        database=desk.database, instruments=InstrumentStore(), checkpoints=CheckpointStore()
    )


@pytest.mark.parametrize("is_packed", [False, True])
async def test_recording_played_again_gives_the_same_bars(
    desk: Desk, loader: JournalReplayLoader, tmp_path: Path, *, is_packed: bool
) -> None:
    first = await play(desk, make_lively_source(desk.instrument))
    stored = await desk.load()
    if is_packed:
        pack(tmp_path / "day")

    replayable = await loader.load(tmp_path / "day")
    again = await play(desk, replayable.source)

    assert replayable.instruments == (desk.instrument,)
    assert again == first
    assert len(stored) == 5
    loaded = await desk.load()
    # A bar whose amendment comes in a later commit is corrected twice, there and back.
    loaded["revision"] = stored["revision"]
    assert_same_bars(loaded, stored)
    # Not over the first, and with the time told at the same places.
    kinds = [
        [(r.kind, r.last_seq, r.ts_recv_ns) for r in JournalReader(tmp_path / name).records()]
        for name in ("day", "replay-day")
    ]
    assert kinds[0] == kinds[1]
    assert {RecordKind.CLOCK, RecordKind.DEAF} < {kind for kind, _, _ in kinds[0]}


async def test_digest_is_of_every_bar_and_every_field(desk: Desk) -> None:
    source = make_source(desk.instrument)
    heard = [TickBatch(f.ticks.copy()) for f in source.read(0) if isinstance(f, TickBatch)]
    changed = [TickBatch(each.ticks.copy()) for each in heard]
    changed[-1].ticks["oi"][-1] = 7.0

    digests = [
        await play(desk, replace(source, session_key=key, read=lambda _, told=told: iter(told)))
        for key, told in (("a", heard), ("b", heard), ("c", changed))
    ]

    assert digests[0] == digests[1] != digests[2]


async def test_recording_of_another_database_is_refused(
    desk: Desk, loader: JournalReplayLoader, tmp_path: Path
) -> None:
    """Its ids are other instruments here."""
    spec = InstrumentSpec("NFO", "SOMEBODY", InstrumentKind.FUTURE)
    async with desk.database.write() as session:
        await InstrumentStore().upsert(session, [spec])
    directory = write(tmp_path, make_batches([50]), complete=True, key="foreign")

    with pytest.raises(InvalidInputError, match="not of this database"):
        await loader.load(directory)
    with pytest.raises(JournalError, match="there is no journal"):
        await loader.load(tmp_path)
