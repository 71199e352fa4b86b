"""Packed journals: the same records, whatever happens while they are packed."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import JournalError
from strikewire.core.ticks import TickBatch
from strikewire.journal import (
    JournalConfig,
    JournalReader,
    JournalWriter,
    inspect,
    is_packed,
    pack,
)
from tests.unit.journal.recordings import (
    dump,
    list_kinds,
    make_batch,
    make_batches,
    read_batches,
    write,
)

#: Five frames of 280 bytes a tick make three segments.
SIZES = [300, 200, 400, 100, 300]
SMALL = JournalConfig(segment_bytes=150_000)


def record(root: Path, *, complete: bool = True) -> Path:
    batches = make_batches(SIZES, depth_every=1)
    return write(root, batches, complete=complete, clocks={1: 10, 3: 20}, config=SMALL)


def list_names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_packed_journal_is_read_as_it_was(tmp_path: Path) -> None:
    directory = record(tmp_path)
    batches, kinds = dump(read_batches(directory)), list_kinds(directory)
    found = inspect(directory)
    before = sum(path.stat().st_size for path in directory.iterdir())

    saved = pack(directory)

    after = sum(path.stat().st_size for path in directory.iterdir())
    assert list_names(directory) == [f"0000000{n}.swj.zst" for n in (1, 2, 3)]
    assert saved == before - after > before // 2
    assert dump(read_batches(directory)) == batches
    assert list_kinds(directory) == kinds
    assert inspect(directory) == found
    assert found.is_complete
    assert pack(directory) == 0


@given(after_seq=st.integers(0, sum(SIZES)))
def test_packed_journal_is_read_from_any_tick(tmp_path_factory, after_seq: int) -> None:
    root = tmp_path_factory.getbasetemp() / "from-any-tick"
    if not root.exists():
        record(root / "plain")
        pack(record(root / "packed"))

    plain, packed = (
        dump(read_batches(root / name / "session", after_seq=after_seq))
        for name in ("plain", "packed")
    )

    assert packed == plain


def test_packed_segment_is_a_file_that_zstandard_reads(tmp_path: Path) -> None:
    directory = record(tmp_path)
    plain = [path.read_bytes() for path in sorted(directory.iterdir())]

    pack(directory)

    packed = [path.read_bytes() for path in sorted(directory.iterdir())]
    assert [pa.CompressedInputStream(io.BytesIO(b), "zstd").read() for b in packed] == plain


def test_record_larger_than_a_chunk_comes_out_whole(tmp_path: Path) -> None:
    batches = [make_batch(1, 10), make_batch(11, 9_000, has_depth=True), make_batch(9_011, 10)]
    directory = write(tmp_path, batches, complete=True)

    pack(directory)

    assert dump(read_batches(directory)) == dump(batches)


def test_reader_that_is_under_way_goes_on(tmp_path: Path) -> None:
    directory = record(tmp_path)
    wanted = dump(read_batches(directory))
    reading = (r.batch for r in JournalReader(directory).records() if r.batch is not None)
    first: TickBatch = next(reading)

    pack(directory)

    assert dump([first, *reading]) == wanted


def test_journal_that_is_written_is_not_packed(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, "session", "made up", config=SMALL) as writer:
        writer.append(make_batch(1, 10))
        with pytest.raises(JournalError, match="being written"):
            pack(writer.directory)
    assert not is_packed(tmp_path / "session")


def test_packed_recording_that_has_ended_takes_nothing_more(tmp_path: Path) -> None:
    directory = record(tmp_path)
    pack(directory)

    with JournalWriter(tmp_path, "session", "made up", config=SMALL) as writer:
        assert writer.is_complete
        assert writer.last_seq == sum(SIZES)
        with pytest.raises(JournalError, match="complete"):
            writer.append(make_batch(sum(SIZES) + 1, 1))
    assert is_packed(directory)


def test_packed_recording_that_had_not_ended_goes_on_in_a_plain_segment(tmp_path: Path) -> None:
    directory = record(tmp_path, complete=False)
    pack(directory)

    with JournalWriter(tmp_path, "session", "made up", config=SMALL) as writer:
        writer.append(make_batch(sum(SIZES) + 1, 1))

    assert list_names(directory)[-1] == "00000004.swj"
    assert inspect(directory).last_seq == sum(SIZES) + 1
    assert inspect(directory).is_intact


def test_damage_inside_a_packed_segment_is_found_and_left(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    batches = make_batches([2_000] * 40)
    for batch in batches:
        # What cannot be packed well fills more than one block of the stream.
        for name in ("ltp", "volume", "oi"):
            batch.ticks[name] = rng.random(len(batch))
    directory = write(tmp_path, batches, complete=True)
    pack(directory)
    path = directory / "00000001.swj.zst"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)

    with JournalWriter(tmp_path, "session", "made up", config=SMALL) as writer:
        lost = writer.recovered.truncated_bytes
        writer.append(make_batch(writer.last_seq + 1, 1))
    with pytest.raises(JournalError, match="damaged: segment 1"):
        read_batches(directory)
    kept = dump(read_batches(directory, is_damage_skipped=True))

    assert lost > 0
    assert 1 < len(kept) < len(batches)
    assert kept[:-1] == dump(batches)[: len(kept) - 1]
    assert path.read_bytes() == content


def test_packed_segment_that_was_cut_is_refused(tmp_path: Path) -> None:
    directory = record(tmp_path)
    pack(directory)
    path = directory / "00000002.swj.zst"
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(JournalError, match=r"the end of .*00000002\.swj\.zst"):
        read_batches(directory)


DIES = """
import os, signal, sys
from pathlib import Path
from strikewire.journal import pack

steps = int(sys.argv[2])

def count(event, arguments):
    global steps
    if event in ("open", "os.rename", "os.remove", "os.truncate") and sys.argv[1] in str(arguments):
        steps -= 1
        if not steps:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
pack(Path(sys.argv[1]))
"""


def test_program_killed_at_any_step_of_packing_loses_nothing(tmp_path: Path) -> None:
    """Each time the program dies one step later: before it opens, renames or removes a file."""
    wanted: list[object] = []
    for step in range(1, 40):
        directory = write(tmp_path / str(step), make_batches([50, 50]), complete=True)
        wanted = wanted or dump(read_batches(directory))
        died = subprocess.run(
            [sys.executable, "-c", DIES, str(directory), str(step)], check=False, timeout=60
        )

        assert dump(read_batches(directory)) == wanted
        assert inspect(directory).is_complete
        pack(directory)
        assert list_names(directory) == ["00000001.swj.zst"]
        assert dump(read_batches(directory)) == wanted
        if not died.returncode:
            assert step > 6
            return
        assert died.returncode == -signal.SIGKILL
    pytest.fail("it never came to its end")
