import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import JournalError
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.journal import JournalConfig, JournalReader, JournalWriter, inspect, recover
from tests.unit.journal.recordings import (
    dump,
    list_kinds,
    make_batch,
    make_batches,
    read_batches,
    write,
)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    depth_every=st.integers(0, 3),
    segment_bytes=st.sampled_from([1, 5_000, 100_000, 2**28]),
    buffer_bytes=st.sampled_from([1, 3_000, 2**20]),
)
def test_frames_come_back_whatever_the_sizes(
    tmp_path_factory, sizes, depth_every, segment_bytes, buffer_bytes
):
    batches = make_batches(sizes, depth_every=depth_every)
    config = JournalConfig(segment_bytes=segment_bytes, buffer_bytes=buffer_bytes)

    directory = write(tmp_path_factory.mktemp("journal"), batches, config=config, complete=True)

    assert dump(read_batches(directory)) == dump(batches)
    recovered = recover(directory)
    assert (recovered.last_seq, recovered.tick_count) == (sum(sizes), sum(sizes))
    assert recovered.is_complete
    assert recovered.is_intact
    assert recovered.truncated_bytes == 0


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    data=st.data(),
)
def test_reading_from_the_middle_gives_exactly_what_follows(tmp_path_factory, sizes, data):
    batches = make_batches(sizes, depth_every=2)
    config = JournalConfig(segment_bytes=3_000)
    directory = write(tmp_path_factory.mktemp("journal"), batches, config=config)
    after_seq = data.draw(st.integers(0, sum(sizes) + 2))

    found = read_batches(directory, after_seq=after_seq)

    wanted = [
        TickBatch(
            ticks=batch.ticks[batch.ticks["seq"] > after_seq],
            depth=None if batch.depth is None else batch.depth[batch.ticks["seq"] > after_seq],
        )
        for batch in batches
        if batch.last_seq > after_seq
    ]
    assert dump(found) == dump(wanted)


def test_clocks_come_back_in_their_places(tmp_path):
    clocks = {0: 1_000, 2: 2_000}

    directory = write(tmp_path, make_batches([3, 1, 2]), clocks=clocks, complete=True)

    assert list_kinds(directory) == ["TICKS", "CLOCK", "TICKS", "TICKS", "CLOCK", "END"]
    records = list(JournalReader(directory).records())
    assert [r.ts_recv_ns for r in records if r.kind.name == "CLOCK"] == [1_000, 2_000]
    assert recover(directory).last_clock_ns == 2_000


def test_clock_behind_the_tick_asked_for_is_told_again(tmp_path):
    directory = write(tmp_path, make_batches([3, 2]), clocks={0: 1_000, 1: 2_000})

    kinds = [record.kind.name for record in JournalReader(directory).records(after_seq=3)]

    assert kinds == ["CLOCK", "TICKS", "CLOCK"]


def test_clock_that_does_not_move_on_is_left_out(tmp_path):
    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert writer.append_clock(5)
        assert not writer.append_clock(5)
        assert not writer.append_clock(4)
    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert not writer.append_clock(5)
        assert writer.append_clock(6)

    assert list_kinds(tmp_path / "session") == ["CLOCK", "CLOCK"]


def test_empty_frame_leaves_no_trace(tmp_path):
    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert writer.append(TickBatch(ticks=np.empty(0, TICK_DTYPE))) == 0
        assert writer.buffered_bytes == 0

    assert read_batches(tmp_path / "session") == []


def test_ticks_told_again_are_left_out(tmp_path):
    with JournalWriter(tmp_path, "session", "made up") as writer:
        writer.append(make_batch(1, 5))
        assert writer.append(make_batch(1, 5)) == 0
        assert writer.append(make_batch(4, 4)) == 2

    assert dump(read_batches(tmp_path / "session")) == dump([make_batch(1, 5), make_batch(6, 2)])


def test_ticks_with_a_hole_in_their_numbers_are_refused(tmp_path):
    torn = make_batch(1, 3)
    torn.ticks["seq"] = [1, 3, 3]
    with JournalWriter(tmp_path, "session", "made up") as writer:
        with pytest.raises(ValueError, match="run on from 1 without a hole, were 2 to 2"):
            writer.append(make_batch(2, 1))
        with pytest.raises(ValueError, match="without a hole"):
            writer.append(torn)
        assert writer.last_seq == 0


def test_ticks_of_another_layout_are_refused(tmp_path):
    batch = TickBatch(ticks=np.ones(1, [("seq", "<i8")]))
    with (
        JournalWriter(tmp_path, "session", "made up") as writer,
        pytest.raises(ValueError, match="TICK_DTYPE"),
    ):
        writer.append(batch)


