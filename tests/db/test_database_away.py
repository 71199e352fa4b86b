"""A server that refuses, is not there, goes and comes back, or became a standby."""

# ruff: noqa: PT012 - what raises is a block of several statements: the session

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from sqlalchemy import text

from strikewire.core.errors import DatabaseUnavailableError
from strikewire.store.database import Database, DatabaseConfig
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from tests.eventually import eventually


@pytest.fixture
async def lonely_server(make_folder):
    """Give a server of the test's own, which it may stop."""
    server = EmbeddedPostgres(EmbeddedConfig(data_dir=make_folder()))
    yield server
    await server.stop()


async def assert_is_unavailable_soon(url: str, match: str, **settings) -> None:
    database = Database(DatabaseConfig(url=url, **settings))
    for attempt in (database.open, database.ping):
        started_s = time.monotonic()
        with pytest.raises(DatabaseUnavailableError, match=match):
            await attempt()
        assert time.monotonic() - started_s < 1.0
    assert database.pool_status().in_use_connections == 0
    await database.aclose()


async def test_nobody_listening_is_said_at_once():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    await assert_is_unavailable_soon(f"postgresql://u@127.0.0.1:{port}/d", "connection refused")


async def test_missing_socket_is_said_at_once(tmp_path):
    await assert_is_unavailable_soon(f"postgresql://u@/d?host={tmp_path}", "no such file")


async def test_server_that_never_answers_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        url = f"postgresql://u@127.0.0.1:{port}/d"
        await assert_is_unavailable_soon(url, "timeout", acquire_timeout_s=0.3)


async def test_missing_database_is_unavailable(server_url):
    url = server_url.replace("@/strikewire?", "@/nowhere?")
    await assert_is_unavailable_soon(url, "invalid catalog name")


async def test_database_that_lets_nobody_in_is_unavailable(database_url, admin):
    name = database_url.rpartition("@/")[2].partition("?")[0]
    await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await assert_is_unavailable_soon(database_url, "does not answer")


async def test_wrong_password_is_unavailable_and_not_repeated(server_url):
    port = server_url.rpartition("port=")[2]
    url = f"postgresql://strikewire:hunter2@127.0.0.1:{port}/strikewire"
    database = Database(DatabaseConfig(url=url))
    with pytest.raises(DatabaseUnavailableError, match="invalid password") as caught:
        await database.ping()
    assert "hunter2" not in str(caught.value)


async def test_too_many_connections_are_unavailable(database_url, admin):
    name = database_url.rpartition("@/")[2].partition("?")[0]
    await admin.execute("CREATE ROLE poor LOGIN CONNECTION LIMIT 0")
    try:
        url = database_url.replace("//strikewire@", "//poor@")
        await assert_is_unavailable_soon(url, "too many connections")
    finally:
        await admin.execute("DROP ROLE poor")
    assert name


async def test_standby_is_unavailable_for_writing_only(admin, database_url):
    name = database_url.rpartition("@/")[2].partition("?")[0]
    await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    standby = Database(DatabaseConfig(url=database_url))
    try:
        with pytest.raises(DatabaseUnavailableError, match="read only"):
            async with standby.write() as session:
                await session.execute(text("DELETE FROM market_rules"))
        async with standby.read() as session:
            assert await session.scalar(text("SELECT count(*) FROM market_rules")) == 0
    finally:
        await standby.aclose()


async def test_server_that_comes_back_is_taken_up_by_the_same_pool(lonely_server):
    url = await lonely_server.start()
    database = Database(DatabaseConfig(url=url))
    await database.open()

    with pytest.raises(DatabaseUnavailableError):
        async with database.read() as session:
            await session.execute(text("SELECT 1"))
            await lonely_server.stop()
            await session.execute(text("SELECT 1"))
    with pytest.raises(DatabaseUnavailableError):
        await database.ping()
    assert database.pool_status().in_use_connections == 0

    assert await lonely_server.start() == url
    await database.ping()
    async with database.write() as session:
        assert await session.scalar(text("SELECT 1")) == 1
    await database.aclose()


async def test_waiting_callers_are_all_answered_when_the_server_goes(lonely_server):
    database = Database(
        DatabaseConfig(url=await lonely_server.start(), pool_size=2, max_overflow=0)
    )

    async def read() -> str:
        try:
            async with database.read() as session:
                await session.execute(text("SELECT pg_sleep(60)"))
        except DatabaseUnavailableError:
            return "unavailable"
        return "answered"

    tasks = [asyncio.create_task(read()) for _ in range(10)]
    await eventually(lambda: database.pool_status().in_use_connections == 2)
    await lonely_server.stop()

    async with asyncio.timeout(5):
        assert set(await asyncio.gather(*tasks)) == {"unavailable"}
    assert database.pool_status().in_use_connections == 0
    await database.aclose()
