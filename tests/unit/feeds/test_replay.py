import asyncio
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import ConflictError, InvalidInputError
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed, ReplayState, parse_speed
from strikewire.feeds.tick_source import make_tick_source
from tests.unit.feeds.virtual_time import run

START_NS = 1_672_371_900 * SECOND_NS


def make_source(seconds, *, per_frame=2):
    """Return a source with frames at so many seconds after the start."""
    times_ns = np.repeat(START_NS + (np.array(seconds) * SECOND_NS).astype(np.int64), per_frame)
    ticks = np.zeros(len(times_ns), TICK_DTYPE)
    ticks["ts_event_ns"] = ticks["ts_recv_ns"] = times_ns
    ticks["ltp"] = np.arange(len(times_ns))
    return make_tick_source(TickBatch(ticks=ticks), session_key="made-up", description="made up")


def make_feed(loop, seconds, **options):
    return ReplayFeed(make_source(seconds), monotonic=loop.time, **options)


class Listener:
    """Notes each batch with the time it came, real and replayed; plays along with `script`."""

    def __init__(self, loop, feed, script=()):
        self.loop = loop
        self.feed = feed
        self.script = dict(script)
        self.started_s = loop.time()
        self.heard = []

    async def listen(self, *, after_seq=0):
        async for batch in self.feed.batches(after_seq=after_seq):
            self.heard.append(
                (
                    round(self.loop.time() - self.started_s, 3),
                    (self.feed.clock.now_ns() - START_NS) / SECOND_NS,
                    self.feed.generation,
                    batch.last_seq,
                )
            )
            if len(self.heard) in self.script:
                self.script[len(self.heard)](self.feed)
        return self

    def at(self, delay_s, action):
        self.loop.call_later(delay_s, action)

    @property
    def real_s(self):
        return [heard[0] for heard in self.heard]

    @property
    def clock_s(self):
        return [heard[1] for heard in self.heard]

    @property
    def generations(self):
        return [heard[2] for heard in self.heard]

    @property
    def seqs(self):
        return [heard[3] for heard in self.heard]


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0, 3_600.0])
def test_frames_come_when_they_are_due(speed):
    seconds = [0, 1, 2.5, 10, 10.25, 3_600]

    async def play(loop):
        return await Listener(loop, make_feed(loop, seconds, speed=speed)).listen()

    heard = run(play)

    assert heard.real_s == pytest.approx([s / speed for s in seconds], abs=2e-3)
    assert heard.clock_s == seconds
    assert heard.seqs == [2, 4, 6, 8, 10, 12]


def test_max_speed_takes_no_time_and_shares_the_loop():
    async def play(loop):
        others = 0

        async def count():
            nonlocal others
            while True:
                others += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        heard = await Listener(loop, make_feed(loop, range(1_000), speed=MAX_SPEED)).listen()
        counting.cancel()
        return heard, others

    heard, others = run(play)

    assert heard.real_s == [0.0] * 1_000
    assert heard.clock_s == list(range(1_000))
    assert others > 100


def test_clock_moves_between_frames_and_stops_at_the_next():
    async def play(loop):
        feed = make_feed(loop, [0, 10, 20], speed=2.0)
        batches = feed.batches(after_seq=0)
        await anext(batches)
        seen = []
        for _ in range(8):
            seen.append((feed.clock.now_ns() - START_NS) / SECOND_NS)
            await asyncio.sleep(1)
        await batches.aclose()
        return seen

    # Nobody asks for the frame at 10 s, so the market's time waits for it.
    assert run(play) == pytest.approx([0, 2, 4, 6, 8, 10, 10, 10])


def test_long_pause_is_passed_over_where_that_is_wanted():
    async def play(loop):
        feed = make_feed(loop, [0, 30, 64_800, 64_810], speed=2.0, idle_limit_ns=60 * SECOND_NS)
        return await Listener(loop, feed).listen()

    listener = run(play)
    # The night takes as long as the limit, everything else as long as ever.
    assert listener.real_s == [0, 15, 45, 50]
    assert listener.clock_s == [0, 30, 64_800, 64_810]


