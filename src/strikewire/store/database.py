"""The database: one pool, read and write sessions of different types, one place for its errors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, NewType, cast

import asyncpg
from sqlalchemy import event, exc, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from strikewire.core.errors import (
    DatabaseBusyError,
    DatabaseUnavailableError,
    PoolExhaustedError,
    SettingsError,
    StrikewireError,
)

#: A transaction that can only read, and one that is committed when its block ends.
ReadSession = NewType("ReadSession", AsyncSession)
WriteSession = NewType("WriteSession", AsyncSession)

# SQLSTATEs of a statement that a lock or the clock stopped, and of a server that comes or goes.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BUSY_STATES: Final = frozenset({"55P03", "57014"})
_AWAY_STATES: Final = frozenset({"57P01", "57P02", "57P03", "53300"})
_AWAY_CLASS: Final = "08"

_DRIVERS: Final = frozenset({"postgresql", "postgresql+asyncpg", "postgresql+psycopg"})
_IDLE_SINCE: Final = "strikewire_idle_since_s"


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """Where the database is, and how its pool behaves.

    Parameters
    ----------
    url : `postgresql://`, `postgresql+asyncpg://` or `postgresql+psycopg://`; all run on asyncpg.
    pool_size, max_overflow : connections kept, and opened beyond them under load.
    pool_min : connections opened at the start, and not closed for being idle.
    acquire_timeout_s : how long a caller waits for a connection.
    recycle_s, idle_lifetime_s : a connection older, or idle for longer, is closed.
    statement_timeout_s : the longest statement.
    lock_timeout_s : how long a statement waits for a lock. Less than a second, so that a caller who
        waited for a connection and then meets a lock is answered within the acquire timeout + 1 s.
    connect_timeout_s : how long a new connection may take.
    """

    url: str
    pool_size: int = 20
    max_overflow: int = 10
    pool_min: int = 2
    acquire_timeout_s: float = 5.0
    recycle_s: float = 3600.0
    idle_lifetime_s: float = 300.0
    statement_timeout_s: float = 30.0
    lock_timeout_s: float = 0.75
    connect_timeout_s: float = 5.0
    application_name: str = "strikewire"


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """The pool at this moment; `exhausted_count` since the start."""

    size: int
    min_size: int
    max_size: int
    idle_connections: int
    in_use_connections: int
    utilization_percent: float
    exhausted_count: int


class Database:
    """One PostgreSQL, reached through one pool.

    `open` may be called again after it failed, or after the server went away. Whatever goes wrong
    in a session comes out as an error of ours.
    """

    def __init__(self, config: DatabaseConfig) -> None:
        self._config = config
        self._engine = _make_engine(config)
        self._exhausted_count = 0
        self._reaper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the first connections, and begin to close those that stay idle.

        Raises
        ------
        DatabaseUnavailableError : the server is not there.
        """
        with self._translate_errors():
            async with AsyncExitStack() as connections:
                for _ in range(self._config.pool_min):
                    await connections.enter_async_context(self._engine.connect())
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap_idle(), name="pool reaper")

    async def aclose(self) -> None:
        """Close every connection. Closing twice is the same as once."""
        if self._reaper is not None:
            self._reaper.cancel()
            with suppress(asyncio.CancelledError):
                await self._reaper
            self._reaper = None
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        """Open a transaction that cannot write.

        Raises
        ------
        DatabaseUnavailableError, PoolExhaustedError, DatabaseBusyError : see `core.errors`.
        """
        with self._translate_errors():
            async with AsyncSession(self._engine, autobegin=False) as session, session.begin():
                await session.execute(text("SET TRANSACTION READ ONLY"))
                yield ReadSession(session)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """Open a transaction that is committed when the block ends, and not when it raises.

        Raises
        ------
        DatabaseUnavailableError, PoolExhaustedError, DatabaseBusyError : see `core.errors`.
        """
        with self._translate_errors():
            async with (
                AsyncSession(self._engine, autobegin=False, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield WriteSession(session)

    async def ping(self) -> None:
        """Ask the server for a sign of life.

        Raises
        ------
        DatabaseUnavailableError, PoolExhaustedError : there is none, or no connection is free.
        """
        async with self.read():
            pass

    def pool_status(self) -> PoolStatus:
        """Return how full the pool is."""
        pool = cast("QueuePool", self._engine.pool)
        in_use = pool.checkedout()
        maximum = self._config.pool_size + self._config.max_overflow
        return PoolStatus(
            size=in_use + pool.checkedin(),
            min_size=self._config.pool_min,
            max_size=maximum,
            idle_connections=pool.checkedin(),
            in_use_connections=in_use,
            utilization_percent=round(100.0 * in_use / maximum, 1),
            exhausted_count=self._exhausted_count,
        )

    async def _reap_idle(self) -> None:
        """Close connections that nobody wanted for the idle lifetime, down to `pool_min`.

        The pool hands out the one used last, so those left over age at its bottom. Taking all idle
        ones for a moment is the only way to look at them that the pool offers.
        """
        while True:
            await asyncio.sleep(self._config.idle_lifetime_s / 4)
            idle = cast("QueuePool", self._engine.pool).checkedin()
            surplus = idle - self._config.pool_min
            if surplus <= 0:
                continue
            oldest_first: list[tuple[float, Any]] = []
            with suppress(exc.SQLAlchemyError, OSError):
                async with AsyncExitStack() as taken:
                    for _ in range(idle):
                        connection = await taken.enter_async_context(self._engine.connect())
                        entry = (await connection.get_raw_connection()).info
                        oldest_first.append((entry.pop(_IDLE_SINCE, time.monotonic()), connection))
                    oldest_first.sort(key=lambda item: item[0])
                    for idle_since_s, connection in oldest_first[:surplus]:
                        if time.monotonic() - idle_since_s > self._config.idle_lifetime_s:
                            await connection.invalidate()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except StrikewireError:
            raise
        except exc.TimeoutError as error:
            self._exhausted_count += 1
            msg = f"no database connection came free within {self._config.acquire_timeout_s:g} s"
            raise PoolExhaustedError(msg) from error
        except (exc.DBAPIError, asyncpg.PostgresError) as error:
            translated = _translate(error)
            if translated is None:
                raise
            raise translated from error
        except (OSError, asyncpg.InterfaceError, TimeoutError) as error:
            raise _make_unavailable(error) from error


async def driver_connection(session: AsyncSession) -> asyncpg.Connection[Any]:
    """Return the driver's own connection, inside the session's transaction: for COPY."""
    raw = await (await session.connection()).get_raw_connection()
    return cast("asyncpg.Connection[Any]", raw.driver_connection)


def normalise_url(url: str) -> str:
    """Return a database URL in the one spelling that SQLAlchemy's asyncpg wants.

    Raises
    ------
    SettingsError : not a PostgreSQL URL.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        msg = "DATABASE_URL is not a URL"
        raise SettingsError(msg) from error
    if parsed.drivername not in _DRIVERS:
        msg = f"DATABASE_URL must start with one of {sorted(_DRIVERS)}, was {parsed.drivername}"
        raise SettingsError(msg)
    return parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def _make_engine(config: DatabaseConfig) -> AsyncEngine:
    engine = create_async_engine(
        normalise_url(config.url),
        pool_size=config.pool_size,
        max_overflow=config.max_overflow,
        pool_timeout=config.acquire_timeout_s,
        pool_recycle=config.recycle_s,
        pool_pre_ping=True,
        pool_use_lifo=True,
        connect_args={
            "timeout": config.connect_timeout_s,
            "server_settings": {
                "application_name": config.application_name,
                "statement_timeout": f"{config.statement_timeout_s * 1000:.0f}",
                "lock_timeout": f"{config.lock_timeout_s * 1000:.0f}",
                "timezone": "UTC",
            },
        },
    )

    @event.listens_for(engine.sync_engine, "checkin")
    def note_idle(_connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info[_IDLE_SINCE] = time.monotonic()

    return engine


def _translate(error: exc.DBAPIError | asyncpg.PostgresError) -> StrikewireError | None:
    """Return our error for the server's; None where it tells of a mistake of ours."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    state = getattr(cause, "sqlstate", None) or ""
    if state in _BUSY_STATES:
        msg = "the database is busy: a lock or the time limit stopped the query"
        return DatabaseBusyError(msg)
    is_away = state in _AWAY_STATES or state.startswith(_AWAY_CLASS)
    if is_away or (isinstance(error, exc.DBAPIError) and error.connection_invalidated):
        return _make_unavailable(error)
    return None


def _make_unavailable(error: BaseException) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"the database does not answer: {type(error).__name__}")
