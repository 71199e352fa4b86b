"""Walk through a journal's bytes: good records, damage between them, and a torn tail."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import xxhash

from strikewire.core.errors import JournalError
from strikewire.journal.format import (
    RECORD_HEAD_BYTES,
    RECORD_MAGIC,
    RecordHeader,
    RecordKind,
    SegmentHeader,
    find_record_header,
    list_segments,
    parse_segment_header,
)
from strikewire.journal.packed import SegmentBytes, open_bytes

#: Small enough to stay in a core's cache from the read over the checksum to the engine: with 4 MiB
#: reading is a third slower. Smaller ones cut more records, which are then read twice.
CHUNK_BYTES: Final = 1024 * 1024
_MAGIC_PATTERN: Final = re.compile(re.escape(RECORD_MAGIC))
_HEADER_READ_BYTES: Final = 64 * 1024

Bytes: TypeAlias = npt.NDArray[np.uint8]


class FoundRecord(NamedTuple):
    """A record whose checksums are right: where it lies, what it says, its payload (read-only)."""

    segment: int
    offset: int
    header: RecordHeader
    payload: Bytes


class FoundSegment(NamedTuple):
    """A segment whose header is right, and where its first record starts."""

    path: Path
    header: SegmentHeader
    offset: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch that cannot be read although good records follow it.

    Parameters
    ----------
    segment, offset, length : where it is; `length` 0 where a stretch is not there at all.
    first_lost_seq, last_lost_seq : the ticks that were in it; none when last is before first.
    """

    segment: int
    offset: int
    length: int
    first_lost_seq: int
    last_lost_seq: int


@dataclass(frozen=True, slots=True)
class TornTail:
    """The end of the last segment from which on nothing can be read: a write cut short."""

    segment: int
    offset: int
    length: int


Found: TypeAlias = FoundSegment | FoundRecord | Damage | TornTail


class _Window:
    """Bytes of a segment, by chunks that are read once and never written to again.

    Not a memory map: a writer may cut the tail of a journal that is being read, and touching a
    mapped page behind the end of a file kills the process. Records are views of a chunk, and keep
    it alive for as long as somebody holds them.
    """

    def __init__(self, source: SegmentBytes) -> None:
        self._source = source
        self._start = 0
        self._size = source.size
        self.bytes: Bytes = np.empty(0, np.uint8)
        self.view = self.bytes.data

    def reach(self, offset: int, length: int) -> int:
        """Make sure of the bytes `[offset, offset + length)`; return where they start in `bytes`.

        Where the file ends earlier, `bytes` ends earlier too.
        """
        at = offset - self._start
        if at >= 0 and at + length <= len(self.bytes):
            return at
        wanted = min(max(length, CHUNK_BYTES), max(self._size - offset, 0))
        chunk = np.empty(wanted, np.uint8)
        chunk = chunk[: self._source.read_into(chunk, offset)]
        chunk.flags.writeable = False
        self._start, self.bytes, self.view = offset, chunk, chunk.data
        return 0


def walk(directory: Path, *, after_seq: int = 0) -> Iterator[Found]:
    """Yield what is in a journal, in order: each segment, its records, and what is wrong.

    Whole segments that end before tick `after_seq` are left out. A torn tail, if there is one,
    comes last. Only a file's end can be torn; unreadable bytes with something good behind them,
    and ticks that a later header knows of and that are not there, are damage.

    Raises
    ------
    JournalError : a segment is not ours or its header is damaged, or the disk cannot be read.
    """
    segments = load_segment_headers(directory)
    if not segments:
        return
    first = max(
        (i for i, found in enumerate(segments) if found.header.after_seq < after_seq), default=0
    )
    last_seq = segments[first].header.after_seq
    if first == 0 and last_seq:
        yield Damage(segments[0].header.segment, 0, 0, 1, last_seq)
    following = [*(found.header.after_seq for found in segments[first + 1 :]), None]
    for found, until_seq in zip(segments[first:], following, strict=True):
        yield found
        try:
            last_seq = yield from _walk_segment(found, last_seq, until_seq)
        except OSError as error:
            msg = f"{found.path} cannot be read: {error}"
            raise JournalError(msg) from error


