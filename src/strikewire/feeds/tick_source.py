"""What a replay reads from: ticks that can be read again, from any place, the same each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

from strikewire.core.errors import FileLayoutError, JournalError
from strikewire.core.instants import SECOND_NS
from strikewire.core.ticks import Heard, Lull, TickBatch
from strikewire.feeds.bar_ticks import BarTicks
from strikewire.journal import JournalReader, RecordKind, inspect, is_packed

#: Recorded ticks that came one by one are told four times a second, like the bars of a file.
_FRAME_NS: Final = SECOND_NS // 4
_DIGEST_CHUNK_BYTES: Final = 1024 * 1024
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_KEY_STEM_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class TickSource:
    """Ticks numbered from 1 that give the same numbers each time they are read.

    Parameters
    ----------
    session_key : names the recording; safe as a folder's name.
    description : what it is, in a few words.
    first_ns, last_ns : receive times of the first and the last frame; 0 without ticks.
    total : the number of the last tick.
    read : returns the frames behind a tick, in delivery order, never empty, with the frame that
        tick lies in cut. A frame is delivered at the receive time of its last tick, a stretch that
        was not heard at its end.
    is_slow : reading takes so long that it is done in a thread, ahead of need. One thread at a
        time; two iterators are not read at once.
    """

    session_key: str
    description: str
    first_ns: int
    last_ns: int
    total: int
    read: Callable[[int], Iterator[Heard]]
    is_slow: bool = False


def make_bar_source(bar_ticks: BarTicks, *, session_key: str, description: str) -> TickSource:
    """Return the source of a file's minute bars."""
    return TickSource(
        session_key=session_key,
        description=description,
        first_ns=bar_ticks.first_ns,
        last_ns=bar_ticks.last_ns,
        total=bar_ticks.total,
        read=lambda after_seq: bar_ticks.batches(after_seq=after_seq),
    )


def make_tick_source(batch: TickBatch, *, session_key: str, description: str) -> TickSource:
    """Return the source of recorded ticks that are all in memory.

    They are told by receive time, in the order given where it is the same, and numbered in that
    order; those of a quarter of a second are one frame. A tick without a receive time (zero or
    less) is told with the first that has one.

    Parameters
    ----------
    batch : any number of ticks in any order; `seq` is not looked at. The arrays are kept.
    """
    ts_recv_ns: npt.NDArray[np.int64] = batch.ticks["ts_recv_ns"].copy()
    is_timed = ts_recv_ns > 0
    if is_timed.any():
        ts_recv_ns[~is_timed] = ts_recv_ns[is_timed].min()
    if (ts_recv_ns[1:] >= ts_recv_ns[:-1]).all():
        ticks, depth = batch.ticks.copy(), batch.depth
    else:
        order = np.argsort(ts_recv_ns, kind="stable")
        ts_recv_ns = ts_recv_ns[order]
        ticks = batch.ticks[order]
        depth = None if batch.depth is None else batch.depth[order]
    ticks["ts_recv_ns"] = ts_recv_ns
    ticks["seq"] = np.arange(1, len(ticks) + 1)
    frames = ts_recv_ns // _FRAME_NS
    ends = np.append(np.flatnonzero(frames[1:] != frames[:-1]) + 1, len(ticks))

    def read(after_seq: int) -> Iterator[TickBatch]:
        start = after_seq
        for end in ends[np.searchsorted(ends, after_seq, side="right") :].tolist():
            yield TickBatch(
                ticks=ticks[start:end], depth=None if depth is None else depth[start:end]
            )
            start = end

    return TickSource(
        session_key=session_key,
        description=description,
        first_ns=int(ts_recv_ns[ends[0] - 1]) if len(ticks) else 0,
        last_ns=int(ts_recv_ns[-1]) if len(ticks) else 0,
        total=len(ticks),
        read=read,
    )


def make_journal_source(directory: Path, *, is_damage_skipped: bool = False) -> TickSource:
    """Return the source of a recording, with the frames and receive times it was recorded with.

    What the engine was told of the time comes where it was told: bars and records of chains close
    at the same place again.

    Raises
    ------
    JournalError : there is no journal, or it cannot be read, or it is damaged and that is not to
        be skipped; from reading too.
    """
    reader = JournalReader(directory)
    found = inspect(directory)
    if not (found.is_intact or is_damage_skipped):
        damage = found.damages[0]
        msg = (
            f"the journal in {directory} is damaged, "
            f"first at ticks {damage.first_lost_seq} to {damage.last_lost_seq}"
        )
        raise JournalError(msg)

    def read(after_seq: int) -> Iterator[Heard]:
        # A reader each: it keeps what it went past, and two passes may overlap.
        again = JournalReader(directory, is_damage_skipped=is_damage_skipped)
        for record in again.records(after_seq=after_seq):
            if record.batch is not None:
                yield record.batch
            elif record.deafness is not None:
                yield record.deafness
            elif record.kind == RecordKind.CLOCK:
                yield Lull(record.ts_recv_ns)

    return TickSource(
        session_key=reader.session_key,
        description=f"recording {reader.session_key} of {reader.source}",
        first_ns=found.first_recv_ns,
        last_ns=found.last_recv_ns,
        total=found.last_seq,
        read=read,
        is_slow=is_packed(directory),
    )


def compute_session_key(path: Path) -> str:
    """Return the name of a file's recording: its stem and a digest of its content.

    The same content under the same name gives the same key, wherever the file lies, so that a
    second replay finds the journal of the first.

    Raises
    ------
    FileLayoutError : the file cannot be read.
    """
    digest = xxhash.xxh3_64()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_DIGEST_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        msg = f"{path} cannot be read: {error}"
        raise FileLayoutError(msg) from error
    stem = _UNSAFE.sub("-", path.stem).strip("._-")[:_KEY_STEM_LENGTH]
    return f"{stem or 'file'}-{digest.hexdigest()}"
