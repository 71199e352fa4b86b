"""All journals of a data directory: which there are, how large they are, and the end of one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from strikewire.core.errors import JournalError
from strikewire.journal.format import list_segments
from strikewire.journal.recovery import lock

#: No session key starts with a dot: what does is on its way out.
_DROPPED: Final = ".dropped-"


def list_journals(root: Path) -> list[Path]:
    """Return the folders of all journals, by name; none where nothing was ever recorded.

    Raises
    ------
    JournalError : the folder cannot be read.
    """
    try:
        return sorted(each for each in root.iterdir() if each.is_dir() and each.name[0] != ".")
    except FileNotFoundError:
        return []
    except OSError as error:
        msg = f"the folder of all journals {root} cannot be read: {error}"
        raise JournalError(msg) from error


def measure(directory: Path) -> int:
    """Return how many bytes a journal's segments have on disk; of one that goes meanwhile, 0.

    Raises
    ------
    JournalError : the folder cannot be read.
    """
    try:
        return sum(path.stat().st_size for _, path in list_segments(directory))
    except FileNotFoundError:
        return 0


def drop(directory: Path) -> None:
    """Delete a journal: all of it or, whatever happens meanwhile, nothing that can be seen.

    Raises
    ------
    JournalError : somebody writes it, or the disk refuses.
    """
    with lock(directory):
        try:
            dropped = directory.with_name(_DROPPED + directory.name)
            directory.rename(dropped)
            shutil.rmtree(dropped)
        except OSError as error:
            msg = f"the journal in {directory} cannot be deleted: {error}"
            raise JournalError(msg) from error


def sweep(root: Path) -> None:
    """Delete what a crash in the middle of `drop` left.

    Raises
    ------
    JournalError : the disk refuses.
    """
    for dropped in root.glob(f"{_DROPPED}*"):
        try:
            shutil.rmtree(dropped)
        except OSError as error:
            msg = f"what is left of a journal in {dropped} cannot be deleted: {error}"
            raise JournalError(msg) from error
