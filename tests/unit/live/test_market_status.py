import asyncio

import numpy as np
import pytest

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.clock import ManualClock
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.engine.view import Update
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import make_tick_source
from strikewire.live.market_status import (
    LastHeard,
    MarketBoard,
    MarketBoardConfig,
    MarketMode,
    MarketState,
    PlayedMarket,
)
from strikewire.observability.health import TaskState
from strikewire.stream.figures import StreamFigures
from strikewire.stream.message import Encoding
from tests.unit.feeds.virtual_time import run

START_NS = 1_672_371_900 * SECOND_NS
# What people have to see a stopped feed in (U6).
SEEN_WITHIN_S = 3.0


class Follower:
    """Follows a feed as a session does, and is an engine's view as far as the board reads it."""

    def __init__(self, loop, seconds, *, mode=MarketMode.REPLAY, **options):
        ticks = np.zeros(len(seconds), TICK_DTYPE)
        ticks["ts_recv_ns"] = START_NS + (np.array(seconds) * SECOND_NS).astype(np.int64)
        source = make_tick_source(TickBatch(ticks), session_key="made-up", description="made up")
        self.feed = ReplayFeed(source, monotonic=loop.time, **options)
        self.heard = LastHeard(monotonic=loop.time)
        self.as_of_ns = 0
        self.task = TaskState.RUNNING
        self.is_taking = asyncio.Event()
        self.is_taking.set()
        self.board = MarketBoard(
            config=MarketBoardConfig(),
            clock=self.feed.clock,
            heard=PlayedMarket(
                mode=mode,
                feed=self.feed,
                view=self,
                heard=self.heard,
                find_task=lambda: self.task,
            ),
            epoch="run-1",
            figures=StreamFigures(),
            monotonic=loop.time,
        )

    async def follow(self):
        async for batch in self.feed.batches(after_seq=0):
            self.as_of_ns = int(batch.ticks["ts_recv_ns"][-1])
            self.heard.on_update(make_update(touched=1))
            await self.is_taking.wait()

    @property
    def state(self):
        return self.board.status().state


class Witness:
    """A listener that notes when it was told what."""

    encoding = Encoding.JSON

    def __init__(self, loop):
        self.loop = loop
        self.started_s = loop.time()
        self.told = []

    def offer(self, message, figures):
        del figures
        at_s = round(self.loop.time() - self.started_s, 3)
        self.told.append((at_s, message.body["state"], message.body["speed"]))
        return True


def make_update(*, touched):
    bars = np.zeros(0, BAR_DTYPE)
    return Update(seq=1, as_of_ns=1, last_seq=1, dirty=np.zeros(touched, np.int32), bars=bars)


def watch(seconds, script, **options):
    """Play frames at so many seconds while `script(follower, witness)` runs; returns both."""

    async def play(loop):
        follower, witness = Follower(loop, seconds, **options), Witness(loop)
        follower.board.channel.join(witness)
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(follower.follow()), tasks.create_task(follower.board.run())]
            await script(follower, witness)
            for each in others:
                each.cancel()
        return follower, witness

    return run(play)


def make_silent_board(clock):
    return MarketBoard(
        config=MarketBoardConfig(), clock=clock, heard=None, epoch="run-1", figures=StreamFigures()
    )


async def test_board_has_one_topic():
    board = make_silent_board(ManualClock(START_NS))

    assert await board.open("") is board.channel
    assert board.channel.make_state().body["type"] == "status"
    with pytest.raises(NotFoundError, match="one topic"):
        await board.open("NSE")


def test_no_feed_is_no_market():
    clock = ManualClock(START_NS)
    status = make_silent_board(clock).status()
    assert (status.mode, status.state, status.now_ns) == ("none", "none", START_NS)
    others = ("description", "as_of_ns", "heard_s", "speed", "begins_ns", "ends_ns")
    assert {getattr(status, name) for name in others} == {None}


