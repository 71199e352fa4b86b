"""Segments that are not written to any more, packed: the same bytes as a Zstandard stream.

`00000001.swj` becomes `00000001.swj.zst`, which `zstd -d` turns back. Behind the stream stands what
Zstandard calls a skippable frame, with the length and the digest of what was packed.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from strikewire.core.errors import JournalError

PACKED_SUFFIX: Final = ".zst"
_CODEC: Final = "zstd"
_CHUNK_BYTES: Final = 1024 * 1024
#: https://datatracker.ietf.org/doc/html/rfc8878#section-3.1.2
_SKIPPABLE_MAGIC: Final = 0x184D2A5A
#: magic, length of what follows, bytes that were packed, their xxh3_64, xxh3_64 of the 24 before.
_TRAILER: Final = struct.Struct("<IIQQQ")
_TRAILER_CHECKED_BYTES: Final = _TRAILER.size - 8
_SKIPPABLE_HEAD_BYTES: Final = 8


class SegmentBytes(Protocol):
    """The bytes of a segment, packed or not."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def read_into(self, chunk: npt.NDArray[np.uint8], offset: int) -> int:
        """Fill a chunk with what stands at an offset; return how many bytes there were.

        Offsets never fall below that of the call before. Fewer than were asked for: there is, or
        can be read, nothing more.
        """
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class PlainBytes:
    """A segment as it was written.

    Raises
    ------
    OSError : the file cannot be read; from `read_into` too.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.size = os.fstat(self._file.fileno()).st_size

    def read_into(self, chunk: npt.NDArray[np.uint8], offset: int) -> int:
        """Fill a chunk; see `SegmentBytes`."""
        filled = 0
        while filled < len(chunk):
            got = os.preadv(self._file.fileno(), [chunk[filled:].data], offset + filled)
            if not got:
                break
            filled += got
        return filled

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class PackedBytes:
    """A segment that was packed, unpacked while it is read.

    Raises
    ------
    OSError : the file cannot be read; from `read_into` too.
    JournalError : its end says nothing, or nothing good, of what was packed.
    """

    def __init__(self, path: Path) -> None:
        self.size = _read_trailer(path).size
        self._stream = pa.CompressedInputStream(pa.OSFile(str(path), "rb"), _CODEC)
        self._at = 0
        # What was read last, and where it stands: the next chunk begins in it.
        self._kept = np.empty(0, np.uint8)
        self._kept_at = 0

    def read_into(self, chunk: npt.NDArray[np.uint8], offset: int) -> int:
        """Fill a chunk; see `SegmentBytes`."""
        known = self._kept[max(offset - self._kept_at, 0) :][: len(chunk)]
        chunk[: len(known)] = known
        filled = len(known)
        if not filled:
            self._skip_to(offset)
        while filled < len(chunk):
            got = self._unpack(chunk[filled:])
            if not got:
                break
            filled += got
        if offset + filled >= self._kept_at + len(self._kept):
            self._kept, self._kept_at = chunk[:filled], offset
        return filled

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def _skip_to(self, offset: int) -> None:
        unwanted = np.empty(_CHUNK_BYTES, np.uint8)
        while self._at < offset:
            if not self._unpack(unwanted[: offset - self._at]):
                return

    def _unpack(self, room: npt.NDArray[np.uint8]) -> int:
        try:
            got = int(self._stream.readinto(room.data))
        except OSError as error:
            # With a number it is the disk's; without one the stream makes no sense from here on.
            if error.errno is not None:
                raise
            return 0
        self._at += got
        return got


@dataclass(frozen=True, slots=True)
class _Trailer:
    size: int
    digest: int


def open_bytes(path: Path) -> SegmentBytes:
    """Open a segment; also one that was packed since somebody looked which there are.

    Raises
    ------
    OSError : it cannot be opened.
    JournalError : it is packed, and its end is damaged.
    """
    if path.suffix == PACKED_SUFFIX:
        return PackedBytes(path)
    try:
        return PlainBytes(path)
    except FileNotFoundError:
        return PackedBytes(name_packed(path))


def name_packed(path: Path) -> Path:
    """Return the name of a segment when it is packed."""
    return path.with_name(path.name + PACKED_SUFFIX)


def pack_segment(path: Path, unnamed: Path) -> int:
    """Put a packed segment in the place of a plain one; return how many bytes that saves.

    The packed file is written under another name, synced, unpacked again and compared, and then
    takes its name; only then does the plain one go. Whatever a crash leaves, the plain one or a
    good packed one is there, and doing it again is safe.

    Parameters
    ----------
    path : of the plain segment, to which nobody writes.
    unnamed : where the packed one is written to until it is good; on the same disk.

    Raises
    ------
    OSError : the disk refuses, or is full; the plain segment is still there.
    JournalError : what was packed does not come out again; likewise.
    """
    packed = name_packed(path)
    written = _pack(path, unnamed)
    if _digest_packed(unnamed, written.size) != written.digest:
        msg = f"{path} does not come out of its packed form as it was"
        raise JournalError(msg)
    unnamed.rename(packed)
    _sync_folder(path.parent)
    path.unlink()
    return written.size - packed.stat().st_size


def _pack(path: Path, target: Path) -> _Trailer:
    digest, size = xxhash.xxh3_64(), 0
    with path.open("rb") as source, pa.CompressedOutputStream(str(target), _CODEC) as stream:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            stream.write(chunk)
    with target.open("ab") as file:
        file.write(_make_trailer(_Trailer(size, digest.intdigest())))
        file.flush()
        os.fsync(file.fileno())
    return _Trailer(size, digest.intdigest())


def _digest_packed(path: Path, size: int) -> int:
    """Return the digest of what comes out of a packed file."""
    digest = xxhash.xxh3_64()
    packed = PackedBytes(path)
    try:
        at = 0
        while at < size:
            chunk = np.empty(min(_CHUNK_BYTES, size - at), np.uint8)
            got = packed.read_into(chunk, at)
            if not got:
                break
            digest.update(chunk[:got].data)
            at += got
    finally:
        packed.close()
    return digest.intdigest()


def _make_trailer(trailer: _Trailer) -> bytes:
    length = _TRAILER.size - _SKIPPABLE_HEAD_BYTES
    head = _TRAILER.pack(_SKIPPABLE_MAGIC, length, trailer.size, trailer.digest, 0)
    checked = head[:_TRAILER_CHECKED_BYTES]
    return checked + struct.pack("<Q", xxhash.xxh3_64_intdigest(checked))


def _read_trailer(path: Path) -> _Trailer:
    with path.open("rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - _TRAILER.size, 0))
        data = file.read(_TRAILER.size)
    if len(data) == _TRAILER.size:
        magic, _, size, digest, checksum = _TRAILER.unpack(data)
        is_good = checksum == xxhash.xxh3_64_intdigest(data[:_TRAILER_CHECKED_BYTES])
        if magic == _SKIPPABLE_MAGIC and is_good:
            return _Trailer(size, digest)
    msg = f"the end of {path} does not say what was packed: it was cut, or is not ours"
    raise JournalError(msg)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