def test_long_pause_is_passed_over_once_it_is_played():
    async def play(loop):
        feed = make_feed(loop, [0, 64_800], is_paused=True, idle_limit_ns=60 * SECOND_NS)
        listener = Listener(loop, feed)
        listener.at(10, feed.play)
        listener.at(20, feed.pause)
        listener.at(30, feed.play)
        return await listener.listen()

    assert run(play).real_s == [10, 80]


def test_slow_listener_is_told_late_but_everything():
    async def play(loop):
        feed = make_feed(loop, range(10))
        heard = []
        async for batch in feed.batches(after_seq=0):
            heard.append((loop.time() - 1_000, batch.last_seq))
            await asyncio.sleep(3 if batch.last_seq == 4 else 0)
        return heard

    heard = run(play)

    assert [seq for _, seq in heard] == list(range(2, 21, 2))
    # Three seconds late at 1 s: what was missed comes at once, then the pace is the old one.
    assert [at for at, _ in heard] == pytest.approx([0, 1, 4, 4, 4, 5, 6, 7, 8, 9], abs=1e-3)


def test_pause_stops_the_clock_and_play_goes_on():
    async def play(loop):
        feed = make_feed(loop, [0, 10, 20])
        heard = Listener(loop, feed)
        statuses = []
        heard.at(4, feed.pause)
        heard.at(50, lambda: statuses.append(feed.status()))
        heard.at(104, feed.play)
        await heard.listen()
        return heard, statuses

    heard, (status,) = run(play)

    assert heard.real_s == pytest.approx([0, 110, 120], abs=2e-3)
    assert (status.clock_ns, status.state) == (START_NS + 4 * SECOND_NS, ReplayState.PAUSED)


def test_pause_keeps_no_loop_busy():
    async def play(loop):
        feed = make_feed(loop, [0, 10], is_paused=True)
        listening = asyncio.create_task(Listener(loop, feed).listen())
        await asyncio.sleep(1)
        turns = loop.turns
        await asyncio.sleep(100_000)
        used = loop.turns - turns
        await feed.aclose()
        return used, await listening

    used, heard = run(play)

    assert used <= 3
    assert heard.heard == []


def test_waiting_for_a_frame_keeps_no_loop_busy():
    async def play(loop):
        turns = loop.turns
        await Listener(loop, make_feed(loop, [0, 100_000, 200_000], speed=1.7)).listen()
        return loop.turns - turns

    assert run(play) < 20


def test_speed_can_be_changed_while_waiting():
    async def play(loop):
        feed = make_feed(loop, [0, 10, 20, 30])
        heard = Listener(loop, feed)
        heard.at(4, lambda: feed.set_speed(3.0))
        heard.at(7, lambda: feed.set_speed(MAX_SPEED))
        return await heard.listen()

    heard = run(play)

    assert heard.real_s == pytest.approx([0, 6, 7, 7], abs=2e-3)


def test_seek_forward_tells_everything_on_the_way_at_once():
    async def play(loop):
        feed = make_feed(loop, range(0, 100, 10))
        heard = Listener(loop, feed)
        heard.at(5, lambda: feed.seek(START_NS + 55 * SECOND_NS))
        await heard.listen()
        return heard

    heard = run(play)

    assert heard.seqs == list(range(2, 21, 2))
    assert heard.generations == [0] * 10
    # 55 s is reached at 5 s; the frame at 60 s is due five seconds later.
    assert heard.real_s == pytest.approx([0, 5, 5, 5, 5, 5, 10, 20, 30, 40], abs=2e-3)


def test_seek_backward_starts_again_from_the_first_tick():
    async def play(loop):
        feed = make_feed(loop, range(0, 60, 10))
        heard = Listener(loop, feed, {5: lambda feed: feed.seek(START_NS + 15 * SECOND_NS)})
        return await heard.listen()

    heard = run(play)

    assert heard.seqs == [2, 4, 6, 8, 10, 2, 4, 6, 8, 10, 12]
    assert heard.generations == [0] * 5 + [1] * 6
    # At 40 s back to 15 s: two frames at once, and the one at 20 s is five seconds away.
    assert heard.real_s == pytest.approx([0, 10, 20, 30, 40, 40, 40, 45, 55, 65, 75], abs=2e-3)


