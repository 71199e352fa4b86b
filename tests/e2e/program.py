"""The real program, started as a user starts it, and the database it leaves behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from tests.canaries import CANARY_KEYS, check_silence
from tests.clients import open_sync_client

STRIKEWIRE: Final = Path(sys.executable).parent / "strikewire"
KILLED: Final = -9


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished program said."""

    status: int
    stdout: str
    stderr: str

    def lines(self) -> list[str]:
        """Return standard output by lines, of a program that did what it was told."""
        assert self.status == 0, self.stderr
        return self.stdout.splitlines()

    def json(self) -> Any:
        """Return standard output as JSON."""
        return json.loads("\n".join(self.lines()))


def run_program(
    *arguments: str | Path, timeout_s: float = 120, stdin: str | None = None, **environment: str
) -> Result:
    """Run `strikewire` to its end; environment variables by name."""
    finished = subprocess.run(
        [STRIKEWIRE, *map(str, arguments)],
        env={**os.environ, "STRIKEWIRE_SECRET_KEYS": CANARY_KEYS, **environment},
        capture_output=True,
        input=stdin,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    check_silence(finished.stdout, finished.stderr)
    return Result(finished.returncode, finished.stdout, finished.stderr)


def replay(file: Path, data_dir: Path, *, speed: str = "max", **environment: str) -> Result:
    """Run `strikewire replay` with a JSON summary."""
    return run_program(
        "replay", file, "--speed", speed, "--data-dir", data_dir, "--json", **environment
    )


async def fetch(data_dir: Path, *queries: str) -> list[asyncpg.Record]:
    """Ask the database of a data directory that no program is using; all answers together."""
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=data_dir))
    url = await server.start()
    try:
        connection = await asyncpg.connect(url)
        try:
            return [row for query in queries for row in await connection.fetch(query)]
        finally:
            await connection.close()
    finally:
        await server.stop()


async def hash_bars(data_dir: Path) -> str:
    """Return a digest of every stored minute bar and every row of chains, all columns."""
    chains = [
        # A chain's id is one higher where a transaction was rolled back: the number of a row.
        f"SELECT '{table}', count(*), sum(hashtextextended((to_jsonb(t) - 'expiry_id')::text, 0))"
        f" FROM {table} t"
        for table in ("fo_option_strike_bars", "fo_expiry_metrics", "futures_bars")
    ]
    rows = await fetch(
        data_dir,
        *chains,
        "SELECT r.exchange, r.tradingsymbol, b.ts, b.open, b.high, b.low, b.close, b.volume, b.oi,"
        " b.tick_count, b.revision, b.source, b.flags FROM minute_bars b"
        " JOIN instrument_registry r ON r.id = b.instrument_id ORDER BY 1, 2, 3",
    )
    return hashlib.sha256("\n".join(str(tuple(row)) for row in rows).encode()).hexdigest()


@contextlib.contextmanager
def serve(
    data_dir: Path, *arguments: str, **environment: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Run `strikewire serve` on a free port until the block ends; SIGTERM must end it with 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [STRIKEWIRE, "serve", "--port", str(port), "--data-dir", data_dir, *arguments],
        env={
            **os.environ,
            "STRIKEWIRE_DRAIN_NOTICE_S": "0.1",
            "STRIKEWIRE_SECRET_KEYS": CANARY_KEYS,
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with open_sync_client(f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait_until_live(client, server)
            yield client, server
        if server.poll() is None:
            server.terminate()
            _, stderr = server.communicate(timeout=25)
            assert server.returncode == 0, stderr[-2_000:]
            check_silence(stderr)
    finally:
        if server.poll() is None:
            server.kill()
            server.communicate()


def _wait_until_live(client: httpx.Client, server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, server.communicate()[1]
        with contextlib.suppress(httpx.TransportError):
            if client.get("/health/live").status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    message = "the server did not come up"
    raise AssertionError(message)
