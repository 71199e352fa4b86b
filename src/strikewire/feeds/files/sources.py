"""Opening a file that nobody vouches for: plain, gzip, zip with one member, or Parquet.

Nothing is ever unpacked to disk, so a member's name cannot lead anywhere; a name that tries to is
refused all the same. What comes out of a compressed file is capped while it is read.
"""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final, cast

from strikewire.core.errors import FileLayoutError

_GIB: Final = 1024**3
_GZIP_MAGIC: Final = b"\x1f\x8b"
#: Of an archive with files, and of one without.
_ZIP_MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_PARQUET_MAGIC: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How much of an untrusted file we are willing to read.

    Parameters
    ----------
    max_file_bytes : of the file as it stands on disk.
    max_expanded_bytes : of what comes out of it.
    max_line_bytes : of one line of text.
    max_row_count : rows of one file.
    """

    max_file_bytes: int = 8 * _GIB
    max_expanded_bytes: int = 32 * _GIB
    max_line_bytes: int = 1024**2
    max_row_count: int = 200_000_000


class ByteSource:
    """The bytes of a text file, decompressed, counted and capped.

    Library errors end here: a damaged archive is a `FileLayoutError`.
    """

    def __init__(self, stream: BinaryIO, raw: BinaryIO, size: int, limits: FileLimits) -> None:
        self._stream = stream
        self._raw = raw
        self._size = size
        self._limits = limits
        self._expanded = 0

    @property
    def fraction_read(self) -> float:
        """How much of the file on disk has been taken in, 0 to 1."""
        return min(1.0, self._raw.tell() / self._size) if self._size else 1.0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end.

        Raises
        ------
        FileLayoutError : the archive is damaged, or more comes out of it than the limit.
        """
        with translate_library_errors():
            data = self._stream.read(size)
        self._expanded += len(data)
        if self._expanded > self._limits.max_expanded_bytes:
            msg = f"at most {self._limits.max_expanded_bytes} bytes may come out of the file"
            raise FileLayoutError(msg)
        return data


@contextmanager
def translate_library_errors() -> Iterator[None]:
    """Turn what reading a damaged or unreadable file raises into a `FileLayoutError`.

    NotImplementedError and RuntimeError are how `zipfile` says unknown compression and password.
    """
    try:
        yield
    except FileLayoutError:
        raise
    except (
        OSError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
    ) as error:
        msg = f"the file cannot be read: {error}"
        raise FileLayoutError(msg) from error


def is_parquet(path: Path, limits: FileLimits) -> bool:
    """Say whether a file is Parquet, by its first bytes.

    Raises
    ------
    FileLayoutError : it is not there, not a plain file, empty, or too large.
    """
    with translate_library_errors():
        if not path.is_file():
            msg = "a file was wanted, found a folder" if path.is_dir() else "there is no such file"
            raise FileLayoutError(msg, path=str(path))
        size = path.stat().st_size
        if size > limits.max_file_bytes:
            msg = f"a file may have at most {limits.max_file_bytes} bytes, found {size}"
            raise FileLayoutError(msg)
        with path.open("rb") as raw:
            return raw.read(4) == _PARQUET_MAGIC


@contextmanager
def open_text(path: Path, limits: FileLimits) -> Iterator[ByteSource]:
    """Open a plain or compressed text file; its first bytes say which.

    Raises
    ------
    FileLayoutError : unreadable, or a zip archive with anything but one harmless member.
    """
    with translate_library_errors():
        raw = path.open("rb")
    with raw:
        size = os.fstat(raw.fileno()).st_size
        magic = raw.read(4)
        raw.seek(0)
        if magic.startswith(_GZIP_MAGIC):
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield ByteSource(cast("BinaryIO", unpacked), raw, size, limits)
        elif magic in _ZIP_MAGICS:
            with translate_library_errors():
                archive = zipfile.ZipFile(raw)
            with archive:
                member = _pick_member(archive, limits)
                with translate_library_errors():
                    unpacked_member = archive.open(member)
                with unpacked_member:
                    yield ByteSource(cast("BinaryIO", unpacked_member), raw, size, limits)
        else:
            yield ByteSource(raw, raw, size, limits)


def _pick_member(archive: zipfile.ZipFile, limits: FileLimits) -> zipfile.ZipInfo:
    """Return the archive's one file, if there is one and it is harmless."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        msg = f"a zip archive with one file was wanted, found {len(members)}"
        raise FileLayoutError(msg)
    member = members[0]
    posix, windows = PurePosixPath(member.filename), PureWindowsPath(member.filename)
    if posix.is_absolute() or windows.anchor or ".." in (*posix.parts, *windows.parts):
        msg = f"a zip member with a plain name was wanted, found {member.filename!r}"
        raise FileLayoutError(msg)
    if member.file_size > limits.max_expanded_bytes:
        msg = f"at most {limits.max_expanded_bytes} bytes may come out of the file"
        raise FileLayoutError(msg, found=member.file_size)
    return member
