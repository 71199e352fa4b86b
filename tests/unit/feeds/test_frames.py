import asyncio
import dataclasses
import itertools
import threading
from datetime import date

import numpy as np
import pytest

from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.feeds.frames import Frames
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.simulated import SimulatedMarket, SimulationConfig, make_simulated_source
from strikewire.feeds.tick_source import make_tick_source
from tests.eventually import eventually

START_NS = 1_672_371_900 * SECOND_NS


class SlowSource:
    """A source of frames that notes who reads it, and reads no further than it is let."""

    def __init__(self, count):
        ticks = np.zeros(count, TICK_DTYPE)
        ticks["ts_recv_ns"] = START_NS + np.arange(count) * SECOND_NS
        plain = make_tick_source(TickBatch(ticks), session_key="made-up", description="made up")
        self.source = dataclasses.replace(plain, read=self.read, is_slow=True)
        self._read = plain.read
        self.let = threading.Semaphore(0)
        self.threads = set()
        self.read_count = 0
        self.inside = 0

    def read(self, after_seq):
        frames = self._read(after_seq)
        while True:
            self.inside += 1
            self.threads.add(threading.get_ident())
            assert self.inside == 1, "a source is never in two threads"
            # So that a test that is wrong ends.
            assert self.let.acquire(timeout=10.0)
            frame = next(frames, None)
            self.read_count += 1
            self.inside -= 1
            if frame is None:
                return
            yield frame

    def let_all(self):
        self.let.release(1_000_000)


async def read_all(frames):
    found = []
    await frames.fill()
    while frames.upcoming is not None:
        found.append(frames.take())
        await frames.fill()
    return found


async def test_loop_goes_round_while_a_slow_source_is_read():
    slow = SlowSource(200)
    frames = Frames(slow.source, after_seq=0)
    filling = asyncio.create_task(frames.fill())
    # Whoever reads is held up inside; were it on the loop, nobody would see this.
    await eventually(lambda: slow.inside == 1)
    assert not filling.done()
    slow.let_all()
    await filling
    assert [frame.last_seq for frame in await read_all(frames)] == list(range(1, 201))
    assert threading.get_ident() not in slow.threads


async def test_slow_source_is_read_ahead_of_need_and_no_further():
    slow = SlowSource(1_000)
    slow.let_all()
    frames = Frames(slow.source, after_seq=0)
    await frames.fill()
    # A chunk that is played, and one that waits.
    await eventually(lambda: slow.read_count == 128)
    for _ in range(40):
        frames.take()
        await frames.fill()
    assert slow.read_count == 128
    await frames.aclose()


async def test_chunk_of_large_frames_is_short():
    ticks = np.zeros(100_000, TICK_DTYPE)
    ticks["ts_recv_ns"] = START_NS + np.arange(100_000) // 10_000 * SECOND_NS
    plain = make_tick_source(TickBatch(ticks), session_key="large", description="large")
    taken = []

    def read(after_seq):
        for frame in plain.read(after_seq):
            taken.append(len(frame))
            yield frame

    frames = Frames(dataclasses.replace(plain, read=read, is_slow=True), after_seq=0)
    await frames.fill()
    await frames.aclose()
    assert taken == [10_000] * 4


async def test_closing_waits_for_the_thread():
    slow = SlowSource(200)
    frames = Frames(slow.source, after_seq=0)
    filling = asyncio.create_task(frames.fill())
    await eventually(lambda: slow.inside == 1)
    filling.cancel()
    closing = asyncio.create_task(frames.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    slow.let_all()
    await closing
    assert slow.inside == 0


async def test_seek_back_leaves_no_second_thread_in_the_source():
    slow = SlowSource(300)
    slow.let_all()
    feed = ReplayFeed(slow.source, speed=MAX_SPEED)
    heard = []
    async for batch in feed.batches(after_seq=0):
        heard.append(batch.last_seq)
        if len(heard) in (70, 150, 152):
            feed.seek(START_NS)
    assert heard == [*range(1, 71), *range(1, 81), 1, 2, *range(1, 301)]
    assert slow.inside == 0


async def test_pause_takes_effect_at_once():
    slow = SlowSource(300)
    slow.let_all()
    feed = ReplayFeed(slow.source, speed=MAX_SPEED)
    batches = feed.batches(after_seq=0)
    for _ in range(64):
        await anext(batches)
    feed.pause()
    waiting = asyncio.ensure_future(anext(batches))
    await asyncio.wait({waiting}, timeout=0.05)
    assert feed.status().position_seq == 64
    feed.play()
    assert (await waiting).last_seq == 65
    await batches.aclose()


@pytest.mark.parametrize("is_slow", [False, True])
async def test_fault_of_the_source_comes_out_where_it_is_read(is_slow):
    plain = SlowSource(10).source

    def read(_after_seq):
        msg = "the disk is gone"
        raise OSError(msg)
        yield

    frames = Frames(dataclasses.replace(plain, read=read, is_slow=is_slow), after_seq=0)
    with pytest.raises(OSError, match="the disk is gone"):
        await frames.fill()
    await frames.aclose()


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("after_seq", [0, 12_345])
async def test_market_is_the_same_tick_by_tick_when_it_is_read_ahead(rules, seed, after_seq):
    config = SimulationConfig(
        start_day=date(2026, 12, 28), seed=seed, sessions=2, strikes_each_side=1,
        update_interval_ms=10_000,
    )  # fmt: skip

    def make_source():
        market = SimulatedMarket(config, find_calendar=rules.calendar)
        return make_simulated_source(market, np.arange(len(market.specs), dtype=np.int32))

    source = make_source()
    assert source.is_slow
    ahead = await read_all(Frames(source, after_seq=after_seq))
    wanted = make_source().read(after_seq)
    count = 0
    for found, direct in itertools.zip_longest(ahead, wanted):
        assert found.ticks.tobytes() == direct.ticks.tobytes()
        assert found.depth.tobytes() == direct.depth.tobytes()
        count += len(found)
    assert count == source.total - after_seq
