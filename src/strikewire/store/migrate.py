"""Bringing the schema to a revision: from the command line, and at every start.

One at a time: whoever migrates holds an advisory lock, so that two programs that start at once do
not do it twice. Statements wait for locks for seconds only: a migration that cannot get its lock
must fail and be tried again, not stand in front of everybody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from strikewire.core.errors import DatabaseUnavailableError, MigrationError
from strikewire.store.database import normalise_url
from strikewire.store.schema import metadata

T = TypeVar("T")

#: "strikewi" as a number: the key of the advisory lock.
_LOCK_KEY: Final = 0x737472696B657769
_LOCK_WAIT_S: Final = 60
_SETTINGS: Final = ("SET lock_timeout = '5s'", "SET statement_timeout = '10min'")


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the schema's history."""

    revision: str
    down_revision: str | None
    message: str
    is_current: bool


async def upgrade(url: str, revision: str = "head") -> str | None:
    """Bring the schema up to a revision; return the revision it then has.

    A database that is ahead of this program is left alone: revisions expand first and contract
    later, so the program of the step before runs on it.

    Raises
    ------
    MigrationError : no such revision, or a statement was refused.
    DatabaseUnavailableError : the server is not there.
    """

    def run(connection: Connection) -> str | None:
        if _find_current(connection) not in _list_known():
            return _find_current(connection)
        command.upgrade(_make_config(connection), revision)
        return _find_current(connection)

    return await _run(url, run)


async def downgrade(url: str, revision: str) -> str | None:
    """Bring the schema down to a revision (`base`: none of it is left); return what it then has.

    Raises
    ------
    MigrationError, DatabaseUnavailableError : as in `upgrade`.
    """

    def run(connection: Connection) -> str | None:
        command.downgrade(_make_config(connection), revision)
        return _find_current(connection)

    return await _run(url, run)


async def current(url: str) -> str | None:
    """Return the schema's revision; None for a database without ours.

    Raises
    ------
    DatabaseUnavailableError : the server is not there.
    """
    return await _run(url, _find_current)


async def history(url: str) -> list[Revision]:
    """Return every revision, oldest first.

    Raises
    ------
    DatabaseUnavailableError : the server is not there.
    """
    found = await current(url)
    return [
        Revision(
            revision=script.revision,
            down_revision=script.down_revision if isinstance(script.down_revision, str) else None,
            message=script.doc,
            is_current=script.revision == found,
        )
        for script in reversed(list(_make_scripts().walk_revisions()))
    ]


async def stamp(url: str, revision: str = "head") -> str | None:
    """Note a revision without running it: an existing database that has it already is adopted.

    Raises
    ------
    MigrationError, DatabaseUnavailableError : as in `upgrade`.
    """

    def run(connection: Connection) -> str | None:
        command.stamp(_make_config(connection), revision)
        return _find_current(connection)

    return await _run(url, run)


async def check(url: str) -> list[str]:
    """Return how the database differs from the program's schema; empty when it does not.

    Raises
    ------
    DatabaseUnavailableError : the server is not there.
    """

    def run(connection: Connection) -> list[str]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return [str(difference) for difference in compare_metadata(context, metadata)]

    return await _run(url, run)


async def _run(url: str, operation: Callable[[Connection], T]) -> T:
    async with _connect(url) as connection:
        return await connection.run_sync(operation)


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[AsyncConnection]:
    """Open one connection that holds the lock, and translate what goes wrong on it."""
    engine = create_async_engine(
        normalise_url(url),
        poolclass=NullPool,
        connect_args={"timeout": 5, "server_settings": {"application_name": "strikewire migrate"}},
    )
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"SET lock_timeout = '{_LOCK_WAIT_S}s'"))
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
            for setting in _SETTINGS:
                await connection.execute(text(setting))
            await connection.commit()
            yield connection
    except (CommandError, exc.ProgrammingError) as error:
        msg = f"the schema could not be migrated: {error}"
        raise MigrationError(msg) from error
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            msg = "the database went away during the migration"
            raise DatabaseUnavailableError(msg) from error
        msg = f"the schema could not be migrated: {error.orig}"
        raise MigrationError(msg) from error
    except OSError as error:  # a TimeoutError is one
        msg = f"the database does not answer: {type(error).__name__}"
        raise DatabaseUnavailableError(msg) from error
    finally:
        await engine.dispose()


def _make_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("strikewire.store") / "migrations"))
    config.attributes["connection"] = connection
    return config


def _make_scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_make_config())


def _list_known() -> set[str | None]:
    return {None, *(script.revision for script in _make_scripts().walk_revisions())}


def _find_current(connection: Connection) -> str | None:
    revision = MigrationContext.configure(connection).get_current_revision()
    # Alembic commits each revision by itself only where no transaction has been begun around it.
    connection.commit()
    return revision
