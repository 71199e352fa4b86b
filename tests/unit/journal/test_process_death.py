"""Real processes: one that is killed while it writes, one whose disk is full."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from strikewire.journal import recover
from tests.conftest import ROOT
from tests.unit.journal.recordings import dump, make_batch, read_batches

# Says after each flush what is safe, and before it what was appended.
WRITER = """
import sys
from pathlib import Path
from strikewire.journal import JournalConfig, JournalWriter
from tests.unit.journal.recordings import make_batch
config = JournalConfig(segment_bytes=300_000, buffer_bytes=50_000)
writer = JournalWriter(Path(sys.argv[1]), "session", "made up", config=config)
frame = 0
while True:
    frame += 1
    first_seq = writer.last_seq + 1
    writer.append(make_batch(first_seq, 1 + first_seq % 50, has_depth=frame % 3 == 0))
    if frame % 4 == 0:
        writer.flush()
    print(writer.position.last_seq, writer.last_seq, flush=True)
"""


def test_kill_9_loses_at_most_what_was_not_flushed(tmp_path, rng):
    last_seq = 0
    for lines in rng.integers(1, 60, 8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        ) as process:
            told = [process.stdout.readline().split() for _ in range(int(lines))]
            process.send_signal(signal.SIGKILL)
            # What it had said before it died, and nobody had read.
            told += [line.split() for line in process.stdout.read().splitlines(keepends=True)]
        safe_seq = max(int(fields[0]) for fields in told if len(fields) == 2)

        recovered = recover(tmp_path / "session")

        assert recovered.last_seq >= max(safe_seq, last_seq)
        assert recovered.is_intact
        last_seq = recovered.last_seq
    batches = read_batches(tmp_path / "session")
    seqs = np.concatenate([batch.ticks["seq"] for batch in batches])
    assert np.array_equal(seqs, np.arange(1, last_seq + 1))
    wanted = [
        make_batch(int(b.ticks["seq"][0]), len(b), has_depth=b.depth is not None) for b in batches
    ]
    assert dump(batches) == dump(wanted)


# A limit on the size of files is a disk that is full, with a partial write first.
FULL_DISK = """
import resource, sys
from pathlib import Path
from strikewire.core.errors import JournalError
from strikewire.journal import JournalWriter
from tests.unit.journal.recordings import make_batch
writer = JournalWriter(Path(sys.argv[1]), "session", "made up")
writer.append(make_batch(1, 10))
safe = writer.flush()
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (safe.offset + 100, hard))
writer.append(make_batch(11, 10))
for _ in range(2):
    try:
        writer.flush()
    except JournalError as error:
        assert writer.position == safe
        assert writer.buffered_bytes == 64 + 640
        print(error.code, error.message)
assert (Path(sys.argv[1]) / "session" / "00000001.swj").stat().st_size == safe.offset + 100
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
if sys.argv[2] == "room again":
    assert writer.flush().last_seq == 20
    writer.append(make_batch(21, 10))
    writer.close()
"""


@pytest.mark.parametrize(("then", "sizes"), [("room again", [10, 10, 10]), ("killed", [10])])
def test_full_disk_is_an_error_of_ours_and_does_no_harm(tmp_path, then, sizes):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), then],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.count("journal_unreadable cannot write the journal") == 2
    recovered = recover(tmp_path / "session")
    assert recovered.truncated_bytes == (0 if then == "room again" else 100)
    assert [len(batch) for batch in read_batches(tmp_path / "session")] == sizes
