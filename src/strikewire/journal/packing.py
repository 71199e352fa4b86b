"""Pack a recording that has ended."""

from __future__ import annotations

from pathlib import Path

from strikewire.core.errors import JournalError
from strikewire.journal.format import list_segments
from strikewire.journal.packed import PACKED_SUFFIX, name_packed, pack_segment
from strikewire.journal.recovery import UNNAMED_SUFFIX, lock


def pack(directory: Path) -> int:
    """Pack every segment of a journal that is not packed; return how many bytes that saves.

    A segment's bytes stay what they are, damage included, and whoever reads the journal meanwhile
    goes on. Interrupted at any place it loses nothing, and doing it again goes on behind what is
    done.

    Raises
    ------
    JournalError : somebody writes the journal, a segment does not come out as it was, or the disk
        refuses or is full. What is not packed is still there as it was.
    """
    saved = 0
    with lock(directory):
        for _, path in list_segments(directory):
            if path.suffix == PACKED_SUFFIX:
                continue
            unnamed = name_packed(path).with_name(name_packed(path).name + UNNAMED_SUFFIX)
            try:
                saved += pack_segment(path, unnamed)
            except OSError as error:
                unnamed.unlink(missing_ok=True)
                msg = f"{path} cannot be packed: {error}"
                raise JournalError(msg) from error
    return saved


def is_packed(directory: Path) -> bool:
    """Return whether nothing of a journal is left to be packed.

    Raises
    ------
    JournalError : the folder cannot be read.
    """
    return all(path.suffix == PACKED_SUFFIX for _, path in list_segments(directory))
