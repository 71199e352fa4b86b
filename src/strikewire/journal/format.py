"""The journal's bytes: segment headers, record headers, names (`docs/reference/journal.md`).

Nothing here opens a file. Integers are little-endian; every structure starts on a multiple of eight
bytes, so that a record's ticks can be viewed in place as a NumPy array.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import xxhash

from strikewire.core.errors import JournalError
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE
from strikewire.journal.deafness import compute_deafness_bytes
from strikewire.journal.packed import PACKED_SUFFIX

FORMAT_VERSION: Final = 2
#: Format 1 had no DEAF records, and is the same otherwise.
_READABLE_VERSIONS: Final = (1, 2)
SEGMENT_SUFFIX: Final = ".swj"
#: A record's length and offset are 32-bit; a frame of a million ticks with depth is 280 MB.
MAX_SEGMENT_BYTES: Final = 2**32 - 1

#: The line ending inside shows a file that went through a text-mode copy, as PNG's does.
_SEGMENT_MAGIC: Final = b"SWJRNL\r\n"
#: magic, version, header length, metadata length, segment number, checksum.
_SEGMENT_HEAD: Final = struct.Struct("<8sIIIIQ")
_SEGMENT_CHECKED_BYTES: Final = _SEGMENT_HEAD.size - 8
_HEADER_ALIGNMENT: Final = 64
_MAX_HEADER_BYTES: Final = 64 * 1024

#: Found by a scan that looks for the next good record behind a damaged one.
RECORD_MAGIC: Final = b"\xf5SWR"
#: magic, kind, has_depth, zero, length, count, first_seq, last_seq, ts_recv_ns, payload checksum,
#: segment number, offset in the segment, checksum of the 56 bytes before it.
_RECORD_HEAD: Final = struct.Struct("<4sBBHIIqqqQIIQ")
RECORD_HEAD_BYTES: Final = _RECORD_HEAD.size
_RECORD_CHECKED_BYTES: Final = RECORD_HEAD_BYTES - 8
_CHECKSUM: Final = struct.Struct("<Q")

_SESSION_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SEGMENT_NAME: Final = re.compile(r"(\d{8})\.swj(?:\.zst)?")
_SUFFIXES: Final = (SEGMENT_SUFFIX, SEGMENT_SUFFIX + PACKED_SUFFIX)

assert RECORD_HEAD_BYTES == 64, "a record's header is one cache line"


class RecordKind(IntEnum):
    """What a record says."""

    #: One frame of ticks, as it arrived.
    TICKS = 1
    #: The engine was told the time, `ts_recv_ns`, and may have closed bars because of it.
    CLOCK = 2
    #: The recording is complete: the source had nothing more.
    END = 3
    #: The feed heard nothing of some instruments for a while.
    DEAF = 4


_KINDS: Final = frozenset(RecordKind)


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment says of itself.

    Parameters
    ----------
    segment : its number, from 1; also its file's name.
    session_key : the recording it belongs to.
    source : what was heard, for people.
    after_seq : the last tick before this segment: shows that an earlier segment is cut or gone.
    version : of the format it is written in.
    """

    segment: int
    session_key: str
    source: str
    after_seq: int
    version: int = FORMAT_VERSION


class RecordHeader(NamedTuple):
    """A record's fixed part. `length` is in bytes, with the header; a CLOCK or END has no payload.

    A TICKS record holds the ticks `first_seq` to `last_seq`; the others stand behind tick
    `last_seq`, and `first_seq` says the same. `row_count` is of ticks, of a DEAF record of
    instruments. A tuple: one is made for each record of a journal.
    """

    kind: RecordKind
    has_depth: bool
    length: int
    row_count: int
    first_seq: int
    last_seq: int
    ts_recv_ns: int
    payload_checksum: int

    @property
    def tick_count(self) -> int:
        """How many ticks the record holds."""
        return self.row_count if self.kind == RecordKind.TICKS else 0


