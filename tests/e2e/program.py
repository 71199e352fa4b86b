"""The real program, started as a user starts it, and the database it leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres

STRIKEWIRE: Final = Path(sys.executable).parent / "strikewire"
KILLED: Final = -9


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished program said."""

    status: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return standard output as JSON."""
        assert self.status == 0, self.stderr
        return json.loads(self.stdout)


def run_program(*arguments: str | Path, timeout_s: float = 120, **environment: str) -> Result:
    """Run `strikewire` to its end; environment variables by name."""
    finished = subprocess.run(
        [STRIKEWIRE, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Result(finished.returncode, finished.stdout, finished.stderr)


def replay(file: Path, data_dir: Path, *, speed: str = "max", **environment: str) -> Result:
    """Run `strikewire replay` with a JSON summary."""
    return run_program(
        "replay", file, "--speed", speed, "--data-dir", data_dir, "--json", **environment
    )


async def fetch(data_dir: Path, query: str) -> list[asyncpg.Record]:
    """Ask the database of a data directory that no program is using."""
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=data_dir))
    url = await server.start()
    try:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()
    finally:
        await server.stop()


async def hash_bars(data_dir: Path) -> str:
    """Return a digest of every stored minute bar, all columns, in key order."""
    rows = await fetch(
        data_dir,
        "SELECT r.exchange, r.tradingsymbol, b.ts, b.open, b.high, b.low, b.close, b.volume, b.oi,"
        " b.tick_count, b.revision, b.source, b.flags FROM minute_bars b"
        " JOIN instrument_registry r ON r.id = b.instrument_id ORDER BY 1, 2, 3",
    )
    return hashlib.sha256("\n".join(str(tuple(row)) for row in rows).encode()).hexdigest()
