"""The cluster: PostgreSQL's own folder in the data directory."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from strikewire.core.errors import EmbeddedServerError
from strikewire.store.embedded.owner import Owner, name_for_owner
from strikewire.store.embedded.programs import MAJOR, Programs

USER: Final = "strikewire"
#: Where the password of the loopback port stands, in the data directory.
PASSWORD_FILE: Final = "postgres.password"  # noqa: S105 - a file's name


class Cluster:
    """One cluster: made once, then only looked at; all else is the server's.

    Parameters
    ----------
    root : the data directory.
    owner : whose it will be, where that is not us.
    """

    def __init__(self, *, root: Path, owner: Owner | None) -> None:
        self.folder = root / "postgres"
        self._root = root
        self._owner = owner

    async def ensure(self, programs: Programs) -> None:
        """Make the cluster, unless it is there.

        Raises
        ------
        EmbeddedServerError : it cannot be made, or what is there is of another version.
        """
        if not (self.folder / "PG_VERSION").exists():
            await self._make(programs)
        found = (self.folder / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            msg = (
                f"the data directory {self._root} is of PostgreSQL {found}, wanted {MAJOR}: "
                "dump it with the program that made it, and restore it here"
            )
            raise EmbeddedServerError(msg)

    def find_running(self) -> int | None:
        """Return the process id of a server in this folder; a stale file is not one."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().partition("\n")[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        if sys.platform != "linux":
            return pid
        # The number may be another process's by now; a server's current folder is its own.
        with suppress(OSError):
            return pid if Path(f"/proc/{pid}/cwd").samefile(self.folder) else None
        return None

    def interrupt(self, number: signal.Signals) -> None:
        """Send a signal to the server in this folder, if there is one."""
        pid = self.find_running()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def disown_number(self) -> None:
        """Take a dead server's process id out of its pid file, if it is another process's by now.

        After a restart of a machine or a container that is likely, and PostgreSQL would refuse to
        start. Ours goes in its place, because a server does not mind its own parent's. The rest of
        the file stays: by it the new server sees whether the old one's memory is still in use.
        """
        path = self.folder / "postmaster.pid"
        with suppress(FileNotFoundError):
            number, _, rest = path.read_text().partition("\n")
            if not number.isdecimal() or not Path(f"/proc/{number}").exists():
                return
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            # Exclusive, so that it is never through a link: the folder is another user's.
            with fresh.open("x") as file:
                if self._owner is not None:
                    self._owner.give(file.fileno())
                file.write(f"{os.getpid()}\n{rest}")
            fresh.replace(path)

    async def _make(self, programs: Programs) -> None:
        """Make it beside its place, and move it there when it is whole.

        A program that is killed in the middle leaves something that looks like a cluster:
        PG_VERSION is among the first files that initdb writes.
        """
        for stale in self._root.glob("postgres.new.*"):
            shutil.rmtree(stale, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new.", dir=self._root))
        with tempfile.TemporaryFile("w+") as password:
            password.write(self._load_password())
            password.seek(0)
            if self._owner is not None:
                self._owner.give(fresh)
                self._owner.give(password.fileno())
            await programs.run(
                "initdb",
                *("-D", name_for_owner(fresh, self._owner), "-U", USER, "-E", "UTF8"),
                # The built-in collation sorts the same on every machine and with every libc: an
                # index survives the machine's next upgrade.
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                # The socket's folder keeps others out; on TCP it is the password.
                *("--auth-local=trust", "--auth-host=scram-sha-256", "--no-instructions"),
                "--pwfile=/dev/stdin",
                folder=fresh,
                stdin=password,
            )
        _settle(fresh, self.folder)

    def _load_password(self) -> str:
        path = self._root / PASSWORD_FILE
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text()


def _settle(fresh: Path, place: Path) -> None:
    """Move a finished folder to its place, for good: a name that is not synced may be lost."""
    fresh.rename(place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
