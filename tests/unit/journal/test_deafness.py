"""Stretches that were not heard, in the journal; and journals of the format that had none."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import JournalError
from strikewire.core.ticks import Deafness, DeafReason
from strikewire.journal import JournalConfig, JournalReader, JournalWriter, inspect
from strikewire.journal.format import FORMAT_VERSION
from tests.unit.journal.recordings import dump, list_kinds, make_batches, read_batches, write


def make_deafness(ids=(3, 5, 8), reason=DeafReason.DISCONNECTED):
    return Deafness(np.array(ids, np.int32), 1_000, 2_500, reason)


def read_deafness(directory, **options):
    records = JournalReader(directory).records(**options)
    return [
        (r.last_seq, d.instrument_ids.tolist(), d.from_ns, d.to_ns, d.reason)
        for r in records
        if (d := r.deafness) is not None
    ]


def make_older(directory):
    """Turn a journal's segments into those of format 1."""
    for path in directory.glob("*.swj"):
        data = bytearray(path.read_bytes())
        length = int.from_bytes(data[12:16], "little")
        data[8:12] = (1).to_bytes(4, "little")
        digest = xxhash.xxh3_64_intdigest(bytes(data[:24]) + bytes(data[32:length]))
        data[24:32] = digest.to_bytes(8, "little")
        path.write_bytes(data)


@given(
    ids=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=9),
    reason=st.sampled_from(DeafReason),
    segment_bytes=st.sampled_from([1, 2**28]),
)
def test_stretches_come_back_in_their_places(tmp_path_factory, ids, reason, segment_bytes):
    root = tmp_path_factory.mktemp("journal")
    batches = make_batches([3, 2])
    with JournalWriter(
        root, "s", "made up", config=JournalConfig(segment_bytes=segment_bytes)
    ) as it:
        it.append(batches[0])
        it.append_deafness(make_deafness(ids, reason))
        it.append(batches[1])

    assert read_deafness(root / "s") == [(3, ids, 1_000, 2_500, reason)]
    assert dump(read_batches(root / "s")) == dump(batches)
    recovered = inspect(root / "s")
    assert (recovered.tick_count, recovered.last_seq, recovered.is_intact) == (5, 5, True)


def test_stretch_behind_the_tick_asked_for_is_told_again(tmp_path):
    with JournalWriter(tmp_path, "s", "made up") as writer:
        for batch in make_batches([3, 2]):
            writer.append_deafness(make_deafness())
            writer.append(batch)

    assert [place for place, *_ in read_deafness(tmp_path / "s", after_seq=3)] == [3]
    assert [place for place, *_ in read_deafness(tmp_path / "s", after_seq=4)] == []


def test_flushed_stretch_survives_a_torn_tail(tmp_path):
    directory = write(tmp_path, make_batches([2]))
    with JournalWriter(tmp_path, "session", "made up") as writer:
        writer.append_deafness(make_deafness())
    (path,) = directory.glob("*.swj")
    with path.open("ab") as file:
        file.write(b"\xf5SWR torn")

    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert writer.recovered.truncated_bytes > 0
        assert len(read_deafness(directory)) == 1


def test_journal_of_the_older_format_is_read_and_gone_on_with_in_a_segment_of_its_own(tmp_path):
    batches = make_batches([3, 2])
    directory = write(tmp_path, batches[:1], clocks={0: 1_000})
    make_older(directory)

    with JournalWriter(tmp_path, "session", "made up") as writer:
        writer.append_deafness(make_deafness())
        writer.append(batches[1])

    assert dump(read_batches(directory)) == dump(batches)
    assert list_kinds(directory) == ["TICKS", "CLOCK", "DEAF", "TICKS"]
    versions = [path.read_bytes()[8] for path in sorted(directory.glob("*.swj"))]
    assert versions == [1, FORMAT_VERSION]


def test_complete_journal_of_the_older_format_stays_complete(tmp_path):
    directory = write(tmp_path, make_batches([3]), complete=True)
    make_older(directory)

    with JournalWriter(tmp_path, "session", "made up") as writer:
        assert writer.is_complete

    assert inspect(directory).is_complete


def test_segment_of_a_newer_format_is_refused(tmp_path):
    directory = write(tmp_path, make_batches([3]))
    (path,) = directory.glob("*.swj")
    data = bytearray(path.read_bytes())
    data[8:12] = (FORMAT_VERSION + 1).to_bytes(4, "little")
    path.write_bytes(data)

    with pytest.raises(JournalError, match="this program reads 1 and 2"):
        JournalReader(directory)


def test_stretch_is_somebodys_and_lasts():
    with pytest.raises(ValueError, match="0 instruments"):
        make_deafness(ids=())
    with pytest.raises(ValueError, match="a stretch"):
        Deafness(np.ones(1, np.int32), 5, 5, DeafReason.MUTE)