def test_seek_backward_within_the_wait_for_the_next_frame_tells_nothing_again():
    async def play(loop):
        feed = make_feed(loop, [0, 10])
        heard = Listener(loop, feed)
        heard.at(8, lambda: feed.seek(START_NS + 3 * SECOND_NS))
        return await heard.listen()

    heard = run(play)

    assert heard.seqs == [2, 4]
    assert heard.real_s == pytest.approx([0, 15], abs=2e-3)


def test_seek_while_paused_goes_there_and_stays_paused():
    async def play(loop):
        feed = make_feed(loop, range(0, 100, 10), is_paused=True, is_held_at_end=True)
        heard = Listener(loop, feed)
        listening = asyncio.create_task(heard.listen())
        statuses = []
        for second in (35, 5, 95, 20):
            await asyncio.sleep(1)
            feed.seek(START_NS + second * SECOND_NS)
            await asyncio.sleep(1)
            status = feed.status()
            statuses.append(
                (status.state.value, (status.clock_ns - START_NS) / SECOND_NS, status.position_seq)
            )
        await feed.aclose()
        await listening
        return statuses, feed.generation

    statuses, generation = run(play)

    # The last frame is at 90 s: behind it there is nothing to go to.
    assert statuses == [
        ("paused", 35, 8),
        ("paused", 5, 2),
        ("finished", 90, 20),
        ("paused", 20, 6),
    ]
    assert generation == 2


def test_seek_beyond_the_ends_stops_at_them():
    async def play(loop):
        feed = make_feed(loop, range(0, 50, 10), is_held_at_end=True)
        heard = Listener(loop, feed)
        listening = asyncio.create_task(heard.listen())
        await asyncio.sleep(1)
        feed.seek(START_NS + 10**6 * SECOND_NS)
        await asyncio.sleep(1)
        at_end = feed.status()
        feed.seek(0)
        await asyncio.sleep(1)
        at_start = feed.status()
        await feed.aclose()
        await listening
        return heard, at_end, at_start

    heard, at_end, at_start = run(play)

    assert (at_end.state, at_end.clock_ns) == (ReplayState.FINISHED, at_end.last_ns)
    assert (at_end.position_seq, at_end.total, at_end.generation) == (10, 10, 0)
    assert (at_start.state, at_start.position_seq) == (ReplayState.PLAYING, 2)
    assert at_start.clock_ns == START_NS + SECOND_NS
    assert heard.seqs == [2, 4, 6, 8, 10, 2]


def test_going_on_behind_a_tick_is_due_at_once():
    async def play(loop):
        feed = make_feed(loop, [0, 1_000, 1_010])
        return await Listener(loop, feed).listen(after_seq=3)

    heard = run(play)

    assert heard.seqs == [4, 6]
    assert heard.real_s == pytest.approx([0, 10], abs=2e-3)


@pytest.mark.parametrize("after_seq", [6, 7])
def test_nothing_left_finishes_at_once(after_seq):
    async def play(loop):
        feed = make_feed(loop, [0, 10, 20])
        heard = await Listener(loop, feed).listen(after_seq=after_seq)
        return heard.heard, feed.status()

    heard, status = run(play)

    assert heard == []
    assert status.state is ReplayState.FINISHED
    assert status.clock_ns == status.last_ns


def test_source_without_ticks_finishes_at_once():
    async def play(loop):
        feed = make_feed(loop, [])
        return (await Listener(loop, feed).listen()).heard, feed.status()

    heard, status = run(play)

    assert heard == []
    assert (status.state, status.first_ns, status.total) == (ReplayState.FINISHED, 0, 0)