@pytest.mark.parametrize("mode", [MarketMode.REPLAY, MarketMode.SIMULATED])
def test_status_says_where_the_market_stands(mode):
    async def script(follower, _):
        before = follower.board.status()
        assert (before.as_of_ns, before.heard_s) == (None, None)
        await asyncio.sleep(1.5)
        status = follower.board.status()
        assert (status.mode, status.state, status.description) == (mode, "playing", "made up")
        assert (status.now_ns, status.as_of_ns) == (START_NS + 15 * SECOND_NS, START_NS)
        assert (status.heard_s, status.speed) == (pytest.approx(1.5), 10.0)
        assert (status.begins_ns, status.ends_ns) == (START_NS, START_NS + 60 * SECOND_NS)

    watch([0, 60], script, mode=mode, speed=10.0)


def test_step_without_ticks_is_nothing_heard():
    heard = LastHeard(monotonic=lambda: 1.0)
    heard.on_update(make_update(touched=0))
    assert heard.compute_age_s() is None


@pytest.mark.promise("U6")
@pytest.mark.parametrize("speed", [1.0, 60.0, MAX_SPEED])
def test_market_whose_frames_nobody_takes_is_shown_as_stalled_in_time(speed):
    async def script(follower, witness):
        follower.is_taking.clear()
        await asyncio.sleep(10.0)
        assert follower.state is MarketState.STALLED
        follower.is_taking.set()
        await asyncio.sleep(0.2)
        assert follower.state in (MarketState.PLAYING, MarketState.ENDED)
        assert witness.told[-1][1] is follower.state

    # A frame for every second of the machine's; the first is taken, the second is due and is not.
    frames = np.arange(60) * (1.0 if speed == MAX_SPEED else speed)
    due_s = 0.0 if speed == MAX_SPEED else 1.0
    _, witness = watch(frames, script, speed=speed)
    stalled_s = next(at for at, state, _ in witness.told if state is MarketState.STALLED)
    assert due_s < stalled_s <= due_s + SEEN_WITHIN_S


@pytest.mark.promise("U6")
def test_failed_task_is_shown_as_stalled_at_once():
    async def script(follower, witness):
        await asyncio.sleep(1.0)
        follower.task = TaskState.FAILED
        await asyncio.sleep(0.2)
        assert witness.told[-1][1] is MarketState.STALLED

    watch([0, 1, 60], script)


def test_long_wait_for_the_next_frame_is_no_stall():
    async def script(_, witness):
        await asyncio.sleep(50.0)
        assert {state for _, state, _ in witness.told} == {MarketState.PLAYING}

    watch([0, 20, 40, 60], script)


def test_long_pause_is_no_stall_before_or_after():
    async def script(follower, witness):
        await asyncio.sleep(1.0)
        follower.feed.pause()
        await asyncio.sleep(60.0)
        follower.feed.play()
        assert follower.state is MarketState.PLAYING
        await asyncio.sleep(5.0)
        assert {state for _, state, _ in witness.told} == {"playing", "paused"}

    watch(np.arange(40), script)


def test_market_that_is_over_has_ended():
    async def script(follower, _):
        await asyncio.sleep(3.0)
        assert follower.state is MarketState.ENDED

    watch([0, 1, 2], script)


def test_recording_that_was_complete_before_has_ended():
    async def script(follower, _):
        follower.task = TaskState.FINISHED
        assert follower.state is MarketState.ENDED

    watch([0, 60], script)


def test_listener_is_told_of_changes_soon_and_otherwise_every_second():
    async def script(follower, witness):
        await asyncio.sleep(2.05)
        follower.feed.set_speed(5.0)
        await asyncio.sleep(0.2)
        assert witness.told[-1][2] == 5.0
        times_s = [at for at, _, _ in witness.told]
        assert max(np.diff(times_s)) <= 1.0
        follower.board.channel.leave(witness)
        count = len(witness.told)
        await asyncio.sleep(5.0)
        assert len(witness.told) == count

    watch(np.arange(100), script)
