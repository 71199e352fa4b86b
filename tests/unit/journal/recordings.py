"""Made-up frames, and a look at what a journal gives back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch
from strikewire.journal import JournalReader, JournalWriter, RecordKind


def make_batch(first_seq, count, *, has_depth=False):
    """Return a frame whose every field follows from its tick numbers."""
    ticks = np.zeros(count, TICK_DTYPE)
    seqs = np.arange(first_seq, first_seq + count)
    ticks["seq"] = seqs
    ticks["instrument_id"] = seqs % 7
    ticks["ts_event_ns"] = 1_672_371_900_000_000_000 + seqs * 1_000
    ticks["ts_recv_ns"] = ticks["ts_event_ns"] + 250
    ticks["ltp"] = seqs * 0.05
    ticks["volume"] = np.where(seqs % 5 == 0, np.nan, seqs * 25.0)
    ticks["oi"] = np.nan
    depth = None
    if has_depth:
        depth = np.zeros(count, DEPTH_DTYPE)
        depth["bid_price"] = seqs[:, None] * 0.05 - np.arange(5)
        depth["total_bid_quantity"] = seqs
    return TickBatch(ticks=ticks, depth=depth)


def make_batches(sizes, *, depth_every=0):
    """Return frames of the given sizes, numbered from 1; every so many have books."""
    batches, first_seq = [], 1
    for place, size in enumerate(sizes):
        has_depth = bool(depth_every) and place % depth_every == 0
        batches.append(make_batch(first_seq, size, has_depth=has_depth))
        first_seq += size
    return batches


def write(root, batches, *, complete=False, clocks=(), config=None, key="session"):
    """Record frames; `clocks` has an instant for the place of each frame it follows."""
    with JournalWriter(root, key, "made up", config=config) as writer:
        for place, batch in enumerate(batches):
            writer.append(batch)
            if place in clocks:
                writer.append_clock(clocks[place])
        writer.close(complete=complete)
    return root / key


def read_batches(directory, **options):
    """Return the frames of a journal."""
    skip = options.pop("is_damage_skipped", False)
    reader = JournalReader(directory, is_damage_skipped=skip)
    return [record.batch for record in reader.records(**options) if record.batch is not None]


def dump(batches):
    """Return frames as bytes, boundaries included, to be compared."""
    return [
        (batch.ticks.tobytes(), None if batch.depth is None else batch.depth.tobytes())
        for batch in batches
    ]


def find_record_bounds(directory):
    """Return (path, offset, end) of each record, by walking over the lengths in the headers."""
    bounds = []
    for path in sorted(Path(directory).glob("*.swj")):
        data = path.read_bytes()
        offset = int.from_bytes(data[12:16], "little")
        while offset < len(data):
            length = int.from_bytes(data[offset + 8 : offset + 12], "little")
            bounds.append((path, offset, offset + length))
            offset += length
    return bounds


def list_kinds(directory):
    """Return the kinds of a journal's records, in order."""
    return [RecordKind(record.kind).name for record in JournalReader(directory).records()]