def test_arrays_read_cannot_be_written_to(tmp_path):
    directory = write(tmp_path, make_batches([4], depth_every=1))

    (batch,) = read_batches(directory)

    assert not batch.ticks.flags.writeable
    assert not batch.depth.flags.writeable


def test_frame_is_copied_when_it_is_appended(tmp_path):
    batch = make_batch(1, 3)
    with JournalWriter(tmp_path, "session", "made up") as writer:
        writer.append(batch)
        batch.ticks["ltp"] = -1.0

    assert dump(read_batches(tmp_path / "session")) == dump([make_batch(1, 3)])


def test_segments_are_rotated_by_size(tmp_path):
    config = JournalConfig(segment_bytes=4_000)

    directory = write(tmp_path, make_batches([20] * 10), config=config)

    sizes = [path.stat().st_size for path in sorted(directory.iterdir())]
    assert len(sizes) == 5
    assert all(size <= 4_000 for size in sizes)
    assert min(path.name for path in directory.iterdir()) == "00000001.swj"


def test_recording_goes_on_where_it_ended(tmp_path):
    batches = make_batches([4, 4, 4, 4])
    config = JournalConfig(segment_bytes=700)
    write(tmp_path, batches[:2], config=config)

    with JournalWriter(tmp_path, "session", "made up", config=config) as writer:
        assert writer.last_seq == writer.recovered.last_seq == 8
        for batch in batches:
            writer.append(batch)

    assert dump(read_batches(tmp_path / "session")) == dump(batches)


def test_the_same_frames_make_the_same_bytes(tmp_path):
    first = write(tmp_path / "a", make_batches([4, 4]), complete=True)
    second = write(tmp_path / "b", make_batches([4, 4]), complete=True)

    assert (first / "00000001.swj").read_bytes() == (second / "00000001.swj").read_bytes()


def test_complete_recording_takes_nothing_more(tmp_path):
    write(tmp_path, make_batches([4]), complete=True)

    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert writer.is_complete
        assert writer.append(make_batch(1, 4)) == 0
        with pytest.raises(JournalError, match="complete"):
            writer.append(make_batch(5, 1))


def test_closed_journal_takes_nothing_more(tmp_path):
    writer = JournalWriter(tmp_path, "session", "made up")
    writer.close()
    writer.close()

    with pytest.raises(JournalError, match="closed"):
        writer.append(make_batch(1, 1))


def test_second_writer_is_refused_until_the_first_lets_go(tmp_path):
    with JournalWriter(tmp_path, "session", "made up"):
        with pytest.raises(JournalError, match="another program"):
            JournalWriter(tmp_path, "session", "made up")
        with pytest.raises(JournalError, match="another program"):
            recover(tmp_path / "session")
    JournalWriter(tmp_path, "session", "made up").close()


def test_reading_while_writing_gives_what_was_flushed(tmp_path):
    with JournalWriter(tmp_path, "session", "made up") as writer:
        writer.append(make_batch(1, 3))
        position = writer.flush()
        writer.append(make_batch(4, 3))

        assert writer.buffered_bytes > 0
        assert position.last_seq == 3
        assert writer.position == position
        assert writer.last_seq == 6
        assert dump(read_batches(tmp_path / "session")) == dump([make_batch(1, 3)])


def test_recording_without_a_journal_is_empty(tmp_path):
    recovered = recover(tmp_path / "session")

    assert (recovered.last_seq, recovered.is_complete, recovered.last_segment) == (0, False, 0)
    assert not (tmp_path / "session").exists()
    with pytest.raises(JournalError, match="no journal"):
        JournalReader(tmp_path / "session")


def test_receive_times_are_told(tmp_path):
    directory = write(tmp_path, make_batches([3, 1, 2]))

    recovered = inspect(directory)

    records = list(JournalReader(directory).records())
    assert recovered.first_recv_ns == records[0].ts_recv_ns == make_batch(3, 1).ticks["ts_recv_ns"]
    assert recovered.last_recv_ns == records[-1].ts_recv_ns
    assert recovered.source == JournalReader(directory).source == "made up"


@pytest.mark.parametrize(
    "key", ["", ".", "..", "../x", "a/b", "a\\b", "a b", "x" * 129, "a\n", "é"]
)
def test_unsafe_session_key_is_refused(tmp_path, key):
    with pytest.raises(JournalError, match="session key"):
        JournalWriter(tmp_path, key, "made up")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["bnf_20221230-0f3a", "2026-08-03", "a.b", "x" * 128])
def test_safe_session_key_is_taken(tmp_path, key):
    JournalWriter(tmp_path, key, "made up").close()

    assert (tmp_path / key / "00000001.swj").is_file()


@pytest.mark.parametrize(
    "options", [{"segment_bytes": 0}, {"segment_bytes": 2**32}, {"buffer_bytes": 0}]
)
def test_config_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match="_bytes"):
        JournalConfig(**options)
