"""Bringing the schema to a revision: from the command line, and at every start.

One at a time: whoever migrates holds an advisory lock, so that two programs that start at once do
not do it twice. Statements wait for locks for seconds only: a migration that cannot get its lock
must fail and be tried again, not stand in front of everybody else.

A database may be ahead of the program, by revisions it has never heard of: they expand what there
is, and the program runs on that. It must not run once one of them has contracted it. So each change
notes beside the revision the last contraction below it, and a program has to know that one.

`location`, where it may be given, is a folder of revisions other than the program's own: for tests.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from strikewire.core.errors import DatabaseBusyError, MigrationError
from strikewire.store.connections import make_connector
from strikewire.store.drift import find_drift
from strikewire.store.migration_lint import read_phase
from strikewire.store.server_errors import make_unavailable, translate_error

T = TypeVar("T")

#: "strikewi" as a number: the key of the advisory lock.
_LOCK_KEY: Final = 0x737472696B657769
_LOCK_WAIT_S: Final = 60
#: Alembic's own table, and what its comment begins with.
_TABLE: Final = "alembic_version"
_NEEDS: Final = "needs "
_LOCK_POLL_S: Final = 0.1
#: What a migration's script is told stands in a module of Alembic's, once for the whole process:
#: two that are under way at a time, in whatever threads and loops, take it from each other.
_ALEMBIC: Final = threading.Lock()
_CONNECT_TIMEOUT_S: Final = 5
_SERVER_SETTINGS: Final = {
    "application_name": "strikewire migrate",
    "lock_timeout": "5s",
    "statement_timeout": "10min",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the schema's history."""

    revision: str
    down_revision: str | None
    message: str
    is_current: bool


async def upgrade(url: str, revision: str = "head", *, location: Path | None = None) -> str | None:
    """Bring the schema up to a revision; return the revision it then has.

    A database that is ahead of this program is left alone.

    Raises
    ------
    MigrationError : no such revision; or a statement was refused; or the database is so far ahead
        that this program cannot run on it.
    DatabaseUnavailableError : the server is not there.
    DatabaseBusyError : another program migrates, or a table stayed locked.
    """

    def run(connection: Connection, config: Config) -> str | None:
        found = _find_supported(connection, config)
        if found is not None and found not in _list_known(config):
            return found
        _check_revision(config, revision, "head", "+N")
        command.upgrade(config, revision)
        return _note_need(connection, config)

    return await _run(url, run, location)


async def downgrade(url: str, revision: str, *, location: Path | None = None) -> str | None:
    """Bring the schema down to a revision (`base`: none of it is left); return what it then has.

    Raises
    ------
    MigrationError, DatabaseUnavailableError, DatabaseBusyError : as in `upgrade`.
    """

    def run(connection: Connection, config: Config) -> str | None:
        _check_revision(config, revision, "base", "-N")
        command.downgrade(config, revision)
        return _note_need(connection, config)

    return await _run(url, run, location)


async def current(url: str, *, location: Path | None = None) -> str | None:
    """Return the schema's revision; None for a database without ours.

    Raises
    ------
    MigrationError : the database is so far ahead that this program cannot run on it.
    DatabaseUnavailableError : the server is not there.
    """
    return await _run(url, _find_supported, location, is_change=False)


async def history(url: str, *, location: Path | None = None) -> list[Revision]:
    """Return every revision the program knows, oldest first.

    Raises
    ------
    MigrationError, DatabaseUnavailableError : as in `current`.
    """
    found = await current(url, location=location)
    scripts = ScriptDirectory.from_config(_make_config(location))
    return [
        Revision(
            revision=script.revision,
            down_revision=script.down_revision if isinstance(script.down_revision, str) else None,
            message=script.doc,
            is_current=script.revision == found,
        )
        for script in reversed(list(scripts.walk_revisions()))
    ]


async def stamp(url: str, revision: str = "head", *, location: Path | None = None) -> str | None:
    """Note a revision without running it: an existing database that has it already is adopted.

    Whether it really has it is what `check` tells.

    Raises
    ------
    MigrationError, DatabaseUnavailableError, DatabaseBusyError : as in `upgrade`.
    """

    def run(connection: Connection, config: Config) -> str | None:
        _check_revision(config, revision, "head", "base")
        command.stamp(config, revision)
        return _note_need(connection, config)

    return await _run(url, run, location)


async def check(url: str) -> list[str]:
    """Return how the database differs from the program's schema; empty when it does not.

    Each entry says what would have to be done to the database: `add column minute_bars.vwap`.

    Raises
    ------
    DatabaseUnavailableError : the server is not there.
    """
    return await _run(url, lambda connection, _: find_drift(connection), is_change=False)


