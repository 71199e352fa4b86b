"""The audit trail: who did what to what, written in the transaction in which it is done.

Whatever changes something for others leaves a row::

    async with database.write() as session:
        before = await store.get(session, user_id)
        after = await store.change(session, user_id, roles=roles)
        event = AuditEvent("user.change", "user", str(user_id), describe(before), describe(after))
        await trail.record(session, actor, event)

Both are committed, or neither. It is the last thing the transaction does, for the next one that
records waits for it to end.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strikewire.auth.principal import Principal
from strikewire.core.clock import Clock
from strikewire.core.instants import to_datetime
from strikewire.core.users import UserId
from strikewire.observability.correlation import correlation_id
from strikewire.observability.redaction import Redactor
from strikewire.store.audit import AuditFilter, AuditStore
from strikewire.store.audit_chain import AuditEntry, AuditHead, AuditRecord, to_plain
from strikewire.store.database import Database, WriteSession

_REDACTOR: Final = Redactor()
#: Who is asking where nobody has to say who they are: whoever logs in, until they have.
ANONYMOUS: Final = "anonymous"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is acting, and from where.

    Parameters
    ----------
    subject : a stable name: of a principal, of the command line, of a task of the program's own.
    credential, credential_id : by what kind of credential, and which session or key.
    """

    subject: str
    user_id: UserId | None = None
    credential: str | None = None
    credential_id: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What is done, to what.

    Parameters
    ----------
    action : `object.verb`, as the routes declare it.
    before, after : what matters of the object's state; None where there was none, or is none now.
        Secrets are blanked by their names and forms, and do not belong here all the same.
    """

    action: str
    object_type: str
    object_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


class AuditTrail:
    """Writes the audit log, and looks things up in it."""

    def __init__(self, *, database: Database, store: AuditStore, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._clock = clock

    async def record(self, session: WriteSession, actor: Actor, event: AuditEvent) -> AuditHead:
        """Add a row, in the transaction of what it tells of; return its id and hash.

        Raises
        ------
        DependencyError : the store did not answer, or too many were recording at once.
        """
        return await self._store.append(
            session,
            AuditEntry(
                at=to_datetime(self._clock.now_ns()),
                subject=to_plain(actor.subject),
                user_id=actor.user_id,
                credential=actor.credential,
                credential_id=actor.credential_id,
                address=actor.address,
                correlation_id=correlation_id.get(),
                action=event.action,
                object_type=event.object_type,
                object_id=None if event.object_id is None else to_plain(event.object_id),
                before=to_plain(_REDACTOR.redact_value(event.before)),
                after=to_plain(_REDACTOR.redact_value(event.after)),
            ),
        )

    async def list_page(
        self, wanted: AuditFilter, *, limit: int, before_id: int | None = None
    ) -> tuple[list[AuditRecord], int]:
        """Return some rows, the newest first, and how many match.

        Parameters
        ----------
        before_id : only rows older than that one.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        async with self._database.read() as session:
            return await self._store.list_page(session, wanted, limit=limit, before_id=before_id)


def describe_actor(principal: Principal | None, *, address: str | None) -> Actor:
    """Return who is acting in a request; None is somebody who has not said who they are."""
    if principal is None:
        return Actor(ANONYMOUS, address=address)
    return Actor(
        subject=principal.subject,
        user_id=principal.user_id,
        credential=principal.credential.value,
        credential_id=principal.credential_id,
        address=address,
    )


def find_command_actor() -> Actor:
    """Return who is acting at the command line: the machine's user."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name there.
        name = "unknown"
    return Actor(f"cli:{name}")