def check_session_key(session_key: str) -> str:
    """Return the key when it is safe as a folder's name.

    Raises
    ------
    JournalError : it holds a path separator, starts with a dot, is empty or too long.
    """
    if not _SESSION_KEY.fullmatch(session_key):
        msg = (
            "a session key is 1 to 128 letters, digits, dots, hyphens and underscores and starts "
            f"with a letter or digit, was {session_key!r}"
        )
        raise JournalError(msg)
    return session_key


def name_segment(segment: int) -> str:
    """Return a segment's file name: `00000001.swj`."""
    return f"{segment:08d}{SEGMENT_SUFFIX}"


def list_segments(directory: Path) -> list[tuple[int, Path]]:
    """Return (number, path) of the segments in a folder, in order; [] where there is no folder.

    Of one that is there plain and packed the plain one: packing it was not finished.

    Raises
    ------
    JournalError : the folder cannot be read, or a file with our suffix has a name we never gave.
    """
    try:
        # A packed name sorts behind the plain one it begins with.
        paths = sorted(path for path in directory.iterdir() if path.name.endswith(_SUFFIXES))
    except FileNotFoundError:
        return []
    except OSError as error:
        msg = f"the journal folder {directory} cannot be read: {error}"
        raise JournalError(msg) from error
    segments: list[tuple[int, Path]] = []
    for path in paths:
        match = _SEGMENT_NAME.fullmatch(path.name)
        if match is None:
            msg = f"a journal's segments are named 00000001.swj and on, found {path.name}"
            raise JournalError(msg)
        if not segments or segments[-1][0] != int(match[1]):
            segments.append((int(match[1]), path))
    return segments


def _compute_payload_bytes(kind: int, count: int, *, has_depth: bool) -> int:
    if kind == RecordKind.DEAF:
        return compute_deafness_bytes(count)
    return count * (TICK_DTYPE.itemsize + (DEPTH_DTYPE.itemsize if has_depth else 0))


def compute_fingerprint(dtype: np.dtype[Any]) -> str:
    """Return 16 hex digits that change with any field's name, type, shape or place."""
    fields = [
        [name, field[0].base.str, list(field[0].shape), field[1]]
        for name, field in (dtype.fields or {}).items()
    ]
    return xxhash.xxh3_64_hexdigest(json.dumps([dtype.itemsize, fields]).encode())


