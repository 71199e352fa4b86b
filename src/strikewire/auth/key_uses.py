"""When keys were last used: collected in memory, written down once a minute.

A request that waited for this would pay a write for what its owner looks at once a month.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from strikewire.core.clock import Clock
from strikewire.core.errors import DependencyError
from strikewire.observability.logs import get_logger
from strikewire.store.api_keys import ApiKeyStore, KeyUse
from strikewire.store.database import Database

_log: Final = get_logger("key uses")


@dataclass(frozen=True, slots=True)
class KeyUsesConfig:
    """How uses are written down.

    Parameters
    ----------
    interval_s : how far behind `last_used_at` may be, and how often a key's row is written at most.
    capacity : keys that wait to be written; beyond that a use is not noted.
    """

    interval_s: float = 60.0
    capacity: int = 10_000


class KeyUses:
    """Notes uses, and writes them down from time to time."""

    def __init__(
        self, *, config: KeyUsesConfig, database: Database, store: ApiKeyStore, clock: Clock
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._clock = clock
        self._waiting: dict[str, KeyUse] = {}

    def note(self, key_id: str, address: str | None) -> None:
        """Take down that a key is used now. Waits for nothing."""
        if key_id in self._waiting or len(self._waiting) < self._config.capacity:
            self._waiting[key_id] = KeyUse(self._clock.now_ns(), address)

    async def run(self) -> None:
        """Write down from time to time until cancelled."""
        while True:
            await asyncio.sleep(self._config.interval_s)
            await self.flush()

    async def flush(self) -> None:
        """Write down what waits. While the store does not answer it goes on waiting."""
        if not self._waiting:
            return
        writing, self._waiting = self._waiting, {}
        try:
            async with self._database.write() as session:
                await self._store.note_uses(session, writing)
        except DependencyError as error:
            _log.warning("uses of keys not written", reason=str(error), sample="uses not written")
            # Those noted meanwhile are newer.
            self._waiting = writing | self._waiting
