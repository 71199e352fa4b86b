"""The schema's revisions, on the real server."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

import strikewire.store
from strikewire.core.errors import (
    DatabaseBusyError,
    DatabaseUnavailableError,
    MigrationError,
    SettingsError,
)
from strikewire.store import migrate
from tests.db.conftest import name_database
from tests.db.revisions import HEAD
from tests.eventually import eventually

REVISION = '''"""{revision}."""

import time

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{down_revision}"


def upgrade():
    {upgrade}


def downgrade():
    pass
'''


@pytest.fixture
def location(tmp_path):
    """Give a copy of the program's revisions, to which a test may add."""
    folder = tmp_path / "100 % migrations"
    shutil.copytree(Path(strikewire.store.__file__).with_name("migrations"), folder)
    return folder


def add_revision(location, revision, down_revision, upgrade) -> None:
    text = REVISION.format(revision=revision, down_revision=down_revision, upgrade=upgrade)
    (location / "versions" / f"{revision}.py").write_text(text)


@pytest.fixture
async def connection(empty_url):
    connection = await asyncpg.connect(empty_url)
    yield connection
    await connection.close()


async def list_relations(connection) -> set[str]:
    return {
        row["name"]
        for row in await connection.fetch(
            "SELECT format('%s.%s', relnamespace::regnamespace, relname) AS name FROM pg_class"
            " WHERE relnamespace::regnamespace::text IN ('public', 'partitions')"
            " AND relname !~ '^alembic_version'"
        )
    }


async def test_upgrade_check_downgrade_upgrade(empty_url, connection):
    assert await migrate.current(empty_url) is None
    first = await migrate.upgrade(empty_url)
    made = await list_relations(connection)
    assert await migrate.check(empty_url) == []

    assert await migrate.downgrade(empty_url, "base") is None
    assert await list_relations(connection) == set()
    assert await connection.fetchval("SELECT to_regnamespace('partitions')") is None

    assert await migrate.upgrade(empty_url) == first == await migrate.current(empty_url)
    assert await list_relations(connection) == made
    assert await migrate.check(empty_url) == []


async def test_each_revision_goes_up_and_down_by_itself(empty_url):
    revisions = [each.revision for each in await migrate.history(empty_url)]
    for revision in revisions:
        assert await migrate.upgrade(empty_url, revision) == revision
        assert await migrate.downgrade(empty_url, "-1") != revision
        assert await migrate.upgrade(empty_url, "+1") == revision


async def test_two_upgrades_at_once_do_it_once(empty_url, location, connection):
    add_revision(location, "9001", HEAD, 'op.execute("CREATE SEQUENCE once"); time.sleep(0.1)')
    found = await asyncio.gather(*(migrate.upgrade(empty_url, location=location) for _ in range(4)))
    assert found == ["9001"] * 4
    assert await connection.fetchval("SELECT to_regclass('once')") == "once"


async def test_databases_are_migrated_one_after_the_other_by_one_process(
    empty_url, connection, server_url
):
    name = f"{await connection.fetchval('SELECT current_database()')}_too"
    await connection.execute(f"CREATE DATABASE {name}")
    url = name_database(server_url, name)
    try:
        found = await asyncio.gather(
            migrate.upgrade(empty_url),
            migrate.upgrade(url),
            # In a loop of its own: a command that a test calls, say.
            asyncio.to_thread(asyncio.run, migrate.upgrade(url)),
        )
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    assert found == [HEAD] * 3


async def test_whoever_waits_is_not_in_the_way_of_a_concurrent_index(empty_url, connection):
    # CREATE INDEX CONCURRENTLY waits for every snapshot older than its own: that of a statement
    # which waits for the lock would be one.
    await migrate.upgrade(empty_url)
    await connection.execute("SELECT pg_advisory_lock($1)", migrate._LOCK_KEY)  # noqa: SLF001
    waiting = asyncio.create_task(migrate.upgrade(empty_url))

    async def is_waiting() -> bool:
        return await connection.fetchval(
            "SELECT count(*) > 0 FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'strikewire migrate'"
        )

    await eventually(is_waiting)
    async with asyncio.timeout(10):
        await connection.execute("CREATE INDEX CONCURRENTLY soon ON market_rules (source)")
    assert not waiting.done()
    await connection.execute("SELECT pg_advisory_unlock_all()")
    await waiting


async def test_failed_revision_takes_back_itself_and_not_the_one_before(
    empty_url, location, connection
):
    add_revision(location, "9001", HEAD, 'op.execute("CREATE TABLE good (n int)")')
    add_revision(
        location, "9002", "9001", 'op.execute("CREATE TABLE half (n int)"); op.execute("SELEC")'
    )
    with pytest.raises(
        MigrationError, match=r'could not be migrated: .*syntax error at or near "S'
    ):
        await migrate.upgrade(empty_url, location=location)

    assert await migrate.current(empty_url) == "9001"
    assert await connection.fetchval("SELECT to_regclass('good')") == "good"
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    # The lock went with the connection.
    assert await migrate.downgrade(empty_url, HEAD, location=location) == HEAD


