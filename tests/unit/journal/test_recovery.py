import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import JournalError
from strikewire.journal import JournalConfig, JournalReader, JournalWriter, inspect, recover
from tests.unit.journal.recordings import (
    dump,
    find_record_bounds,
    make_batch,
    make_batches,
    read_batches,
    write,
)


@pytest.mark.parametrize("has_depth", [False, True])
def test_tail_torn_at_any_byte_is_cut_off(tmp_path, has_depth):
    batches = make_batches([3, 2, 2], depth_every=2 if has_depth else 0)
    directory = write(tmp_path, batches)
    path, offset, end = find_record_bounds(directory)[-1]
    data = path.read_bytes()
    for size in range(offset, end):
        path.write_bytes(data[:size])

        recovered = recover(directory)

        assert recovered.truncated_bytes == size - offset
        assert (recovered.last_seq, recovered.is_intact) == (5, True)
        assert path.stat().st_size == offset
        assert dump(read_batches(directory)) == dump(batches[:2])
        again = recover(directory)
        assert (again.truncated_bytes, again.last_seq, again.end_offset) == (0, 5, offset)


@given(size=st.integers(0, 200), fill=st.sampled_from([b"\0", b"\xff", b"SWR\xf5"]))
def test_tail_of_anything_else_is_cut_off(tmp_path_factory, size, fill):
    directory = write(tmp_path_factory.mktemp("journal"), make_batches([3]))
    path = directory / "00000001.swj"
    data = path.read_bytes()
    path.write_bytes(data + (fill * 200)[:size])

    assert inspect(directory).truncated_bytes == size
    assert recover(directory).truncated_bytes == size
    assert path.read_bytes() == data


def test_recording_goes_on_behind_a_torn_tail(tmp_path):
    batches = make_batches([3, 2, 4])
    directory = write(tmp_path, batches[:2])
    path = directory / "00000001.swj"
    path.write_bytes(path.read_bytes()[:-7])

    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert writer.recovered.truncated_bytes == 64 + 2 * 64 - 7
        assert writer.last_seq == 3
        for batch in batches:
            writer.append(batch)

    assert dump(read_batches(directory)) == dump(batches)


@given(data=st.data())
def test_flipped_bit_never_gives_other_ticks(tmp_path_factory, data):
    # Three segments, a clock, books and an end: every kind of byte there is can be hit.
    batches = make_batches([3, 2, 4, 1], depth_every=2)
    directory = write(
        tmp_path_factory.mktemp("journal"),
        batches,
        clocks={1: 77},
        complete=True,
        config=JournalConfig(segment_bytes=1_500),
    )
    paths = sorted(directory.iterdir())
    path = data.draw(st.sampled_from(paths))
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)

    try:
        recovered = inspect(directory)
        found = dump(read_batches(directory, is_damage_skipped=True))
    except JournalError:
        return

    # Whole frames may be missing, and then that is said; none is changed, moved or made up.
    wanted = dump(batches)
    kept = [frame for frame in wanted if frame in found]
    assert found == kept
    lost = {
        seq
        for damage in recovered.damages
        for seq in range(damage.first_lost_seq, damage.last_lost_seq + 1)
    }
    told = {int(seq) for batch in batches for seq in batch.ticks["seq"]} - lost
    assert {
        int(s) for b in read_batches(directory, is_damage_skipped=True) for s in b.ticks["seq"]
    } == {seq for seq in told if seq <= recovered.last_seq}
    assert not recovered.is_intact or recovered.truncated_bytes > 0
    if not recovered.is_intact:
        with pytest.raises(JournalError, match="is damaged"):
            list(JournalReader(directory).records())


