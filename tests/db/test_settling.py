"""A checkpoint is never ahead of what sinks have stored of the steps before it."""

from __future__ import annotations

import asyncio

from strikewire.engine.view import Update
from strikewire.store.checkpoints import CheckpointStore
from tests.db.desk import Desk, make_feed
from tests.eventually import eventually


class SlowSink:
    """Stores what it makes of the steps when it is let."""

    def __init__(self) -> None:
        self.made_seq = 0
        self.asked: list[int] = []
        self.stored_seq = 0
        self.may_store = asyncio.Event()
        self.has_room = asyncio.Event()
        self.has_room.set()

    def on_update(self, update: Update) -> None:
        self.made_seq = update.last_seq

    def settle(self):
        noted = self.made_seq
        self.asked.append(noted)

        async def wait() -> None:
            await self.may_store.wait()
            self.stored_seq = noted

        return wait

    async def wait_for_room(self) -> None:
        await self.has_room.wait()

    def release(self) -> None:
        self.has_room.set()


async def load_checkpoint(desk: Desk):
    async with desk.database.read() as session:
        return await CheckpointStore().load(session, "made")


async def test_a_checkpoint_waits_for_a_sink_to_store_its_share(desk: Desk) -> None:
    sink = SlowSink()
    session = await desk.open(make_feed(desk.instrument), sinks=[sink])
    session.recorder.settle_with(sink)
    await session.resume([desk.instrument])
    running = asyncio.create_task(session.run())
    await eventually(lambda: sink.asked)

    before = await load_checkpoint(desk)
    sink.may_store.set()
    await running

    checkpoint = await load_checkpoint(desk)
    assert before is None
    assert checkpoint is not None
    assert checkpoint.last_seq == sink.stored_seq == 300


async def test_a_session_is_held_while_a_sink_has_no_room(desk: Desk) -> None:
    sink = SlowSink()
    sink.may_store.set()
    sink.has_room.clear()
    feed = make_feed(desk.instrument)
    session = await desk.open(feed, sinks=[sink])
    session.recorder.settle_with(sink)
    await session.resume([desk.instrument])
    running = asyncio.create_task(session.run())

    await eventually(lambda: sink.made_seq == 1)
    held_at = [await asyncio.sleep(0, sink.made_seq) for _ in range(20)]
    sink.release()
    await running

    assert set(held_at) == {1}
    assert sink.made_seq == 300


async def test_a_session_that_is_told_to_end_holds_for_nobody(desk: Desk) -> None:
    sink = SlowSink()
    sink.may_store.set()
    sink.has_room.clear()
    session = await desk.open(make_feed(desk.instrument), sinks=[sink])
    session.recorder.settle_with(sink)
    await session.resume([desk.instrument])
    running = asyncio.create_task(session.run())
    await eventually(lambda: sink.made_seq == 1)

    await session.stop()
    async with asyncio.timeout(30):
        await running

    assert sink.made_seq < 300
