import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import FileLayoutError, JournalError
from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, Lull, TickBatch
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import (
    compute_session_key,
    make_journal_source,
    make_tick_source,
)
from strikewire.journal import JournalWriter, check_session_key
from tests.unit.feeds.virtual_time import run
from tests.unit.journal.recordings import dump, find_record_bounds, make_batches, write


def make_ticks(ts_recv_s, *, has_depth=False):
    ticks = np.zeros(len(ts_recv_s), TICK_DTYPE)
    ticks["ts_recv_ns"] = (np.array(ts_recv_s, np.float64) * SECOND_NS).astype(np.int64)
    ticks["ltp"] = np.arange(len(ticks))
    depth = None
    if has_depth:
        depth = np.zeros(len(ticks), DEPTH_DTYPE)
        depth["total_bid_quantity"] = np.arange(len(ticks))
    return TickBatch(ticks=ticks, depth=depth)


def make_source(batch):
    return make_tick_source(batch, session_key="made-up", description="made up")


@given(
    ts_recv_s=st.lists(st.floats(0, 20), max_size=60),
    has_depth=st.booleans(),
    data=st.data(),
)
def test_ticks_are_told_in_order_of_receipt_from_any_place(ts_recv_s, has_depth, data):
    batch = make_ticks(ts_recv_s, has_depth=has_depth)
    source = make_source(batch)
    after_seq = data.draw(st.integers(0, len(batch) + 2))

    frames = list(source.read(after_seq))

    assert all(len(frame) for frame in frames)
    told = np.concatenate([frame.ticks for frame in frames] or [np.empty(0, TICK_DTYPE)])
    assert told["seq"].tolist() == list(range(after_seq + 1, len(batch) + 1))
    assert (np.diff(told["ts_recv_ns"]) >= 0).all()
    if not after_seq:
        assert sorted(told["ltp"].tolist()) == list(range(len(batch)))
    if has_depth:
        books = np.concatenate([f.depth for f in frames] or [np.empty(0, DEPTH_DTYPE)])
        assert books["total_bid_quantity"].tolist() == told["ltp"].tolist()
    for one, following in itertools.pairwise(frames):
        quarters = [f.ticks["ts_recv_ns"] // (SECOND_NS // 4) for f in (one, following)]
        assert np.ptp(quarters[0]) == 0
        assert quarters[0][0] < quarters[1][0]


def test_ticks_of_one_instant_keep_their_order():
    source = make_source(make_ticks([5, 3, 5, 3]))

    assert [frame.ticks["ltp"].tolist() for frame in source.read(0)] == [[1, 3], [0, 2]]


def test_ticks_without_a_receive_time_come_with_the_first():
    source = make_source(make_ticks([9, 0, 4, -1]))

    assert [frame.ticks["ltp"].tolist() for frame in source.read(0)] == [[1, 2, 3], [0]]
    assert (source.first_ns, source.last_ns) == (4 * SECOND_NS, 9 * SECOND_NS)


def test_source_leaves_the_ticks_it_was_given_alone():
    batch = make_ticks([2, 0, 1])
    before = batch.ticks.tobytes()

    list(make_source(batch).read(0))

    assert batch.ticks.tobytes() == before


def test_recording_is_told_with_its_frames(tmp_path):
    batches = make_batches([3, 1, 4], depth_every=2)
    directory = write(tmp_path, batches, clocks={1: 99}, complete=True)

    source = make_journal_source(directory)

    heard = list(source.read(0))
    # The time that was told stands where it was told.
    assert heard.pop(2) == Lull(99)
    assert dump(heard) == dump(batches)
    assert [len(frame) for frame in source.read(5)] == [3]
    assert (source.session_key, source.total) == ("session", 8)
    assert source.first_ns == batches[0].ticks["ts_recv_ns"][-1]
    assert source.last_ns == batches[-1].ticks["ts_recv_ns"][-1]
    assert source.description == "recording session of made up"


def test_replay_of_a_recording_records_the_same_bytes(tmp_path):
    batches = make_batches([3, 1, 4], depth_every=2)
    directory = write(tmp_path / "a", batches, complete=True)

    async def record(_loop):
        feed = ReplayFeed(make_journal_source(directory), speed=MAX_SPEED)
        with JournalWriter(tmp_path / "b", feed.session_key, "made up") as writer:
            async for batch in feed.batches(after_seq=writer.last_seq):
                writer.append(batch)
            writer.close(complete=True)

    run(record)

    name = "00000001.swj"
    assert (tmp_path / "b" / "session" / name).read_bytes() == (directory / name).read_bytes()


def test_damaged_recording_is_refused_unless_told_otherwise(tmp_path):
    batches = make_batches([3, 1, 4])
    directory = write(tmp_path, batches)
    path, offset, _ = find_record_bounds(directory)[1]
    data = bytearray(path.read_bytes())
    data[offset + 64] ^= 1
    path.write_bytes(data)

    with pytest.raises(JournalError, match="first at ticks 4 to 4"):
        make_journal_source(directory)
    source = make_journal_source(directory, is_damage_skipped=True)
    assert dump(source.read(0)) == dump([batches[0], batches[2]])


def test_recording_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(JournalError, match="no journal"):
        make_journal_source(tmp_path / "none")


def test_session_key_follows_name_and_content(tmp_path):
    path = tmp_path / "bnf_20221230.parquet"
    path.write_bytes(b"bars")
    elsewhere = tmp_path / "copy" / path.name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"bars")

    key = compute_session_key(path)

    assert key.startswith("bnf_20221230-")
    assert compute_session_key(elsewhere) == key
    path.write_bytes(b"more bars")
    assert compute_session_key(path) != key


@pytest.mark.parametrize("name", ["..csv", "a b.csv", "-x.csv", "नमस्ते.csv", "x" * 200, "x\n.csv"])
def test_session_key_is_safe_whatever_the_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"bars")

    key = compute_session_key(path)

    assert check_session_key(key) == key


def test_session_key_of_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(FileLayoutError, match="cannot be read"):
        compute_session_key(tmp_path / "none.csv")
