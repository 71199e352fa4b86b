"""Whose the server is: PostgreSQL refuses to be root, so as root it runs as somebody else."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strikewire.core.errors import EmbeddedServerError

#: https://man7.org/linux/man-pages/man5/proc_pid_cwd.5.html
_OWN_FOLDER: Final = Path("/proc/self/cwd")


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that the server runs as, when that is not the one we are."""

    name: str
    uid: int
    gid: int

    def give(self, path: Path | int) -> None:
        """Make a path, or an open file, this user's."""
        os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Say whether this user may enter a folder, or run a program."""
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)

    def find_obstacle(self, path: Path) -> Path | None:
        """Return the first folder on the way to a path that this user may not enter."""
        way = (*reversed(path.parents), path)
        return next((folder for folder in way if not self.can_enter(folder)), None)


def find_owner(cluster: Path, run_as: str) -> Owner | None:
    """Return whom to run as; None to run as whoever we are.

    Parameters
    ----------
    cluster : the server's folder. Once it is there, its owner is the one.
    run_as : the name of the user for a new one.

    Raises
    ------
    EmbeddedServerError : there is no such user, or the folder is root's.
    """
    if os.geteuid() != 0:
        return None
    try:
        found = cluster.stat()
    except FileNotFoundError:
        try:
            user = pwd.getpwnam(run_as)
        except KeyError as error:
            msg = f"PostgreSQL does not run as root, and there is no user {run_as} to run it as"
            raise EmbeddedServerError(msg) from error
        return Owner(user.pw_name, user.pw_uid, user.pw_gid)
    if found.st_uid == 0:
        msg = f"PostgreSQL does not run as root, to whom {cluster} belongs: give it to {run_as}"
        raise EmbeddedServerError(msg)
    return Owner(f"of uid {found.st_uid}", found.st_uid, found.st_gid)


def name_for_owner(folder: Path, owner: Owner | None) -> str:
    """Return a path by which a server that runs in a folder gets to it.

    A folder above it may be closed to the server's user, as root's home is, and opening it is
    not for us. But the folder in which a process was before it changed its user stays its current
    one, and Linux lets a path begin there.

    Raises
    ------
    EmbeddedServerError : this system does not; names the folder that is closed.
    """
    obstacle = owner.find_obstacle(folder) if owner else None
    if obstacle is None:
        return str(folder)
    if _OWN_FOLDER.exists():
        return str(_OWN_FOLDER)
    msg = (
        f"PostgreSQL does not run as root, and its user may not enter {obstacle}: "
        "choose a data directory elsewhere, or run as an ordinary user"
    )
    raise EmbeddedServerError(msg)