async def test_concurrent_index_in_a_revision_works(empty_url, location, connection):
    add_revision(
        location,
        "9001",
        HEAD,
        'with op.get_context().autocommit_block(): op.create_index("soon", "market_rules",'
        ' ["source"], postgresql_concurrently=True)',
    )
    assert await migrate.upgrade(empty_url, location=location) == "9001"
    assert await connection.fetchval("SELECT to_regclass('soon')") == "soon"


async def test_revision_that_meets_a_locked_table_gives_up_soon(
    database_url, location, monkeypatch
):
    settings = migrate._SERVER_SETTINGS | {"lock_timeout": "200ms"}  # noqa: SLF001
    monkeypatch.setattr(migrate, "_SERVER_SETTINGS", settings)
    add_revision(
        location,
        "9001",
        HEAD,
        'op.add_column("market_rules", sa.Column("note", sa.Text(), nullable=True))',
    )
    reader = await asyncpg.connect(database_url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM market_rules")
        with pytest.raises(DatabaseBusyError):
            await migrate.upgrade(database_url, location=location)
    await reader.close()

    assert await migrate.upgrade(database_url, location=location) == "9001"


async def test_database_of_a_newer_program_is_left_alone(database_url, location):
    add_revision(location, "9001", HEAD, 'op.execute("CREATE TABLE newer (n int)")')
    await migrate.upgrade(database_url, location=location)

    assert await migrate.upgrade(database_url) == "9001"
    assert not any(each.is_current for each in await migrate.history(database_url))
    with pytest.raises(MigrationError, match="9001"):
        await migrate.downgrade(database_url, "base")
    assert await migrate.current(database_url) == "9001"


async def test_existing_database_is_adopted(database_url, connection):
    del connection
    admin = await asyncpg.connect(database_url)
    await admin.execute("DROP TABLE alembic_version")
    with pytest.raises(MigrationError, match="already exists"):
        await migrate.upgrade(database_url)

    assert await migrate.stamp(database_url) == HEAD
    assert await migrate.check(database_url) == []
    assert await migrate.upgrade(database_url) == HEAD
    await admin.close()


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("ALTER TABLE market_rules DROP COLUMN source", "add column market_rules.source"),
        ("ALTER TABLE market_rules ADD COLUMN mine int", "remove column market_rules.mine"),
        ("DROP TABLE instrument_alias", "add table instrument_alias"),
        ("CREATE TABLE mine (n int)", "remove table mine"),
        ("ALTER TABLE daily_bars ALTER oi DROP NOT NULL", "modify nullable of daily_bars.oi"),
        (
            "ALTER TABLE market_rules ALTER venue TYPE varchar(9)",
            "modify type of market_rules.venue",
        ),
        (
            "DROP INDEX ix_instrument_alias_alias",
            "add index ix_instrument_alias_alias of instrument_alias",
        ),
        (
            "ALTER TABLE instrument_registry ALTER lot_size SET DEFAULT 7",
            "modify default of instrument_registry.lot_size",
        ),
        (
            "ALTER TABLE market_rules DROP CONSTRAINT uq_market_rules_venue_kind_valid_from",
            "add constraint uq_market_rules_venue_kind_valid_from of market_rules",
        ),
    ],
)
async def test_check_names_each_difference(database_url, statement, difference):
    admin = await asyncpg.connect(database_url)
    await admin.execute(statement)
    await admin.close()

    found = await migrate.check(database_url)
    assert [each for each in found if each.startswith(difference)], found


async def test_partitions_are_no_difference(database_url):
    admin = await asyncpg.connect(database_url)
    await admin.execute(
        "CREATE TABLE partitions.minute_bars_2026_01 PARTITION OF minute_bars"
        " FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')"
    )
    await admin.close()
    assert await migrate.check(database_url) == []


@pytest.mark.parametrize("revision", ["nosuch", "0001+9", "-7"])
async def test_unknown_revision_is_refused(empty_url, revision):
    for change in (migrate.upgrade, migrate.downgrade, migrate.stamp):
        with pytest.raises(MigrationError, match="revision"):
            await change(empty_url, revision)
    assert await migrate.current(empty_url) is None


async def test_server_that_is_away_is_said(tmp_path):
    with pytest.raises(DatabaseUnavailableError, match="no such file"):
        await migrate.upgrade(f"postgresql://u@/d?host={tmp_path}")
    with pytest.raises(SettingsError):
        await migrate.upgrade("mysql://u@h/d")
