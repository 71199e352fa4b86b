"""Sessions and the pool, on the real server."""

# ruff: noqa: PT012 - what raises is a block of several statements: the session

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest
from sqlalchemy import exc, text

from strikewire.core.errors import (
    DatabaseBusyError,
    DatabaseUnavailableError,
    PoolExhaustedError,
    SettingsError,
)
from strikewire.store.connections import normalise_url
from strikewire.store.database import Database, DatabaseConfig, driver_connection
from tests.eventually import eventually

ADD = text(
    "INSERT INTO market_rules (venue, kind, valid_from, value, source)"
    " VALUES (:venue, 'x', '2026-01-01', '{}', 'test')"
)
COUNT = text("SELECT count(*) FROM market_rules WHERE venue = :venue")


async def count_rules(database, venue="NSE") -> int:
    async with database.read() as session:
        return await session.scalar(COUNT, {"venue": venue})


async def count_connections(admin, url, application_name="strikewire") -> int:
    return await admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = $2",
        url.rpartition("@/")[2].partition("?")[0],
        application_name,
    )


async def test_write_commits_when_its_block_ends(database):
    async with database.write() as session:
        await session.execute(ADD, {"venue": "NSE"})
        assert await count_rules(database) == 0

    assert await count_rules(database) == 1


async def test_write_is_rolled_back_when_its_block_raises(database):
    with pytest.raises(KeyError):
        async with database.write() as session:
            await session.execute(ADD, {"venue": "NSE"})
            raise KeyError

    assert await count_rules(database) == 0


async def test_read_session_cannot_write(database):
    with pytest.raises(exc.DBAPIError, match="read-only transaction"):
        async with database.read() as session:
            await session.execute(ADD, {"venue": "NSE"})


async def test_write_session_can_write_on_a_connection_that_read_before(make_database):
    database = await make_database(pool_size=1, max_overflow=0)
    assert await count_rules(database) == 0

    async with database.write() as session:
        await session.execute(ADD, {"venue": "NSE"})

    assert await count_rules(database) == 1


async def test_refused_statement_stays_what_it_is(database):
    with pytest.raises(exc.IntegrityError):
        async with database.write() as session:
            await session.execute(ADD, {"venue": "NSE"})
            await session.execute(ADD, {"venue": "NSE"})


async def test_error_of_the_block_itself_stays_what_it_is(database, tmp_path):
    with pytest.raises(FileNotFoundError):
        async with database.read():
            (tmp_path / "missing").read_text()
    with pytest.raises(TimeoutError):
        async with database.read() as session, asyncio.timeout(0.05):
            await session.execute(text("SELECT pg_sleep(10)"))


async def test_driver_connection_is_in_the_transaction_of_the_session(database):
    with pytest.raises(KeyError):
        async with database.write() as session:
            connection = await driver_connection(session)
            await connection.execute("DROP TABLE market_rules")
            raise KeyError

    assert await count_rules(database) == 0


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
async def test_url_in_each_spelling_reaches_the_server(database_url, scheme):
    url = database_url.replace("postgresql", scheme, 1)
    database = Database(DatabaseConfig(url=url))
    await database.open()
    try:
        assert await count_rules(database) == 0
    finally:
        await database.aclose()


async def test_url_with_the_parameters_of_a_hosting_service_is_understood(database_url):
    database = Database(DatabaseConfig(url=f"{database_url}&sslmode=prefer&search_path=partitions"))
    try:
        async with database.read() as session:
            assert await session.scalar(text("SHOW search_path")) == "partitions"
    finally:
        await database.aclose()


@pytest.mark.parametrize("url", ["sqlite:///x", "mysql://u@h/d", "postgres", "", "http://a/b"])
def test_url_of_something_else_is_refused(url):
    with pytest.raises(SettingsError, match="DATABASE_URL must start with one of postgresql://"):
        normalise_url(url)


async def test_url_that_cannot_be_read_is_refused_without_its_password():
    database = Database(DatabaseConfig(url="postgresql://u:hunter2@h:port/d"))
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        await database.ping()
    assert "hunter2" not in str(caught.value)


async def test_open_opens_the_least_number_of_connections(make_database, admin, database_url):
    database = await make_database(pool_min=3)

    status = database.pool_status()
    assert (status.size, status.idle_connections, status.in_use_connections) == (3, 3, 0)
    assert (status.min_size, status.max_size, status.utilization_percent) == (3, 30, 0.0)
    assert await count_connections(admin, database_url) == 3


async def test_application_name_is_visible_on_the_server(make_database, admin, database_url):
    await make_database(application_name="strikewire test")
    assert await count_connections(admin, database_url, "strikewire test") == 1


async def test_utilisation_is_in_use_of_the_maximum(make_database):
    database = await make_database(pool_size=3, max_overflow=1)
    async with database.read():
        assert database.pool_status().utilization_percent == 25.0
        assert database.pool_status().in_use_connections == 1
    assert database.pool_status().in_use_connections == 0


async def test_hundred_sessions_at_once_share_the_maximum(make_database, admin, database_url):
    database = await make_database(pool_size=5, max_overflow=3)
    most = 0

    async def read() -> int:
        nonlocal most
        async with database.read() as session:
            most = max(
                most,
                await session.scalar(
                    text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
                ),
            )
            return await session.scalar(text("SELECT 1 FROM pg_sleep(0.01)"))

    assert await asyncio.gather(*(read() for _ in range(100))) == [1] * 100
    assert most == 8
    # What was opened beyond the size is closed again, by itself.
    assert database.pool_status().size == 5
    assert await count_connections(admin, database_url) == 5
    assert database.pool_status().exhausted_count == 0