def load_segment_headers(directory: Path) -> list[FoundSegment]:
    """Read the header of each segment, in order; a last file without a single byte is left out.

    Raises
    ------
    JournalError : a segment is not ours, its header is damaged, or it is of another recording.
    """
    paths = list_segments(directory)
    segments: list[FoundSegment] = []
    for number, path in paths:
        data = _read_head(path)
        # After a power failure a file may have got its name and none of its bytes.
        is_blank = len(data) < _HEADER_READ_BYTES and not data.strip(b"\0")
        if is_blank and path == paths[-1][1]:
            continue
        header, offset = parse_segment_header(data, name=str(path))
        if header.segment != number:
            msg = f"{path} says it is segment {header.segment}: it was renamed"
            raise JournalError(msg)
        if segments and header.session_key != segments[0].header.session_key:
            wanted = segments[0].header.session_key
            msg = f"{path} belongs to {header.session_key}, the segments before it to {wanted}"
            raise JournalError(msg)
        segments.append(FoundSegment(path, header, offset))
    return segments


def _read_head(path: Path) -> bytes:
    """Return a segment's first 64 KiB, or all of it when it is shorter."""
    try:
        with closing(open_bytes(path)) as source:
            head = np.empty(min(source.size, _HEADER_READ_BYTES), np.uint8)
            return head[: source.read_into(head, 0)].tobytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error}"
        raise JournalError(msg) from error


def _walk_segment(
    found: FoundSegment, last_seq: int, until_seq: int | None
) -> Generator[Found, None, int]:
    """Yield a segment's records and what is wrong; return the number of the last tick in it.

    `until_seq` is what the next segment says of this one; None when this is the last.
    """
    segment, offset = found.header.segment, found.offset
    with closing(open_bytes(found.path)) as source:
        size = source.size
        window = _Window(source)
        while offset < size:
            record = _find_record(window, segment, offset, last_seq)
            if record is None:
                record = _find_next_record(window, segment, offset + 1, size, last_seq)
                if record is None:
                    break
            before_seq = record.header.first_seq - (record.header.kind == RecordKind.TICKS)
            if record.offset > offset or before_seq > last_seq:
                yield Damage(segment, offset, record.offset - offset, last_seq + 1, before_seq)
            yield record
            offset = record.offset + record.header.length
            last_seq = record.header.last_seq
    if until_seq is None:
        if offset < size:
            yield TornTail(segment, offset, size - offset)
        return last_seq
    if offset < size or last_seq < until_seq:
        yield Damage(segment, offset, max(size - offset, 0), last_seq + 1, until_seq)
    return max(last_seq, until_seq)


def _find_record(window: _Window, segment: int, offset: int, last_seq: int) -> FoundRecord | None:
    """Return the record at an offset; None unless its place, checksums and order are right."""
    at = window.reach(offset, RECORD_HEAD_BYTES)
    header = find_record_header(window.view, at, segment=segment, offset=offset)
    if header is None or header.first_seq < last_seq + (header.kind == RecordKind.TICKS):
        return None
    at = window.reach(offset, header.length)
    payload = window.bytes[at + RECORD_HEAD_BYTES : at + header.length]
    is_whole = len(payload) == header.length - RECORD_HEAD_BYTES
    if not is_whole or xxhash.xxh3_64_intdigest(payload.data) != header.payload_checksum:
        return None
    return FoundRecord(segment, offset, header, payload)


def _find_next_record(
    window: _Window, segment: int, offset: int, size: int, last_seq: int
) -> FoundRecord | None:
    """Look for the next good record at or after an offset, by its magic."""
    while offset + RECORD_HEAD_BYTES <= size:
        at = window.reach(offset, RECORD_HEAD_BYTES)
        match = _MAGIC_PATTERN.search(window.view, at)
        if match is None:
            # A magic may lie across the end of what was searched.
            searched = len(window.bytes) - at
            offset += max(searched - len(RECORD_MAGIC) + 1, 1)
            continue
        offset += match.start() - at
        record = _find_record(window, segment, offset, last_seq)
        if record is not None:
            return record
        offset += 1
    return None
