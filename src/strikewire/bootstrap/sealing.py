"""The secret box, and its keys when they are looked after from the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from strikewire.auth.rotation import KeyRotation
from strikewire.auth.secret_box import SecretBox
from strikewire.bootstrap.stores import make_audit_trail, open_database
from strikewire.observability.logs import get_logger
from strikewire.settings import Settings
from strikewire.store.schema import metadata
from strikewire.store.sealed import SealedStore

_log: Final = get_logger("secrets")


def make_secret_box(settings: Settings) -> SecretBox:
    """Return what seals the secrets that this program stores."""
    if settings.secret_keys is None and settings.database_url is not None:
        _log.warning(
            "secrets in the database are sealed under the key file of this data directory: where "
            "other programs share the database, set STRIKEWIRE_SECRET_KEYS for all of them"
        )
    return SecretBox(settings.to_key_source())


@asynccontextmanager
async def open_rotation(settings: Settings) -> AsyncIterator[KeyRotation]:
    """Open the store for `strikewire secrets`.

    Raises
    ------
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    async with open_database(settings) as database:
        yield KeyRotation(
            database=database,
            store=SealedStore(metadata),
            keys=settings.to_key_source(),
            trail=make_audit_trail(database),
        )
