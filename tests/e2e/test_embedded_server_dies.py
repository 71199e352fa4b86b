"""The database's own process is killed under a running server."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx

from tests.e2e.program import serve
from tests.eventually import eventually


async def test_server_takes_its_embedded_database_up_again(data_dir: Path) -> None:
    with serve(data_dir, STRIKEWIRE_DATABASE_WATCH_INTERVAL_S="0.2") as (client, _):
        pid_file = data_dir / "postgres" / "postmaster.pid"
        first_pid = _pid(pid_file)

        def answers(status: int) -> bool:
            return client.get("/api/v1/ready").status_code == status

        await eventually(lambda: answers(httpx.codes.OK), timeout_s=30)
        os.kill(first_pid, signal.SIGKILL)

        await eventually(lambda: not _is_alive(first_pid), timeout_s=10)
        await eventually(
            lambda: answers(httpx.codes.OK) and _pid(pid_file) != first_pid, timeout_s=60
        )
        assert client.get("/health/live").status_code == httpx.codes.OK
        found = await asyncio.to_thread(client.get, "/api/v1/instruments")
        assert found.json()["total"] == 0


def _pid(path: Path) -> int:
    try:
        return int(path.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):  # it is being written
        return 0


def _is_alive(pid: int) -> bool:
    """Say whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
