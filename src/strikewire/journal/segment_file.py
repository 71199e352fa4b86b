"""The file a journal is written to at the moment: begun, filled, synced, and left for the next."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, NoReturn

from strikewire.core.errors import JournalError
from strikewire.journal.format import (
    FORMAT_VERSION,
    SegmentHeader,
    name_segment,
    pack_segment_header,
)
from strikewire.journal.recovery import UNNAMED_SUFFIX, RecoveredJournal

# macOS has no fdatasync.
_sync_data: Final = os.fdatasync if hasattr(os, "fdatasync") else os.fsync


class SegmentFile:
    """The last segment of a journal, open for writing at its end.

    Parameters
    ----------
    directory : the journal's folder.
    session_key, source : what each segment says in its header.
    recovered : where to go on; without segments the first is begun.

    Raises
    ------
    JournalError : what was recovered is another recording; and from every method, where the disk is
        full or refuses.
    """

    def __init__(
        self, directory: Path, *, session_key: str, source: str, recovered: RecoveredJournal
    ) -> None:
        if recovered.session_key not in ("", session_key):
            msg = f"{directory} holds the recording {recovered.session_key}, wanted {session_key}"
            raise JournalError(msg)
        self._directory = directory
        self._session_key = session_key
        self._source = source
        self._syncs = ThreadPoolExecutor(1, thread_name_prefix="journal-sync")
        self._sync: Future[None] | None = None
        self.segment = recovered.last_segment
        self.offset = recovered.end_offset
        self._first_offset = recovered.first_offset
        path = directory / name_segment(self.segment)
        try:
            if recovered.is_complete:
                # Nothing is written behind an end; and the last segment may have been packed.
                self._fd = os.open(directory, os.O_RDONLY)
            elif recovered.format_version == FORMAT_VERSION and path.exists():
                self._fd = os.open(path, os.O_WRONLY)
            else:
                # There is none yet, it is packed, or in the older format: a program that writes
                # that one may still read what it wrote itself.
                self._fd = self._begin(self.segment + 1, after_seq=recovered.last_seq)
        except OSError as error:
            self._fail("open", error)

    @property
    def is_open(self) -> bool:
        """Bytes can be written."""
        return self._fd >= 0

    @property
    def is_empty(self) -> bool:
        """The segment has its header and nothing else."""
        return self.offset == self._first_offset

    def write(self, data: memoryview) -> None:
        """Hand bytes to the operating system; `offset` moves behind them, or stays on failure.

        After a failure the file may hold a part of them. The next write goes over it; if there is
        none, recovery cuts it off.
        """
        written = 0
        try:
            # Almost always once round; a full disk takes a part before it refuses.
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], self.offset + written)
        except OSError as error:
            self._fail("write", error)
        self.offset += written

    def rotate(self, *, after_seq: int) -> None:
        """Go on in the next segment, and have the full one synced meanwhile.

        On a thread of its own: a slow disk may take a second for 256 MiB, and ticks do not wait.
        The next rotation, `sync` or `close` waits for it, and reports its failure.
        """
        self._await_sync()
        full_fd = self._fd
        self._fd = self._begin(self.segment + 1, after_seq=after_seq)
        self._sync = self._syncs.submit(_sync_and_close, full_fd, self._directory)

    def sync(self) -> None:
        """Wait until the disk itself has everything written."""
        self._await_sync()
        try:
            _sync_data(self._fd)
        except OSError as error:
            self._fail("sync", error)

    def close(self) -> None:
        """Let go, after the sync under way; closing twice is the same as once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._syncs.shutdown()

    def _begin(self, segment: int, *, after_seq: int) -> int:
        """Make a segment's file and write its header, under another name until it is whole."""
        header = pack_segment_header(
            SegmentHeader(
                segment=segment,
                session_key=self._session_key,
                source=self._source,
                after_seq=after_seq,
            )
        )
        path = self._directory / name_segment(segment)
        unnamed = path.with_suffix(UNNAMED_SUFFIX)
        try:
            # A header cut short by a full disk is noticed here: write_bytes does not stop half way.
            unnamed.write_bytes(header)
            fd = os.open(unnamed, os.O_WRONLY)
            unnamed.rename(path)
        except OSError as error:
            self._fail("begin a segment of", error)
        self.segment, self.offset, self._first_offset = segment, len(header), len(header)
        return fd

    def _await_sync(self) -> None:
        sync, self._sync = self._sync, None
        if sync is None:
            return
        try:
            sync.result()
        except OSError as error:
            self._fail("sync", error)

    def _fail(self, what: str, error: OSError) -> NoReturn:
        msg = f"cannot {what} the journal in {self._directory}: {error}"
        raise JournalError(msg) from error


def _sync_and_close(fd: int, directory: Path) -> None:
    try:
        _sync_data(fd)
        # The name of the next segment is only as safe as the folder it stands in.
        folder = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        os.close(fd)
