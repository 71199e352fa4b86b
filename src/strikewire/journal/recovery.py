"""Find out how far a journal is good, and cut off what a crash left torn."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from strikewire.core.errors import JournalError
from strikewire.journal.format import FORMAT_VERSION, RecordKind, list_segments
from strikewire.journal.packed import PACKED_SUFFIX
from strikewire.journal.scan import Damage, FoundRecord, FoundSegment, TornTail, walk

#: What a crash between making a segment and naming it leaves behind.
UNNAMED_SUFFIX = ".new"


@dataclass(frozen=True, slots=True)
class RecoveredJournal:
    """What a journal holds.

    Parameters
    ----------
    directory : the journal's folder; it need not exist.
    session_key, source : as the segments say; empty without segments.
    last_seq : the last tick that is, or was, in the journal; 0 without ticks.
    is_complete : the recording ended in good order: there is nothing more to come.
    truncated_bytes : what was torn at the end and has been cut off (by `inspect`: would be).
    damages : stretches inside that cannot be read. They stay where they are, see `recover`.
    tick_count, size_bytes : of the good records.
    first_recv_ns, last_recv_ns : receive times of the first and the last frame; 0 without ticks.
    last_clock_ns : the latest CLOCK; 0 without one.
    last_segment, first_offset, end_offset : the last segment's number, and where in it the records
        start and the next one goes; 0 without segments.
    format_version : of the last segment.
    """

    directory: Path
    session_key: str = ""
    source: str = ""
    last_seq: int = 0
    is_complete: bool = False
    truncated_bytes: int = 0
    damages: tuple[Damage, ...] = field(default=())
    tick_count: int = 0
    size_bytes: int = 0
    first_recv_ns: int = 0
    last_recv_ns: int = 0
    last_clock_ns: int = 0
    last_segment: int = 0
    first_offset: int = 0
    end_offset: int = 0
    format_version: int = FORMAT_VERSION

    @property
    def is_intact(self) -> bool:
        """Nothing inside is damaged: what `JournalReader` yields is everything there was."""
        return not self.damages


def inspect(directory: Path) -> RecoveredJournal:
    """Read a whole journal, verify every checksum, change nothing.

    Raises
    ------
    JournalError : see `recover`.
    """
    first_recv_ns = last_recv_ns = last_clock_ns = 0
    last_seq = tick_count = size_bytes = torn_bytes = 0
    is_complete = False
    damages: list[Damage] = []
    segment: FoundSegment | None = None
    end_offset = 0
    for found in walk(directory):
        match found:
            case FoundRecord(_, offset, header, _):
                end_offset = offset + header.length
                size_bytes += header.length
                tick_count += header.tick_count
                last_seq = header.last_seq
                is_complete = header.kind == RecordKind.END
                if header.kind == RecordKind.TICKS:
                    first_recv_ns = first_recv_ns or header.ts_recv_ns
                    last_recv_ns = max(last_recv_ns, header.ts_recv_ns)
                elif header.kind == RecordKind.CLOCK:
                    last_clock_ns = max(last_clock_ns, header.ts_recv_ns)
            case FoundSegment():
                segment, end_offset = found, found.offset
                last_seq = max(last_seq, found.header.after_seq)
                is_complete = False
            case Damage():
                damages.append(found)
            case TornTail():
                torn_bytes = found.length
    return RecoveredJournal(
        directory=directory,
        session_key=segment.header.session_key if segment else "",
        source=segment.header.source if segment else "",
        last_seq=last_seq,
        is_complete=is_complete and not torn_bytes,
        truncated_bytes=torn_bytes,
        damages=tuple(damages),
        tick_count=tick_count,
        size_bytes=size_bytes,
        first_recv_ns=first_recv_ns,
        last_recv_ns=last_recv_ns,
        last_clock_ns=last_clock_ns,
        last_segment=segment.header.segment if segment else 0,
        first_offset=segment.offset if segment else 0,
        end_offset=end_offset,
        format_version=segment.header.version if segment else FORMAT_VERSION,
    )


def recover(directory: Path) -> RecoveredJournal:
    """Cut off a torn tail, if there is one, and tell what the journal holds.

    The tail is what follows the last good record of the last segment. Damage inside, with good
    records behind it, is never cut off, moved or repaired: the records behind it are worth more
    than a tidy file. It is reported in `damages`, with the ticks lost; the reader refuses to pass
    it unless told to; and who feeds from something that can be read again may record anew. A
    damaged last record looks like a torn one, and is cut off like one: its bytes are counted.

    Running it again finds the same and cuts nothing.

    Raises
    ------
    JournalError : a segment is not ours, its header is damaged, it was written by another version
        or with another layout of ticks; the disk refuses; another program is writing.
    """
    if not directory.is_dir():
        return RecoveredJournal(directory)
    with lock(directory):
        return repair(directory)


def repair(directory: Path) -> RecoveredJournal:
    """Do what `recover` does for a caller who holds the lock."""
    recovered = inspect(directory)
    try:
        for path in directory.glob(f"*{UNNAMED_SUFFIX}"):
            path.unlink()
        for number, path in list_segments(directory):
            if number > recovered.last_segment:
                path.unlink()
            elif number < recovered.last_segment or path.suffix == PACKED_SUFFIX:
                # What is packed was whole once: if it is not now, that is left as it is.
                continue
            elif recovered.truncated_bytes:
                os.truncate(path, recovered.end_offset)
    except OSError as error:
        msg = f"the torn end of the journal in {directory} cannot be cut off: {error}"
        raise JournalError(msg) from error
    return recovered


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Hold a journal for writing. The kernel lets go of it when the program dies, however.

    Raises
    ------
    JournalError : somebody else holds it.
    """
    fd = take_lock(directory)
    try:
        yield
    finally:
        os.close(fd)


def take_lock(directory: Path) -> int:
    """Return the descriptor that holds a journal for writing; closing it lets go.

    Raises
    ------
    JournalError : somebody else holds it.
    """
    fd = -1
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        msg = f"the journal in {directory} is being written by another program"
        raise JournalError(msg) from error
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        msg = f"the journal in {directory} cannot be locked: {error}"
        raise JournalError(msg) from error
    return fd
