"""The lock on a data directory: one program at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from strikewire.core.errors import DataDirectoryBusyError


class DirectoryLock:
    """A lock of the kernel's: it is gone when its holder is, however that ended."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock. Taking it twice is the same as once.

        Raises
        ------
        DataDirectoryBusyError : another program has it; the message says which.
        """
        if self._descriptor is not None:
            return
        path = self._root / "strikewire.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            msg = f"the data directory {self._root} is in use by process {holder}; stop it first"
            raise DataDirectoryBusyError(msg, data_dir=str(self._root), pid=holder) from error
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it. Doing so twice is the same as once."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
