"""A real PostgreSQL, started by our own launcher, and a database made by our own migrations."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from strikewire.store import migrate
from strikewire.store.database import Database, DatabaseConfig, WriteSession
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one server per worker; give the URL of a migrated database that nobody writes to."""
    # The server's user has to get there: pytest's own folders are closed to everybody else.
    folder = tmp_path_factory.mktemp("postgres")
    for parent in (folder, *folder.parents):
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=Path(folder)))
    loop = asyncio.new_event_loop()
    url = loop.run_until_complete(server.start())
    loop.run_until_complete(migrate.upgrade(url))
    yield url
    loop.run_until_complete(server.stop())
    loop.close()


@pytest.fixture
async def database_url(server_url: str) -> AsyncIterator[str]:
    """Give a database of the test's own: a copy of the migrated one."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(_with_database(server_url, "postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE strikewire")
        yield _with_database(server_url, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Give an open pool on the test's own database."""
    database = Database(DatabaseConfig(url=database_url, pool_min=1))
    await database.open()
    yield database
    await database.aclose()


@pytest.fixture
async def write_session(database: Database) -> AsyncIterator[WriteSession]:
    """Give a write session; what it did is seen by nobody but the test."""
    async with database.write() as session:
        yield session


def _with_database(url: str, name: str) -> str:
    return re.sub(r"@/[^?]*", f"@/{name}", url)
