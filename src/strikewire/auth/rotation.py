"""Changing the key: every stored secret is sealed again under the first one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strikewire.auth.audit import Actor, AuditEvent, AuditTrail
from strikewire.auth.key_ring import KeySource
from strikewire.auth.secret_box import SecretBox
from strikewire.store.database import Database
from strikewire.store.sealed import SealedStore, SealedValue

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class SealedColumnReport:
    """What a sealed column holds.

    Parameters
    ----------
    name : `table.column`.
    counts : how many values are sealed under each key, by the keys' ids.
    """

    name: str
    counts: dict[str, int]


class KeyRotation:
    """Looks at what is sealed under which key, and seals it again.

    Parameters
    ----------
    batch : values a transaction; the rows of one batch are locked for the while.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: SealedStore,
        keys: KeySource,
        trail: AuditTrail,
        batch: int = _BATCH,
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._trail = trail
        self._box = SecretBox(keys)
        self._batch = batch

    async def describe(self) -> list[SealedColumnReport]:
        """Return what every sealed column holds.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        async with self._database.read() as session:
            return [
                SealedColumnReport(name, await self._store.count_by_key(session, name))
                for name in self._store.columns
            ]

    async def run(self, actor: Actor) -> dict[str, int]:
        """Seal everything under the first key; return how many values of each column it was.

        It may be stopped at any moment and run again: each batch is a transaction of its own, and
        a program that has both keys reads what is done and what is not.

        Parameters
        ----------
        actor : who does it.

        Raises
        ------
        SealedValueError : a value cannot be opened; what came before it is done.
        SettingsError : there is no key to be had.
        DependencyError : the store did not answer.
        """
        counts = {name: await self._rotate_column(name) for name in self._store.columns}
        key_id = self._keys.load().first.id
        event = AuditEvent("sealing_key.rotate", "sealing_key", key_id, after={"resealed": counts})
        async with self._database.write() as session:
            await self._trail.record(session, actor, event)
        return counts

    async def _rotate_column(self, name: str) -> int:
        key_id, done = self._keys.load().first.id, 0
        while True:
            async with self._database.write() as session:
                found = await self._store.lock_under_other_keys(
                    session, name, key_id, limit=self._batch
                )
                fresh = [
                    SealedValue(each.place, self._box.reseal(each.sealed, each.place))
                    for each in found
                ]
                await self._store.replace(session, fresh)
            done += len(fresh)
            if len(found) < self._batch:
                return done
