"""The journal against the same bytes written and read bare; and what a replay can deliver.

Writing ends with the flush, as in the program: the operating system has the bytes, the disk may
not. Both sides write and read through the page cache, in the folder `TMPDIR` names.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.pairs import PAIRS, compare
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import make_journal_source
from strikewire.journal import JournalReader, JournalWriter, recover

_BUFFER_BYTES = 4 * 1024 * 1024
_READ_BYTES = 1024 * 1024
#: Ticks to a frame, whether with books, and ticks in all.
_CASES = (
    (2_000, False, 1_000_000),
    (2_000, True, 500_000),
    (100, False, 1_000_000),
    (1, False, 50_000),
)


def make_frames(size: int, total: int, *, has_depth: bool) -> list[TickBatch]:
    """Return frames whose ticks are slices of one array."""
    ticks = np.zeros(total, TICK_DTYPE)
    ticks["seq"] = np.arange(1, total + 1)
    ticks["ts_recv_ns"] = ticks["ts_event_ns"] = 10**18 + ticks["seq"] * 1_000
    ticks["ltp"] = np.random.default_rng(0).random(total)
    depth = np.zeros(size, DEPTH_DTYPE) if has_depth else None
    return [TickBatch(ticks=ticks[at : at + size], depth=depth) for at in range(0, total, size)]


def run_case(size: int, total: int, *, has_depth: bool) -> None:
    """Measure one kind of frame and print what came out."""
    frames = make_frames(size, total, has_depth=has_depth)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # Opened before and closed after: neither the recovery nor the wait for the disk is meant.
        writers = [JournalWriter(root, f"run-{run}", "benchmark") for run in range(PAIRS + 1)]
        unused = iter(writers)

        def append() -> None:
            writer = next(unused)
            for frame in frames:
                writer.append(frame)
            writer.flush()

        def read() -> int:
            records = JournalReader(last).records()
            return sum(len(record.batch) for record in records if record.batch is not None)

        write_bare = _make_bare_writer(root, frames)
        written = compare(append, write_bare)
        for writer in writers:
            writer.close(complete=True)
        last = writers[-1].directory
        nbytes = sum(path.stat().st_size for path in last.glob("*.swj"))
        found = compare(read, lambda: _read_bare(root / "bare-0"))
        recovered = compare(lambda: recover(last), lambda: _read_bare(root / "bare-0"))
        replayed = compare(lambda: replay(last), read)
    print(f"frames of {size}{' with books' if has_depth else ''}, {nbytes / 1e6:.0f} MB")
    for label, comparison, peer in (
        ("append", written, "bare write takes"),
        ("read", found, "bare read takes"),
        ("recover", recovered, "bare read takes"),
        ("replay at max", replayed, "reading takes"),
    ):
        seconds = statistics.median(comparison.ours_s)
        rate = f"{nbytes / seconds / 1e6:.0f} MB/s, {total / seconds / 1e6:.2f} M ticks/s"
        print(f"  {label}: {rate}; " + comparison.describe(peer))


def replay(directory: Path) -> int:
    """Run a recording through the feed."""

    async def listen() -> int:
        feed = ReplayFeed(make_journal_source(directory), speed=MAX_SPEED)
        heard = feed.batches(after_seq=0)
        return sum([len(each) async for each in heard if isinstance(each, TickBatch)])

    return asyncio.run(listen())


def _make_bare_writer(root: Path, frames: list[TickBatch]) -> Callable[[], None]:
    parts = [rows.tobytes() for f in frames for rows in (f.ticks, f.depth) if rows is not None]
    data = memoryview(b"".join(parts))

    # A new file each time, as the journal's: a removed one leaves pages that cost a tenth.
    paths = (root / f"bare-{run}" for run in itertools.count())

    def write() -> None:
        with next(paths).open("wb", buffering=0) as file:
            for at in range(0, len(data), _BUFFER_BYTES):
                file.write(data[at : at + _BUFFER_BYTES])

    return write


def _read_bare(path: Path) -> int:
    total = 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_READ_BYTES):
            total += len(chunk)
    return total


if __name__ == "__main__":
    for size, has_depth, total in _CASES:
        run_case(size, total, has_depth=has_depth)