def pack_segment_header(header: SegmentHeader) -> bytes:
    """Return a segment's first bytes: fixed part, JSON, zeros up to a multiple of 64.

    Raises
    ------
    JournalError : the source's description is absurdly long.
    """
    metadata = json.dumps(
        {
            "session_key": header.session_key,
            "source": header.source,
            "after_seq": header.after_seq,
            "tick_dtype": compute_fingerprint(TICK_DTYPE),
            "depth_dtype": compute_fingerprint(DEPTH_DTYPE),
        },
        sort_keys=True,
    ).encode()
    length = -(-(_SEGMENT_HEAD.size + len(metadata)) // _HEADER_ALIGNMENT) * _HEADER_ALIGNMENT
    if length > _MAX_HEADER_BYTES:
        msg = f"a segment's header is at most {_MAX_HEADER_BYTES} bytes, would be {length}"
        raise JournalError(msg)
    head = _SEGMENT_HEAD.pack(
        _SEGMENT_MAGIC, header.version, length, len(metadata), header.segment, 0
    )[:_SEGMENT_CHECKED_BYTES]
    body = metadata.ljust(length - _SEGMENT_HEAD.size, b"\0")
    return head + _CHECKSUM.pack(xxhash.xxh3_64_intdigest(head + body)) + body


def parse_segment_header(data: bytes, *, name: str) -> tuple[SegmentHeader, int]:
    """Read a segment's header out of its first 64 KiB, or all of it when it is shorter.

    Returns
    -------
    The header, and the offset of the first record.

    Raises
    ------
    JournalError : not a journal's segment, of another version or layout of ticks, or damaged.
    """
    if len(data) < _SEGMENT_HEAD.size or not data.startswith(_SEGMENT_MAGIC):
        msg = f"{name} is not a segment of a journal"
        raise JournalError(msg)
    _, version, length, metadata_length, segment, checksum = _SEGMENT_HEAD.unpack_from(data)
    if version not in _READABLE_VERSIONS:
        readable = " and ".join(map(str, _READABLE_VERSIONS))
        msg = f"{name} has journal format {version}, this program reads {readable}"
        raise JournalError(msg)
    is_sized = _SEGMENT_HEAD.size + metadata_length <= length <= min(len(data), _MAX_HEADER_BYTES)
    body = data[_SEGMENT_HEAD.size : length]
    if not is_sized or xxhash.xxh3_64_intdigest(data[:_SEGMENT_CHECKED_BYTES] + body) != checksum:
        msg = f"the header of {name} is damaged"
        raise JournalError(msg)
    metadata = json.loads(body[:metadata_length])
    for key, dtype in (("tick_dtype", TICK_DTYPE), ("depth_dtype", DEPTH_DTYPE)):
        if metadata[key] != compute_fingerprint(dtype):
            msg = f"{name} was written with another layout of {key}: {metadata[key]}"
            raise JournalError(msg)
    header = SegmentHeader(
        segment=segment,
        session_key=metadata["session_key"],
        source=metadata["source"],
        after_seq=metadata["after_seq"],
        version=version,
    )
    return header, length


def pack_record_header_into(
    buffer: bytearray, at: int, header: RecordHeader, *, segment: int, offset: int
) -> None:
    """Write a record's header at `buffer[at:]`, bound to its place in the journal."""
    _RECORD_HEAD.pack_into(
        buffer,
        at,
        RECORD_MAGIC,
        header.kind,
        header.has_depth,
        0,
        header.length,
        header.row_count,
        header.first_seq,
        header.last_seq,
        header.ts_recv_ns,
        header.payload_checksum,
        segment,
        offset,
        0,
    )
    end = at + _RECORD_CHECKED_BYTES
    with memoryview(buffer) as view:
        _CHECKSUM.pack_into(buffer, end, xxhash.xxh3_64_intdigest(view[at:end]))


def find_record_header(
    data: memoryview, at: int, *, segment: int, offset: int
) -> RecordHeader | None:
    """Read the record header at `data[at:]`; None when it is cut, damaged or from another place.

    The payload is not looked at: its length can be trusted, its bytes not yet.
    """
    end = at + _RECORD_CHECKED_BYTES
    if end + _CHECKSUM.size > len(data):
        return None
    (
        magic,
        kind,
        has_depth,
        zero,
        length,
        count,
        first_seq,
        last_seq,
        ts_recv_ns,
        payload_checksum,
        own_segment,
        own_offset,
        checksum,
    ) = _RECORD_HEAD.unpack_from(data, at)
    if (
        magic != RECORD_MAGIC
        or own_segment != segment
        or own_offset != offset
        or xxhash.xxh3_64_intdigest(data[at:end]) != checksum
    ):
        return None
    # Behind a good checksum these can only fail for a file that somebody forged or a newer program
    # wrote without a new version. Either way it is not a record of ours.
    payload_bytes = _compute_payload_bytes(kind, count, has_depth=bool(has_depth))
    is_ours = (
        kind in _KINDS
        and has_depth in (0, 1)
        and zero == 0
        and (kind in (RecordKind.TICKS, RecordKind.DEAF)) == (count > 0)
        and last_seq - first_seq == (count - 1 if kind == RecordKind.TICKS else 0)
        and length == RECORD_HEAD_BYTES + payload_bytes
    )
    if not is_ours:
        return None
    return RecordHeader(
        kind=RecordKind(kind),
        has_depth=bool(has_depth),
        length=length,
        row_count=count,
        first_seq=first_seq,
        last_seq=last_seq,
        ts_recv_ns=ts_recv_ns,
        payload_checksum=payload_checksum,
    )
