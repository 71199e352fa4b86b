"""The database watch: notices when the database is away, and takes it up again when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np

from strikewire.core.errors import DatabaseUnavailableError, DependencyError
from strikewire.observability.health import DependencyState
from strikewire.observability.logs import get_logger
from strikewire.resilience.backoff import BackoffConfig, compute_delay
from strikewire.store.database import Database

_log: Final = get_logger("database")


class DatabaseWatch:
    """Knows whether the database is there; brings its schema up to date each time it comes.

    Parameters
    ----------
    prepare : brings the schema up to date, or looks at it, and says whether it is what this
        program needs; raises DependencyError while the server is away.
    interval_s : how often a database that is there is asked, seconds.
    """

    def __init__(
        self,
        *,
        database: Database,
        prepare: Callable[[], Awaitable[bool]],
        interval_s: float,
        rng: np.random.Generator,
        backoff: BackoffConfig | None = None,
    ) -> None:
        self._database = database
        self._prepare = prepare
        self._interval_s = interval_s
        self._rng = rng
        self._backoff = backoff or BackoffConfig(first_s=0.25, max_s=5.0)
        self._is_connected = False
        self._is_prepared = False
        self._lost = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Whether the database was there when it was last asked."""
        return self._is_connected

    @property
    def is_schema_ready(self) -> bool:
        """Whether the tables are those this program was written for."""
        return self._is_prepared

    async def connect(self) -> bool:
        """Try once to take the database up; say whether it is there.

        Raises
        ------
        MigrationError : it is there, and its schema cannot be brought to what is needed.
        """
        try:
            self._is_prepared = await self._prepare()
            await self._database.open()
            await self._database.ping()
        except DependencyError as error:
            self._is_connected = False
            _log.warning("database away", reason=str(error), sample="database away")
            return False
        self._is_connected = True
        self._lost.clear()
        if self._is_prepared:
            _log.info("database connected")
        else:
            _log.warning("schema is behind: run `strikewire db upgrade`", sample="schema behind")
        return True

    async def run(self) -> None:
        """Watch until cancelled."""
        attempt = 0
        while True:
            if self._is_connected:
                attempt = 0
                await self._wait(self._interval_s)
                await self.check()
                if self._is_prepared:
                    continue
            if not await self.connect():
                await asyncio.sleep(compute_delay(self._backoff, attempt, self._rng))
                attempt += 1

    async def check(self) -> DependencyState:
        """Ask the database now.

        A pool without a free connection, or a server too busy to answer in time, is there.
        """
        if not self._is_connected:
            return DependencyState.DISCONNECTED
        pool = self._database.pool_status()
        if pool.in_use_connections >= pool.max_size:
            return DependencyState.CONNECTED
        try:
            await self._database.ping()
        except DatabaseUnavailableError as error:
            self._lose(error)
            return DependencyState.DISCONNECTED
        except DependencyError:
            pass
        return DependencyState.CONNECTED

    def _lose(self, error: DatabaseUnavailableError) -> None:
        if self._is_connected:
            _log.warning("database lost", reason=str(error))
        self._is_connected = False
        self._lost.set()

    async def _wait(self, timeout_s: float) -> None:
        """Wait until the next round, or until somebody found the database gone."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._lost.wait()
        except TimeoutError:
            return
