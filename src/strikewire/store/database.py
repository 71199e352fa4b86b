"""The database: one pool, read and write sessions of different types, one place for its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, NewType, cast

import asyncpg
from sqlalchemy import event, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from strikewire.core.errors import PoolExhaustedError
from strikewire.store.connections import make_connector
from strikewire.store.pool import IdleClosingPool
from strikewire.store.server_errors import make_unavailable, translate_error

#: A transaction that can only read, and one that is committed when its block ends.
ReadSession = NewType("ReadSession", AsyncSession)
WriteSession = NewType("WriteSession", AsyncSession)

#: Beyond the acquire timeout, so that the pool, which knows more, is the first to give up.
_GRACE_S: Final = 0.2


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
    lock_timeout_s: float = 0.5
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

    `open` may be called again after it failed, or after the server went away; the pool takes up a
    server that came back by itself. Whatever the server does to a session comes out of its block as
    an error of ours; what the server thinks of a statement does not (`store.server_errors`).
    """

    def __init__(self, config: DatabaseConfig) -> None:
        self._config = config
        self._engine = _make_engine(config)
        # The same pool: `BEGIN READ ONLY` costs nothing, `SET TRANSACTION` a round trip.
        self._read_engine = self._engine.execution_options(postgresql_readonly=True)
        self._open_count = 0
        self._exhausted_count = 0
        self._reaper: asyncio.Task[None] | None = None
        event.listen(self._engine.sync_engine, "connect", self._note_opened)
        event.listen(self._engine.sync_engine, "close", self._note_closed)

    async def open(self) -> None:
        """Open the first connections, and begin to close those that stay idle.

        Raises
        ------
        DatabaseUnavailableError : the server is not there.
        SettingsError : the URL cannot be understood.
        """
        async with AsyncExitStack() as connections:
            with self._translate_refusal():
                async with asyncio.timeout(self._config.acquire_timeout_s + _GRACE_S):
                    for _ in range(self._config.pool_min):
                        await connections.enter_async_context(self._engine.connect())
        if self._reaper is None or self._reaper.done():
            self._reaper = asyncio.create_task(self._close_idle(), name="pool reaper")

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
        async with self._begin(self._read_engine, is_write=False) as session:
            yield ReadSession(session)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        """Open a transaction that is committed when the block ends, and not when it raises.

        Raises
        ------
        DatabaseUnavailableError, PoolExhaustedError, DatabaseBusyError : see `core.errors`. Where
            the connection broke during the commit itself, it is not known whether it was done.
        """
        async with self._begin(self._engine, is_write=True) as session:
            yield WriteSession(session)

    async def ping(self) -> None:
        """Ask the server for a sign of life.

        Raises
        ------
        DatabaseUnavailableError, PoolExhaustedError : there is none, or no connection is free.
        """
        # A connection is new, or has just been asked (pre-ping), when the pool gives it away.
        async with self.read():
            pass

    def pool_status(self) -> PoolStatus:
        """Return how full the pool is."""
        in_use = self._pool.checkedout()
        # The pool keeps a place for a connection that broke; it is not idle, it is not there.
        idle = max(self._open_count - in_use, 0)
        maximum = self._config.pool_size + self._config.max_overflow
        return PoolStatus(
            size=in_use + idle,
            min_size=self._config.pool_min,
            max_size=maximum,
            idle_connections=idle,
            in_use_connections=in_use,
            utilization_percent=round(100.0 * in_use / maximum, 1),
            exhausted_count=self._exhausted_count,
        )

    @property
    def _pool(self) -> IdleClosingPool:
        return cast("IdleClosingPool", self._engine.pool)

    @asynccontextmanager
    async def _begin(self, engine: AsyncEngine, *, is_write: bool) -> AsyncIterator[AsyncSession]:
        try:
            async with (
                AsyncSession(engine, autobegin=False, expire_on_commit=False) as session,
                session.begin(),
            ):
                connection = await self._acquire(session)
                try:
                    yield session
                except TimeoutError:
                    # The block's own: it is no sign of the server's, though a statement that was
                    # cancelled for it takes its connection along.
                    raise
                except (OSError, asyncpg.InterfaceError) as error:
                    # A block may well read a file; it is the database's if its connection is gone.
                    if not connection.is_closed():
                        raise
                    raise make_unavailable(error) from error
        except (exc.DBAPIError, asyncpg.PostgresError) as error:
            translated = translate_error(error, is_write=is_write)
            if translated is None:
                raise
            raise translated from error

    async def _acquire(self, session: AsyncSession) -> asyncpg.Connection[Any]:
        """Take a connection now, where it may take its time, and not with the first statement."""
        with self._translate_refusal():
            async with asyncio.timeout(self._config.acquire_timeout_s + _GRACE_S):
                return await _find_driver_connection(session)

    @contextmanager
    def _translate_refusal(self) -> Iterator[None]:
        try:
            yield
        except exc.TimeoutError as error:
            self._exhausted_count += 1
            msg = f"no database connection came free within {self._config.acquire_timeout_s:g} s"
            raise PoolExhaustedError(msg) from error
        except (exc.DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise make_unavailable(error) from error

    async def _close_idle(self) -> None:
        lifetime_s, keep = self._config.idle_lifetime_s, self._config.pool_min
        while True:
            await asyncio.sleep(lifetime_s / 4)
            await self._pool.close_idle(lifetime_s=lifetime_s, keep=keep)

    def _note_opened(self, *_: object) -> None:
        self._open_count += 1

    def _note_closed(self, *_: object) -> None:
        self._open_count -= 1


async def driver_connection(session: AsyncSession) -> asyncpg.Connection[Any]:
    """Return the driver's own connection, inside the session's transaction: for COPY."""
    connection = await _find_driver_connection(session)
    if not connection.is_in_transaction():
        # SQLAlchemy begins with the first statement that goes through it; a COPY does not.
        await session.execute(text("SELECT 1"))
    return connection


async def _find_driver_connection(session: AsyncSession) -> asyncpg.Connection[Any]:
    raw = await (await session.connection()).get_raw_connection()
    return cast("asyncpg.Connection[Any]", raw.driver_connection)


def _make_engine(config: DatabaseConfig) -> AsyncEngine:
    connect = make_connector(
        config.url,
        timeout_s=config.connect_timeout_s,
        server_settings={
            "application_name": config.application_name,
            "statement_timeout": f"{config.statement_timeout_s * 1000:.0f}",
            "lock_timeout": f"{config.lock_timeout_s * 1000:.0f}",
            "timezone": "UTC",
        },
    )
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=IdleClosingPool,
        pool_size=config.pool_size,
        max_overflow=config.max_overflow,
        pool_timeout=config.acquire_timeout_s,
        pool_recycle=config.recycle_s,
        pool_pre_ping=True,
        pool_use_lifo=True,
    )