async def test_exhausted_pool_fails_in_time_and_is_counted(make_database):
    database = await make_database(pool_size=1, max_overflow=0, acquire_timeout_s=0.3)
    async with database.read():
        started_s = time.monotonic()
        with pytest.raises(PoolExhaustedError, match=r"within 0\.3 s"):
            await database.ping()
        took_s = time.monotonic() - started_s

    assert 0.3 <= took_s < 1.0
    assert database.pool_status().exhausted_count == 1
    await database.ping()


async def test_exclusive_lock_answers_busy_within_a_second(database, database_url):
    blocker = await asyncpg.connect(database_url)
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE market_rules IN ACCESS EXCLUSIVE MODE")
        started_s = time.monotonic()
        with pytest.raises(DatabaseBusyError):
            await count_rules(database)
        took_s = time.monotonic() - started_s
    await blocker.close()

    assert took_s < 1.0
    assert await count_rules(database) == 0


async def test_statement_beyond_its_time_answers_busy(make_database):
    database = await make_database(statement_timeout_s=0.1)
    with pytest.raises(DatabaseBusyError, match="query canceled"):
        async with database.read() as session:
            await session.execute(text("SELECT pg_sleep(10)"))
    await database.ping()


async def test_victim_of_a_deadlock_answers_busy(database):
    both_hold_one = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with database.write() as session:
            await session.execute(text("SET LOCAL lock_timeout = '10s'"))
            await session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": first})
            await both_hold_one.wait()
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": second})

    results = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    assert {type(result) for result in results} == {type(None), DatabaseBusyError}


async def test_cancelled_sessions_leak_no_connection(make_database, admin, database_url):
    database = await make_database(pool_size=3, max_overflow=0, acquire_timeout_s=5)

    async def read() -> None:
        async with database.read() as session:
            await session.execute(text("SELECT pg_sleep(60)"))

    # Some have a connection and a statement under way, the others wait for one.
    tasks = [asyncio.create_task(read()) for _ in range(9)]
    await eventually(lambda: database.pool_status().in_use_connections == 3)
    for task in tasks:
        task.cancel()
    assert all(
        isinstance(result, asyncio.CancelledError)
        for result in await asyncio.gather(*tasks, return_exceptions=True)
    )

    assert database.pool_status().in_use_connections == 0
    # All three are to be had again, and the server works on none of the statements any more.
    await asyncio.gather(*(database.ping() for _ in range(3)))

    async def is_quiet() -> bool:
        return not await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ 'pg_sleep.60'"
            " AND pid <> pg_backend_pid()"
        )

    await eventually(is_quiet)
    assert await count_connections(admin, database_url) <= 3


async def test_cancelled_while_connecting_leaks_no_place_in_the_pool(make_database):
    database = await make_database(pool_size=2, max_overflow=0, pool_min=0)
    for _ in range(20):
        task = asyncio.create_task(database.ping())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert database.pool_status().in_use_connections == 0
    await asyncio.gather(database.ping(), database.ping())


async def test_idle_connections_are_closed_down_to_the_least(make_database, admin, database_url):
    database = await make_database(pool_size=6, pool_min=2, idle_lifetime_s=0.4)
    both = asyncio.Barrier(6)

    async def hold() -> None:
        async with database.read():
            await both.wait()

    await asyncio.gather(*(hold() for _ in range(6)))
    assert database.pool_status().idle_connections == 6

    await eventually(lambda: database.pool_status().size == 2)

    async def are_two() -> bool:
        return await count_connections(admin, database_url) == 2

    await eventually(are_two)
    await asyncio.gather(*(hold() for _ in range(6)))


async def test_connections_in_use_are_not_closed_for_being_idle(make_database):
    database = await make_database(pool_size=3, pool_min=0, idle_lifetime_s=0.1)
    async with database.read() as session:
        await database.ping()
        await eventually(lambda: database.pool_status().idle_connections == 0)
        assert database.pool_status().in_use_connections == 1
        assert await session.scalar(COUNT, {"venue": "NSE"}) == 0


async def test_connection_closed_by_the_server_is_replaced_unnoticed(database, admin, database_url):
    await database.ping()
    await terminate_all(admin, database_url)

    assert await count_rules(database) == 0
    assert database.pool_status().size == 1


async def test_connection_closed_in_the_middle_answers_unavailable(database, admin, database_url):
    with pytest.raises(DatabaseUnavailableError, match="does not answer"):
        async with database.write() as session:
            await session.execute(ADD, {"venue": "NSE"})
            await terminate_all(admin, database_url)
            await session.execute(ADD, {"venue": "BSE"})
    with pytest.raises(DatabaseUnavailableError):
        async with database.write() as session:
            connection = await driver_connection(session)
            await terminate_all(admin, database_url)
            await connection.fetchval("SELECT 1")
    with pytest.raises(DatabaseUnavailableError):
        # Nothing but the commit is left to do.
        async with database.write() as session:
            await session.execute(ADD, {"venue": "NSE"})
            await terminate_all(admin, database_url)

    assert database.pool_status().in_use_connections == 0
    assert await count_rules(database) == 0


async def terminate_all(admin, database_url) -> None:
    name = database_url.rpartition("@/")[2].partition("?")[0]
    await admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name
    )


async def test_aclose_leaves_nothing_open_and_may_be_repeated(make_database, admin, database_url):
    database = await make_database()
    await database.aclose()
    await database.aclose()

    async def are_none() -> bool:
        return await count_connections(admin, database_url) == 0

    await eventually(are_none)
    assert database.pool_status().size == 0


async def test_open_may_be_called_again(make_database):
    database = await make_database()
    await database.open()
    await database.aclose()
    await database.open()

    assert await count_rules(database) == 0
    assert database.pool_status().size == 1