async def write_revision(url: str, message: str, *, location: Path | None = None) -> Path:
    """Write the next revision's file, from what the schema has and the database lacks; return it.

    For developers: into the source tree, from a database at the head. What Alembic cannot see (a
    renamed column, a partition key) it does not write: read it, and finish it by hand.

    Raises
    ------
    MigrationError, DatabaseUnavailableError, DatabaseBusyError : as in `upgrade`.
    """

    def run(connection: Connection, config: Config) -> Path:
        del connection
        number = max((int(each) for each in _list_known(config)), default=0) + 1
        script = command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        assert isinstance(script, Script)
        return Path(script.path)

    return await _run(url, run, location)


async def _run(
    url: str,
    operation: Callable[[Connection, Config], T],
    location: Path | None = None,
    *,
    is_change: bool = True,
) -> T:
    config = _make_config(location)

    def run(connection: Connection) -> T:
        config.attributes["connection"] = connection
        return operation(connection, config)

    async with _connect(url) as connection:
        try:
            if not is_change:
                return await connection.run_sync(run)
            await _take_lock(connection)
            async with _hold_alembic():
                return await connection.run_sync(run)
        except CommandError as error:
            raise MigrationError(str(error)) from error
        except exc.DBAPIError as error:
            translated = translate_error(error, is_write=True)
            if translated is None:
                # Of the server's words the first line: the rest repeats the statement.
                reason = str(error.orig).partition("\n")[0]
                translated = MigrationError(f"the schema could not be migrated: {reason}")
            raise translated from error


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[AsyncConnection]:
    """Open a connection outside of every pool; closing it gives back the lock."""
    connect = make_connector(url, timeout_s=_CONNECT_TIMEOUT_S, server_settings=_SERVER_SETTINGS)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        try:
            connection = await engine.connect()
        except (exc.DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise make_unavailable(error) from error
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


async def _take_lock(connection: AsyncConnection) -> None:
    """Wait for the advisory lock, asking again and again.

    Waiting inside `pg_advisory_lock` would hold a snapshot, and `CREATE INDEX CONCURRENTLY` in the
    program that has the lock waits for every snapshot older than its own: a deadlock.
    """
    query = text("SELECT pg_try_advisory_lock(:key)")
    try:
        async with asyncio.timeout(_LOCK_WAIT_S):
            while not await connection.scalar(query, {"key": _LOCK_KEY}):
                await connection.commit()
                await asyncio.sleep(_LOCK_POLL_S)
    except TimeoutError as error:
        msg = f"another program has been migrating this database for {_LOCK_WAIT_S} s"
        raise DatabaseBusyError(msg) from error
    await connection.commit()


@asynccontextmanager
async def _hold_alembic() -> AsyncIterator[None]:
    """Wait until nobody in this process migrates; a loop that waited in `acquire` would stand."""
    while not _ALEMBIC.acquire(blocking=False):  # noqa: ASYNC110 - the other may be in another loop
        await asyncio.sleep(_LOCK_POLL_S)
    try:
        yield
    finally:
        _ALEMBIC.release()


def _make_config(location: Path | None) -> Config:
    config = Config()
    folder = location or files("strikewire.store") / "migrations"
    # Alembic reads the option as a template of configparser's.
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _list_known(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _check_revision(config: Config, revision: str, *others: str) -> None:
    """Refuse what Alembic would take for something else, or would pass over without a word."""
    form = re.sub(r"^([+-])\d+$", r"\1N", revision)
    wanted = (*others, *sorted(_list_known(config)))
    if form not in wanted:
        msg = f"there is no revision {revision}; one of {', '.join(wanted)} was wanted"
        raise MigrationError(msg)


def _find_current(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    # Alembic commits each revision by itself only where no transaction has been begun around it.
    connection.commit()
    return revision


def _find_supported(connection: Connection, config: Config) -> str | None:
    """Return the schema's revision, of a schema that this program can run on."""
    found = _find_current(connection)
    need = connection.scalar(text(f"SELECT obj_description(to_regclass('{_TABLE}'), 'pg_class')"))
    connection.commit()
    if need is not None and need.removeprefix(_NEEDS) not in _list_known(config):
        msg = (
            f"the database is at revision {found}, of a newer program, and only programs that know "
            f"revision {need.removeprefix(_NEEDS)} can run on it: update this one"
        )
        raise MigrationError(msg, revision=found)
    return found


def _note_need(connection: Connection, config: Config) -> str | None:
    """Note the last contraction at or below the schema's revision; return that revision."""
    found = _find_current(connection)
    scripts = ScriptDirectory.from_config(config)
    contractions = (
        script.revision
        for script in (scripts.iterate_revisions(found, "base") if found else ())
        if read_phase(script.module) == "contract"
    )
    need = next(contractions, None)
    comment = "NULL" if need is None else f"'{_NEEDS}{need}'"
    connection.execute(text(f"COMMENT ON TABLE {_TABLE} IS {comment}"))
    connection.commit()
    return found
