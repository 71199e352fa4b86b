"""The audit log, read and checked from the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from strikewire.auth.audit import AuditTrail
from strikewire.auth.audit_check import AuditVerifier
from strikewire.bootstrap.stores import make_audit_trail, open_database
from strikewire.settings import Settings
from strikewire.store.audit import AuditStore


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """What reads the log, and what checks it."""

    trail: AuditTrail
    verifier: AuditVerifier


@asynccontextmanager
async def open_audit(settings: Settings) -> AsyncIterator[AuditDesk]:
    """Open the store for `strikewire audit`, beside a running server too.

    Raises
    ------
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    async with open_database(settings, is_shared=True) as database:
        yield AuditDesk(
            trail=make_audit_trail(database),
            verifier=AuditVerifier(database=database, store=AuditStore()),
        )
