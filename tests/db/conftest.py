"""A real PostgreSQL, started by our own launcher, and a database made by our own migrations."""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.store import migrate
from strikewire.store.database import Database, DatabaseConfig
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from strikewire.store.instruments import InstrumentStore
from tests.db.desk import Desk


@pytest.fixture(scope="session")
def make_folder() -> Iterator[Callable[[], Path]]:
    """Return a function that makes a folder to which the server's own user can get.

    pytest's are closed to everybody else, and as root the server runs as another user.
    """
    with ExitStack() as stack:

        def make() -> Path:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strikewire-")))
            folder.chmod(0o711)
            return folder

        yield make


@pytest.fixture(scope="session")
async def server_url(make_folder):
    """Start one server per worker; give the URL of a migrated database that nobody writes to."""
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=make_folder() / "data"))
    url = await server.start()
    await migrate.upgrade(url)
    yield url
    await server.stop()


@pytest.fixture
async def admin(server_url):
    """Give a superuser's connection to the server, outside of every test's database."""
    connection = await asyncpg.connect(name_database(server_url, "postgres"))
    yield connection
    await connection.close()


@pytest.fixture
async def database_url(server_url, admin):
    """Give a database of the test's own: a copy of the migrated one."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE strikewire")
    yield name_database(server_url, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_url(server_url, admin):
    """Give a database of the test's own with nothing in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await admin.execute(f"CREATE DATABASE {name}")
    yield name_database(server_url, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def make_database(database_url):
    """Return a function that opens pools on the test's own database, and close them at the end."""
    opened = []

    async def make(**settings) -> Database:
        database = Database(DatabaseConfig(url=database_url, **{"pool_min": 1, **settings}))
        opened.append(database)
        await database.open()
        return database

    yield make
    for database in opened:
        await database.aclose()


@pytest.fixture
async def database(make_database):
    """Give an open pool on the test's own database."""
    return await make_database()


@pytest.fixture
async def write_session(database):
    """Give a write session; what it did is seen by nobody but the test."""
    async with database.write() as session:
        yield session


@pytest.fixture
async def instrument(database):
    """Give a future that is registered."""
    spec = InstrumentSpec("NFO", "NIFTY23JANFUT", InstrumentKind.FUTURE)
    async with database.write() as session:
        return (await InstrumentStore().upsert(session, [spec]))[0]


@pytest.fixture
def desk(database, tmp_path, instrument):
    """Give a desk for the future."""
    return Desk(database, tmp_path, instrument)


def name_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return re.sub(r"@/[^?]*", f"@/{name}", url)
