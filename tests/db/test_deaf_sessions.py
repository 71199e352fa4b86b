"""Sessions whose feed did not hear everything: what their bars and their journal say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strikewire.core.bars import BarFlag
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument
from strikewire.core.ticks import Deafness, DeafReason, TickBatch
from strikewire.engine.view import Update
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import TickSource, make_journal_source
from strikewire.journal import JournalReader
from tests.db.desk import OPEN, Desk, make_source

#: Nothing is heard from a second of the second minute to one of the fourth.
FROM_S, TO_S = 80, 200


def make_interrupted_source(instrument: Instrument) -> TickSource:
    """Return a tick a second, but for a stretch, which is told as such."""
    whole = make_source(instrument)
    stretch = OPEN + FROM_S * SECOND_NS, OPEN + TO_S * SECOND_NS
    ids = np.array([instrument.id], np.int32)
    deafness = Deafness(ids, *stretch, DeafReason.DISCONNECTED)

    def read(after_seq: int) -> Iterator[TickBatch | Deafness]:
        frames = [each.ticks for each in whole.read(0) if isinstance(each, TickBatch)]
        ticks = np.concatenate(frames)
        ticks = ticks[(ticks["ts_event_ns"] < stretch[0]) | (ticks["ts_event_ns"] >= stretch[1])]
        ticks["seq"] = np.arange(1, len(ticks) + 1)
        for tick in np.split(ticks, len(ticks)):
            if tick["seq"][0] == FROM_S + 1 and after_seq <= FROM_S:
                yield deafness
            if tick["seq"][0] > after_seq:
                yield TickBatch(tick)

    return replace(whole, read=read, total=whole.total - (TO_S - FROM_S))


async def test_bars_of_a_stretch_that_was_not_heard_are_partial(desk: Desk, tmp_path: Path) -> None:
    session = await desk.open(ReplayFeed(make_interrupted_source(desk.instrument), speed=MAX_SPEED))
    await session.resume([desk.instrument])

    await session.run()

    bars = await desk.load()
    assert ((bars["ts_ns"] - OPEN) // SECOND_NS).tolist() == [0, 60, 180, 240]
    assert bars["flags"].tolist() == [0, BarFlag.PARTIAL, BarFlag.PARTIAL, 0]
    records = list(JournalReader(tmp_path / "made").records())
    (place,) = [at for at, record in enumerate(records) if record.deafness is not None]
    assert (records[place].last_seq, records[place + 1].first_seq) == (FROM_S, FROM_S + 1)


@pytest.mark.promise("F5")
async def test_stretch_is_on_disk_before_the_next_tick_is_published(
    desk: Desk, tmp_path: Path
) -> None:
    class DiskWatch:
        """Looks, at each step, whether the journal's file has the stretch."""

        def __init__(self) -> None:
            self.told: list[bool] = []

        def on_update(self, update: Update) -> None:
            if len(update.dirty) and update.last_seq in (FROM_S, FROM_S + 1):
                records = JournalReader(tmp_path / "made").records()
                self.told.append(any(record.deafness is not None for record in records))

    watch = DiskWatch()
    source = make_interrupted_source(desk.instrument)
    session = await desk.open(ReplayFeed(source, speed=MAX_SPEED), sinks=[watch])
    await session.resume([desk.instrument])

    await session.run()

    assert watch.told == [False, True]


async def test_replay_of_the_journal_has_the_stretch_again(desk: Desk, tmp_path: Path) -> None:
    session = await desk.open(ReplayFeed(make_interrupted_source(desk.instrument), speed=MAX_SPEED))
    await session.resume([desk.instrument])
    await session.run()
    told = await desk.load()
    (tmp_path / "made").rename(tmp_path / "kept")
    source = replace(make_journal_source(tmp_path / "kept"), session_key="again")

    again = await desk.open(ReplayFeed(source, speed=MAX_SPEED))
    await again.resume([desk.instrument])
    await again.run()

    assert again.recorder.result.unchanged == len(told) == 4
    records = JournalReader(tmp_path / "again").records()
    assert [r.deafness.from_ns for r in records if r.deafness is not None] == [
        OPEN + FROM_S * SECOND_NS
    ]
