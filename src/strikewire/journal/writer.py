"""Append frames to a journal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import xxhash

from strikewire.core.errors import JournalError
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, Deafness, TickBatch
from strikewire.journal.deafness import pack_deafness
from strikewire.journal.format import (
    MAX_SEGMENT_BYTES,
    RECORD_HEAD_BYTES,
    RecordHeader,
    RecordKind,
    check_session_key,
    pack_record_header_into,
)
from strikewire.journal.recovery import RecoveredJournal, repair, take_lock
from strikewire.journal.segment_file import SegmentFile

_MIB: Final = 1024 * 1024
_NOTHING: Final = TickBatch(ticks=np.empty(0, TICK_DTYPE))


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """How a journal is written.

    Parameters
    ----------
    segment_bytes : a segment that would grow over this is left and the next begun; a single record
        that is larger gets a segment of its own.
    buffer_bytes : what is kept in memory between two flushes; one byte more flushes by itself. A
        record that is larger makes the buffer grow to it.

    Raises
    ------
    ValueError : not positive, or a segment larger than its 32-bit offsets can say.
    """

    segment_bytes: int = 256 * _MIB
    buffer_bytes: int = 4 * _MIB

    def __post_init__(self) -> None:
        if not 0 < self.segment_bytes <= MAX_SEGMENT_BYTES:
            msg = f"segment_bytes is 1 to {MAX_SEGMENT_BYTES}, was {self.segment_bytes}"
            raise ValueError(msg)
        if self.buffer_bytes <= 0:
            msg = f"buffer_bytes must be positive, was {self.buffer_bytes}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """A place in a journal: everything before it survives the death of the program."""

    segment: int
    offset: int
    last_seq: int


class JournalWriter:
    """Record one session, from the start or on from where it ended.

    Opening recovers what is there (`recovered`) and locks it. `append` copies the frame into a
    buffer; `flush` hands the buffer to the operating system. From there a `kill -9` takes nothing;
    only a power failure can, back to the last `sync`, `close` or rotation. The caller owns the task
    that flushes every 100 ms.

    Parameters
    ----------
    root : the folder of all journals; this one goes to `root / session_key`.
    session_key : names the recording, see `check_session_key`.
    source : what is being heard, for people; kept in each segment.
    config : see `JournalConfig`.

    Raises
    ------
    JournalError : the key is not safe as a folder's name, what is there is not this recording or
        cannot be read, another program is writing it, or the disk refuses.

    Notes
    -----
    Not thread-safe: one task appends and flushes. Damage inside what is there does not keep a live
    session from being recorded: look at `recovered.damages`.
    """

    def __init__(
        self, root: Path, session_key: str, source: str, *, config: JournalConfig | None = None
    ) -> None:
        self._config = config or JournalConfig()
        self._directory = root / check_session_key(session_key)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"the journal folder {self._directory} cannot be made: {error}"
            raise JournalError(msg) from error
        self._lock_fd = take_lock(self._directory)
        try:
            self._recovered = repair(self._directory)
            self._file = SegmentFile(
                self._directory, session_key=session_key, source=source, recovered=self._recovered
            )
        except BaseException:
            os.close(self._lock_fd)
            raise
        self._buffer = bytearray(self._config.buffer_bytes)
        self._filled = 0
        self._last_seq = self._safe_seq = self._recovered.last_seq
        self._last_clock_ns = self._recovered.last_clock_ns
        self._is_complete = self._recovered.is_complete

    @property
    def directory(self) -> Path:
        """The journal's own folder."""
        return self._directory

    @property
    def recovered(self) -> RecoveredJournal:
        """What was there when the journal was opened."""
        return self._recovered

    @property
    def last_seq(self) -> int:
        """The last tick appended, flushed or not; 0 before the first."""
        return self._last_seq

    @property
    def buffered_bytes(self) -> int:
        """What a `kill -9` would take now."""
        return self._filled

    @property
    def position(self) -> JournalPosition:
        """How far the journal survives a `kill -9`."""
        return JournalPosition(self._file.segment, self._file.offset, self._safe_seq)

    @property
    def is_complete(self) -> bool:
        """The recording has ended: nothing can be appended."""
        return self._is_complete

    def append(self, batch: TickBatch) -> int:
        """Add a frame; return how many of its ticks were new.

        Ticks that the journal has are left out: a replay that seeks back tells them again. An
        empty frame leaves no trace.

        Raises
        ------
        ValueError : the ticks are not TICK_DTYPE, or their numbers do not run on from `last_seq`.
        JournalError : the disk refuses, or the recording is complete. The frame was not taken, and
            may be offered again; what was buffered still is.
        """
        new = self._cut(batch)
        if len(new):
            parts = [new.ticks, *(() if new.depth is None else (new.depth,))]
            self._put(
                RecordKind.TICKS,
                [rows.view(np.uint8).data for rows in parts],
                count=len(new),
                has_depth=new.depth is not None,
                ts_recv_ns=int(new.ticks["ts_recv_ns"][-1]),
            )
            self._last_seq += len(new)
        return len(new)

    def append_clock(self, now_ns: int) -> bool:
        """Add that the engine is told the time, so that a replay closes bars at the same place.

        A time that is not later than the last one is left out (False): the engine ignores it too.

        Raises
        ------
        JournalError : as in `append`.
        """
        if now_ns <= self._last_clock_ns:
            return False
        self._put(RecordKind.CLOCK, [], ts_recv_ns=now_ns)
        self._last_clock_ns = now_ns
        return True

    def append_deafness(self, deafness: Deafness) -> None:
        """Add that nothing was heard of some instruments for a while.

        Raises
        ------
        JournalError : as in `append`.
        """
        self._put(
            RecordKind.DEAF,
            [memoryview(pack_deafness(deafness))],
            count=len(deafness.instrument_ids),
            ts_recv_ns=deafness.to_ns,
        )

    def flush(self) -> JournalPosition:
        """Hand everything buffered to the operating system, in one write; return what is safe.

        Raises
        ------
        JournalError : the disk is full or refuses. The buffer is kept: the next flush tries again,
            at the same place.
        """
        if self._filled:
            with memoryview(self._buffer) as buffer:
                self._file.write(buffer[: self._filled])
            self._filled = 0
            self._safe_seq = self._last_seq
        return self.position

    def sync(self) -> JournalPosition:
        """Flush, and wait until the disk itself has it: what is safe now survives a power failure.

        Blocks for as long as the disk takes.

        Raises
        ------
        JournalError : as in `flush`.
        """
        position = self.flush()
        self._file.sync()
        return position

    def close(self, *, complete: bool = False) -> None:
        """Flush, sync and let go; with `complete`, say that the recording has ended.

        Closing twice is the same as once.

        Raises
        ------
        JournalError : the disk refuses. The journal is closed all the same, without what was
            buffered.
        """
        if not self._file.is_open:
            return
        try:
            if complete and not self._is_complete:
                self._put(RecordKind.END, [], ts_recv_ns=self._last_clock_ns)
                self._is_complete = True
            self.sync()
        finally:
            self._file.close()
            os.close(self._lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _cut(self, batch: TickBatch) -> TickBatch:
        """Return the part of a frame that the journal does not have, contiguous and checked."""
        ticks, depth = batch.ticks, batch.depth
        if not len(ticks):
            return _NOTHING
        if ticks.dtype != TICK_DTYPE or (depth is not None and depth.dtype != DEPTH_DTYPE):
            msg = "a journal takes ticks of TICK_DTYPE and books of DEPTH_DTYPE only"
            raise ValueError(msg)
        seqs: npt.NDArray[np.int64] = ticks["seq"]
        first, last = int(seqs[0]), int(seqs[-1])
        known = self._last_seq + 1 - first
        # One by one from first to last: as many as there are, and each above the one before it.
        is_row = last - first == len(ticks) - 1 and bool((seqs[1:] > seqs[:-1]).all())
        if known < 0 or not is_row:
            msg = (
                f"tick numbers must run on from {self._last_seq + 1} without a hole, "
                f"were {first} to {last} over {len(ticks)} ticks"
            )
            raise ValueError(msg)
        return TickBatch(
            ticks=np.ascontiguousarray(ticks[known:]),
            depth=None if depth is None else np.ascontiguousarray(depth[known:]),
        )

    def _put(
        self,
        kind: RecordKind,
        payload: Sequence[memoryview],
        *,
        ts_recv_ns: int,
        count: int = 0,
        has_depth: bool = False,
    ) -> None:
        """Copy a record into the buffer, after a flush or into a new segment if it needs one."""
        if self._is_complete or not self._file.is_open:
            state = "complete" if self._is_complete else "closed"
            msg = f"the journal in {self._directory} is {state}: nothing can be added"
            raise JournalError(msg)
        length = RECORD_HEAD_BYTES + sum(part.nbytes for part in payload)
        self._make_room(length)
        start = self._filled
        at = start + RECORD_HEAD_BYTES
        with memoryview(self._buffer) as buffer:
            for part in payload:
                buffer[at : at + part.nbytes] = part
                at += part.nbytes
            checksum = xxhash.xxh3_64_intdigest(buffer[start + RECORD_HEAD_BYTES : at])
        is_ticks = kind == RecordKind.TICKS
        header = RecordHeader(
            kind=kind,
            has_depth=has_depth,
            length=length,
            row_count=count,
            first_seq=self._last_seq + is_ticks,
            last_seq=self._last_seq + (count if is_ticks else 0),
            ts_recv_ns=ts_recv_ns,
            payload_checksum=checksum,
        )
        pack_record_header_into(
            self._buffer,
            start,
            header,
            segment=self._file.segment,
            offset=self._file.offset + start,
        )
        self._filled = start + length

    def _make_room(self, length: int) -> None:
        if self._filled + length > len(self._buffer):
            self.flush()
            if length > len(self._buffer):
                self._buffer = bytearray(length)
        end = self._file.offset + self._filled + length
        if end > self._config.segment_bytes and not (self._file.is_empty and not self._filled):
            self.flush()
            self._file.rotate(after_seq=self._last_seq)
