"""Gaps: recorded once, found by whom they are of, and closed or left."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from strikewire.core.errors import NotFoundError
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import InstrumentId
from strikewire.core.ticks import Deafness, DeafReason
from strikewire.engine.view import Update
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.store.database import Database
from strikewire.store.gaps import Gap, GapFilter, GapState, GapStore, NewGap
from tests.db.desk import OPEN, Desk, OnceFeed
from tests.db.test_deaf_sessions import FROM_S, TO_S, make_interrupted_source

STORE = GapStore()


def make_gap(from_s: int, to_s: int, *ids: int) -> NewGap:
    stretch = OPEN + from_s * SECOND_NS, OPEN + to_s * SECOND_NS
    deafness = Deafness(np.array(ids, np.int32), *stretch, DeafReason.MUTE)
    return NewGap(after_seq=7, deafness=deafness)


async def record(database: Database, *gaps: NewGap) -> None:
    async with database.write() as session:
        await STORE.record(session, "kite", gaps)


async def find(database: Database, **wanted: object) -> list[Gap]:
    async with database.read() as session:
        return (await STORE.list_gaps(session, GapFilter(**wanted), limit=100))[0]


async def test_gap_is_recorded_once_however_often_it_is_told(database: Database) -> None:
    for _ in range(2):
        await record(database, make_gap(0, 30, 1, 2), make_gap(0, 30, 3))

    first, second = sorted(await find(database), key=lambda gap: gap.id)

    assert (list(first.instrument_ids), list(second.instrument_ids)) == ([1, 2], [3])
    assert (first.reason, first.state, first.session_key) == ("mute", GapState.OPEN, "kite")
    assert (first.from_ns, first.to_ns) == (OPEN, OPEN + 30 * SECOND_NS)
    assert list(first.remaining_ids) == [1, 2]


async def test_gaps_are_found_by_instrument_and_time(database: Database) -> None:
    await record(database, make_gap(0, 30, 1, 2), make_gap(60, 90, 2, 3))

    assert len(await find(database, instrument_id=InstrumentId(2))) == 2
    assert len(await find(database, instrument_id=InstrumentId(3))) == 1
    assert len(await find(database, from_ns=OPEN + 30 * SECOND_NS)) == 1
    assert len(await find(database, to_ns=OPEN + 60 * SECOND_NS)) == 1
    assert await find(database, states=[GapState.CLOSED]) == []


async def test_gap_is_closed_or_left_or_tried_again(database: Database) -> None:
    await record(database, *(make_gap(at, at + 30, 1, 2) for at in (0, 60, 120, 180)))
    async with database.write() as session:
        closed, left, later, again = await STORE.claim_open(session, limit=10)
        await STORE.close(session, closed.id)
        await STORE.leave(session, left.id, [2], retry_s=None)
        await STORE.leave(session, later.id, [2], retry_s=3_600)
        await STORE.leave(session, again.id, [1], retry_s=0)

    async with database.write() as session:
        assert [gap.id for gap in await STORE.claim_open(session, limit=10)] == [again.id]
    async with database.read() as session:
        figures = await STORE.load_figures(session)
        found = await STORE.get(session, closed.id)
        unfillable = await STORE.get(session, left.id)
        with pytest.raises(NotFoundError):
            await STORE.get(session, 10_000)
    assert (found.state, list(found.remaining_ids)) == (GapState.CLOSED, [])
    assert found.closed_ns is not None
    assert (unfillable.state, list(unfillable.remaining_ids)) == (GapState.UNFILLABLE, [2])
    assert figures.counts == {GapState.CLOSED: 1, GapState.UNFILLABLE: 1, GapState.OPEN: 2}
    assert figures.open_since_ns == OPEN + 120 * SECOND_NS


async def test_session_records_what_it_did_not_hear_and_its_next_start_not_again(
    desk: Desk,
) -> None:
    class Interruption:
        """Stops the session behind the stretch that was not heard."""

        def __init__(self) -> None:
            self.stopping: asyncio.Task[None] | None = None

        def on_update(self, update: Update) -> None:
            if self.stopping is None and update.last_seq > FROM_S:
                self.stopping = asyncio.create_task(session.stop())

    interruption = Interruption()
    source = make_interrupted_source(desk.instrument)
    session = await desk.open(OnceFeed(source), sinks=[interruption])
    await session.resume([desk.instrument])
    assert not await session.run()
    (first,) = await find(desk.database)
    again = await desk.open(OnceFeed(source))
    await again.resume([desk.instrument])
    assert await again.run()

    (gap,) = await find(desk.database)

    assert gap.id == first.id
    assert (gap.reason, gap.session_key) == ("disconnected", "made")
    assert list(gap.instrument_ids) == [int(desk.instrument.id)]
    assert gap.from_ns == OPEN + FROM_S * SECOND_NS
    assert gap.to_ns == OPEN + TO_S * SECOND_NS


async def test_what_is_played_again_is_no_new_gap(desk: Desk) -> None:
    source = make_interrupted_source(desk.instrument)
    session = await desk.open(ReplayFeed(source, speed=MAX_SPEED))
    await session.resume([desk.instrument])

    await session.run()

    assert await find(desk.database) == []