@pytest.mark.parametrize("at", [0, 5, 41, 70, 200])
def test_damage_inside_is_reported_and_left_where_it_is(tmp_path, at):
    batches = make_batches([3, 3, 2])
    directory = write(tmp_path, batches)
    path, offset, end = find_record_bounds(directory)[1]
    data = bytearray(path.read_bytes())
    data[offset + at] ^= 0x10
    path.write_bytes(data)

    recovered = recover(directory)

    (damage,) = recovered.damages
    assert (damage.segment, damage.offset, damage.length) == (1, offset, end - offset)
    assert (damage.first_lost_seq, damage.last_lost_seq) == (4, 6)
    assert (recovered.last_seq, recovered.truncated_bytes, recovered.tick_count) == (8, 0, 5)
    assert path.read_bytes() == data
    with pytest.raises(JournalError, match="ticks 4 to 6"):
        read_batches(directory)
    reader = JournalReader(directory, is_damage_skipped=True)
    assert dump([r.batch for r in reader.records()]) == dump([batches[0], batches[2]])
    assert reader.damages == (damage,)


def test_record_in_another_one_s_place_is_not_taken_for_it(tmp_path):
    directory = write(tmp_path, make_batches([2, 2, 2]))
    path, offset, end = find_record_bounds(directory)[1]
    data = path.read_bytes()
    path.write_bytes(data[:offset] + data[end:] + data[end:])

    recovered = recover(directory)

    (damage,) = recovered.damages
    assert (damage.offset, damage.length) == (offset, end - offset)
    assert (damage.first_lost_seq, damage.last_lost_seq) == (3, 4)
    assert (recovered.last_seq, recovered.truncated_bytes) == (6, 0)


def test_damage_before_the_tick_asked_for_does_not_matter(tmp_path):
    batches = make_batches([3, 3, 2, 2])
    directory = write(tmp_path, batches)
    path, offset, _ = find_record_bounds(directory)[1]
    data = bytearray(path.read_bytes())
    data[offset + 70] ^= 1
    path.write_bytes(data)

    assert dump(read_batches(directory, after_seq=8)) == dump(batches[3:])


def test_damage_over_many_records_is_one_stretch(tmp_path):
    batches = make_batches([1] * 200)
    directory = write(tmp_path, batches)
    bounds = find_record_bounds(directory)
    path = bounds[0][0]
    data = bytearray(path.read_bytes())
    for _, offset, _ in bounds[10:190]:
        data[offset + 64] ^= 1
    path.write_bytes(data)

    (damage,) = inspect(directory).damages

    assert (damage.first_lost_seq, damage.last_lost_seq) == (11, 190)


def test_recording_goes_on_behind_damage(tmp_path):
    batches = make_batches([3, 3, 2, 5])
    directory = write(tmp_path, batches[:3])
    path, offset, _ = find_record_bounds(directory)[0]
    data = bytearray(path.read_bytes())
    data[offset + 64] ^= 1
    path.write_bytes(data)

    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert not writer.recovered.is_intact
        assert writer.append(batches[3]) == 5

    assert dump(read_batches(directory, is_damage_skipped=True)) == dump(batches[1:])


def make_segments(tmp_path):
    batches = make_batches([3] * 6)
    directory = write(tmp_path, batches, config=JournalConfig(segment_bytes=850))
    assert len(list(directory.iterdir())) == 3
    return directory, batches


@pytest.mark.parametrize(("gone", "lost"), [(1, (1, 6)), (2, (7, 12))])
def test_segment_that_is_gone_is_damage(tmp_path, gone, lost):
    directory, _ = make_segments(tmp_path)
    (directory / f"{gone:08d}.swj").unlink()

    recovered = recover(directory)

    assert [(d.first_lost_seq, d.last_lost_seq) for d in recovered.damages] == [lost]
    assert recovered.last_seq == 18
    with pytest.raises(JournalError, match="damaged"):
        read_batches(directory)


@pytest.mark.parametrize("cut", [5, 256])  # inside a record, and exactly between two
def test_segment_cut_short_with_more_behind_it_is_damage(tmp_path, cut):
    directory, batches = make_segments(tmp_path)
    path = directory / "00000002.swj"
    path.write_bytes(path.read_bytes()[:-cut])

    (damage,) = recover(directory).damages

    assert (damage.segment, damage.first_lost_seq, damage.last_lost_seq) == (2, 10, 12)
    found = read_batches(directory, is_damage_skipped=True)
    assert dump(found) == dump([*batches[:3], *batches[4:]])