def test_closing_ends_a_wait_and_twice_is_the_same_as_once():
    async def play(loop):
        feed = make_feed(loop, [0, 10**6])
        listening = asyncio.create_task(Listener(loop, feed).listen())
        await asyncio.sleep(5)
        await feed.aclose()
        await feed.aclose()
        heard = await listening
        with pytest.raises(ConflictError, match="not running"):
            feed.seek(START_NS)
        return heard.seqs, loop.time() - 1_000

    assert run(play) == ([2], 5)


def test_second_listener_is_refused():
    async def play(loop):
        feed = make_feed(loop, [0, 10])
        first = feed.batches(after_seq=0)
        await anext(first)
        with pytest.raises(ConflictError, match="listened to already"):
            await anext(feed.batches(after_seq=0))
        await first.aclose()

    run(play)


#: What somebody at the controls does, and for how long they then look on.
CONTROLS = st.lists(
    st.tuples(
        st.one_of(
            st.just(("pause", ())),
            st.just(("play", ())),
            st.tuples(st.just("set_speed"), st.tuples(st.sampled_from([0.5, 7.0, math.inf]))),
            st.tuples(
                st.just("seek"),
                st.tuples(st.integers(-10, 130).map(lambda s: START_NS + s * SECOND_NS)),
            ),
        ),
        st.floats(0, 40),
    ),
    max_size=12,
)


@given(
    controls=CONTROLS, seconds=st.lists(st.integers(0, 120), min_size=1, max_size=40).map(sorted)
)
def test_each_pass_is_a_prefix_and_the_last_is_whole_whatever_is_done(controls, seconds):
    async def play(loop):
        feed = make_feed(loop, seconds, is_held_at_end=True)
        passes = {}
        clocks = []

        async def listen():
            async for batch in feed.batches(after_seq=0):
                passes.setdefault(feed.generation, []).extend(batch.ticks["seq"].tolist())
                # Never behind the frame being told, and never past the one that follows.
                clocks.append((feed.clock.now_ns(), int(batch.ticks["ts_recv_ns"][-1])))

        listening = asyncio.create_task(listen())
        for (name, arguments), pause_s in controls:
            await asyncio.sleep(pause_s)
            if feed.status().position_seq:
                getattr(feed, name)(*arguments)
        feed.play()
        feed.set_speed(MAX_SPEED)
        await asyncio.sleep(1)
        state = feed.status().state
        await feed.aclose()
        await listening
        return passes, clocks, state

    passes, clocks, state = run(play)

    total = 2 * len(seconds)
    assert state is ReplayState.FINISHED
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in passes.values())
    assert len(passes[max(passes)]) == total
    assert list(passes) == sorted(passes)
    assert all(now_ns >= frame_ns for now_ns, frame_ns in clocks)


@pytest.mark.parametrize(
    ("text", "speed"), [("1x", 1.0), ("10X", 10.0), (" 2.5 ", 2.5), ("max", MAX_SPEED)]
)
def test_speed_is_read_as_people_write_it(text, speed):
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0", "-1x", "nan", "inf", "x", "1xx"])
def test_speed_that_is_none_is_refused(text):
    with pytest.raises(InvalidInputError, match="a positive number"):
        parse_speed(text)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_feed_refuses_a_speed_that_is_not_positive(speed):
    with pytest.raises(InvalidInputError, match="positive"):
        ReplayFeed(make_source([0]), speed=speed)
    with pytest.raises(InvalidInputError, match="positive"):
        ReplayFeed(make_source([0])).set_speed(speed)


def test_quarters_of_a_minute_are_frames():
    source = make_source([0, 0.1, 0.2, 0.3, 0.9, 60])

    frames = [(len(batch), int(batch.ticks["ts_recv_ns"][-1])) for batch in source.read(0)]

    offsets = [(n, (at - START_NS) / SECOND_NS) for n, at in frames]
    assert offsets == [(6, 0.2), (2, 0.3), (2, 0.9), (2, 60)]
    assert source.last_ns - source.first_ns == MINUTE_NS - SECOND_NS // 5
