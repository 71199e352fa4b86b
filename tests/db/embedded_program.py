"""A program that owns a data directory: it says its server's URL, and stays until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from strikewire.core.errors import StrikewireError
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres


async def run(data_dir: Path) -> None:
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=data_dir))
    try:
        print(await server.start(), flush=True)  # noqa: T201
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    finally:
        await server.stop()


if __name__ == "__main__":
    try:
        asyncio.run(run(Path(sys.argv[1])))
    except StrikewireError as error:
        sys.exit(f"{error.code}: {error.message}")
