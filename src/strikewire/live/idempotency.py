"""Doing a thing once, however often it is asked for under one key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from strikewire.core.clock import Clock
from strikewire.core.errors import DependencyError
from strikewire.core.instants import to_datetime
from strikewire.observability.logs import get_logger
from strikewire.store.database import Database, WriteSession
from strikewire.store.idempotency import Answer, IdempotencyStore, IdempotentRequest

_log: Final = get_logger("idempotency")


@dataclass(frozen=True, slots=True)
class IdempotencyConfig:
    """How long answers are kept.

    Parameters
    ----------
    ttl_s : how long an answer is given again, seconds.
    sweep_interval_s : how often those that expired are taken away, seconds.
    sweep_rows : at most so many in one transaction.
    """

    ttl_s: float = 86_400.0
    sweep_interval_s: float = 300.0
    sweep_rows: int = 1_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an effect came to.

    Parameters
    ----------
    given : the answer.
    kept : what is kept of it, for whoever asks again: the answer without its secrets.
    """

    given: Answer
    kept: Answer


Effect = Callable[[WriteSession], Awaitable[Outcome]]


class Idempotency:
    """Runs an effect and remembers its answer in one transaction.

    Parameters
    ----------
    is_ready : whether the database is there, with its tables; while it is not, `run` only waits.
    """

    def __init__(
        self,
        *,
        config: IdempotencyConfig,
        database: Database,
        store: IdempotencyStore,
        clock: Clock,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._clock = clock
        self._is_ready = is_ready

    async def perform(
        self, request: IdempotentRequest | None, effect: Effect
    ) -> tuple[Answer, bool]:
        """Do it, unless it was done under this key before; return the answer and whether it was.

        An effect that raises leaves nothing behind, its key included: it may be tried again.

        Parameters
        ----------
        request : None for a caller that chose no key: then it is simply done.
        effect : works in the session it is given, and does not commit.

        Raises
        ------
        IdempotencyKeyBusyError, IdempotencyKeyReusedError : see `IdempotencyStore.claim`.
        DependencyError : the store did not answer.
        """
        async with self._database.write() as session:
            if request is None:
                return (await effect(session)).given, False
            now = to_datetime(self._clock.now_ns())
            earlier = await self._store.claim(session, request, now=now)
            if earlier is not None:
                return earlier, True
            outcome = await effect(session)
            expires_at = now + timedelta(seconds=self._config.ttl_s)
            await self._store.save(session, request, outcome.kept, expires_at=expires_at)
        return outcome.given, False

    async def sweep(self) -> int:
        """Take away what has expired; return how many answers that were."""
        total = 0
        while True:
            async with self._database.write() as session:
                count = await self._store.delete_expired(
                    session, now=to_datetime(self._clock.now_ns()), limit=self._config.sweep_rows
                )
            total += count
            if count < self._config.sweep_rows:
                return total

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                if self._is_ready():
                    await self.sweep()
            except DependencyError as error:
                # Told by whoever watches the database.
                _log.debug("expired idempotency keys not swept", reason=str(error))
            await asyncio.sleep(self._config.sweep_interval_s)