def test_segment_begun_and_left_empty_is_no_damage(tmp_path):
    batches = make_batches([3, 3])
    directory = write(tmp_path, batches, config=JournalConfig(segment_bytes=600))
    path = directory / "00000002.swj"
    _, offset, _ = find_record_bounds(directory)[1]
    path.write_bytes(path.read_bytes()[:offset])

    recovered = recover(directory)

    assert (recovered.last_seq, recovered.is_intact, recovered.last_segment) == (3, True, 2)
    with JournalWriter(tmp_path, "session", "made up") as writer:
        writer.append(batches[1])
    assert dump(read_batches(directory)) == dump(batches)


@pytest.mark.parametrize("content", [b"", b"\0" * 4_096])
def test_segment_with_a_name_and_no_bytes_is_removed(tmp_path, content):
    directory = write(tmp_path, make_batches([3]))
    (directory / "00000002.swj").write_bytes(content)
    (directory / "00000002.new").write_bytes(b"half a header")

    recovered = recover(directory)

    assert (recovered.last_seq, recovered.last_segment, recovered.is_intact) == (3, 1, True)
    assert [path.name for path in directory.iterdir()] == ["00000001.swj"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"open,high,low,close\n", "not a segment"),
        (b"SWJRNL\r\n", "not a segment"),
        (b"SWJRNL\n" + b"\0" * 100, "not a segment"),
        (b"SWJRNL\r\n" + (3).to_bytes(4, "little") + b"\0" * 100, "journal format 3"),
        (b"SWJRNL\r\n" + (1).to_bytes(4, "little") + b"\xff" * 100, "damaged"),
    ],
)
def test_foreign_file_is_refused_and_left_alone(tmp_path, content, message):
    path = tmp_path / "session" / "00000001.swj"
    path.parent.mkdir()
    path.write_bytes(content)

    for use in (recover, JournalReader, lambda _: JournalWriter(tmp_path, "session", "made up")):
        with pytest.raises(JournalError, match=message):
            use(path.parent)
    assert path.read_bytes() == content


def test_every_flipped_bit_of_a_segment_header_is_noticed(tmp_path):
    directory = write(tmp_path, make_batches([3]))
    path, offset, _ = find_record_bounds(directory)[0]
    data = path.read_bytes()
    for bit in range(8 * offset):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(JournalError):
            recover(directory)


def test_renamed_and_mixed_up_segments_are_refused(tmp_path):
    directory, _ = make_segments(tmp_path)
    other = write(tmp_path, make_batches([3] * 6), config=JournalConfig(segment_bytes=850), key="x")
    last = directory / "00000003.swj"
    content = last.read_bytes()

    last.rename(directory / "00000004.swj")
    with pytest.raises(JournalError, match="says it is segment 3"):
        recover(directory)
    (directory / "00000004.swj").rename(last)
    shutil.copy(other / "00000003.swj", last)
    with pytest.raises(JournalError, match="belongs to x"):
        recover(directory)
    last.write_bytes(content)
    (directory / "notes.swj").touch()
    with pytest.raises(JournalError, match=r"found notes\.swj"):
        recover(directory)


def test_journal_under_another_key_is_refused(tmp_path):
    write(tmp_path, make_batches([3])).rename(tmp_path / "other")

    with pytest.raises(JournalError, match="holds the recording session"):
        JournalWriter(tmp_path, "other", "made up")
    # The lock was let go.
    assert recover(tmp_path / "other").last_seq == 3


def test_end_torn_off_means_not_complete(tmp_path):
    directory = write(tmp_path, make_batches([3]), complete=True)
    path = directory / "00000001.swj"
    path.write_bytes(path.read_bytes()[:-1])

    assert not inspect(directory).is_complete
    assert not recover(directory).is_complete
    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert writer.append(make_batch(4, 1)) == 1
