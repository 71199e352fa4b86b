"""Where the server listens: a unix socket's folder, and a loopback port."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from strikewire.core.errors import EmbeddedServerError
from strikewire.store.embedded.owner import Owner

#: sun_path holds 108 bytes, the last one zero, and this is appended to the folder.
_MAX_FOLDER_BYTES: Final = 107 - len("/.s.PGSQL.65535")
_MAX_PORT: Final = 65_535
#: In a URL's host a comma begins the next host, and in the server's setting a quote ends the name.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./+=@~ -]+")


def make_socket_folder(root: Path, owner: Owner | None) -> Path:
    """Return a folder that only the server's user may enter, with a path short enough.

    Parameters
    ----------
    root : the data directory. Where its path is too long for a socket, or odd, or closed to the
        server's user, the folder is among the temporary ones, named after that path.

    Raises
    ------
    EmbeddedServerError : there is such a folder, and it is somebody else's; or there is no place.
    """
    folder = root / "postgres.socket"
    is_closed = owner is not None and owner.find_obstacle(root) is not None
    if is_closed or not _can_hold_socket(folder):
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"strikewire-{name}"
        if not _can_hold_socket(folder):
            msg = f"a unix socket's path is too long, or odd, in {root} and in {folder.parent}"
            raise EmbeddedServerError(msg)
    folder.mkdir(mode=0o700, exist_ok=True)
    expected = {os.geteuid()} | ({owner.uid} if owner else set())
    if folder.is_symlink() or folder.stat().st_uid not in expected:
        msg = f"the socket folder {folder} belongs to somebody else"
        raise EmbeddedServerError(msg)
    folder.chmod(0o700)
    if owner is not None:
        owner.give(folder)
    return folder


def choose_port(wanted: int | None, memory: Path) -> int:
    """Return the port asked for, the one used last if it is free, or any.

    Parameters
    ----------
    memory : a file that holds the one used last, so that a client's settings stay right.

    Raises
    ------
    EmbeddedServerError : the port asked for is taken.
    """
    if wanted is not None:
        if not _is_free(wanted):
            msg = f"port {wanted}, wanted for the embedded PostgreSQL, is taken"
            raise EmbeddedServerError(msg)
        return wanted
    with suppress(OSError, ValueError):
        remembered = int(memory.read_text())
        if 0 < remembered <= _MAX_PORT and _is_free(remembered):
            return remembered
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found = int(probe.getsockname()[1])
    memory.write_text(f"{found}\n")
    return found


def _can_hold_socket(folder: Path) -> bool:
    return len(os.fsencode(folder)) <= _MAX_FOLDER_BYTES and bool(_PLAIN.fullmatch(str(folder)))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL does it: connections of the server before that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
