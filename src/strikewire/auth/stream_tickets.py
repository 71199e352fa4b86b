"""Stream tickets: one socket each, for thirty seconds, for clients that can send no header.

A browser's WebSocket takes an address and nothing else, and a secret in an address ends up in logs
and histories. A ticket may: when somebody reads it there it has been used, or is too old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from strikewire.auth.credentials import CredentialKind, Refusal
from strikewire.auth.opaque import hash_secret, is_secret, make_secret
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Role, Scope
from strikewire.core.clock import Clock
from strikewire.core.errors import CredentialRefusedError
from strikewire.core.instants import SECOND_NS, to_datetime
from strikewire.core.users import UserId
from strikewire.store.database import Database
from strikewire.store.stream_tickets import StreamTicketStore

TICKET_PREFIX: Final = "swt_"


@dataclass(frozen=True, slots=True)
class StreamTicketsConfig:
    """How long a ticket is good."""

    lifetime_s: float = 30.0


@dataclass(frozen=True, slots=True)
class StreamTicket:
    """A ticket, and when it ends."""

    text: str = field(repr=False)
    expires_ns: int


class StreamTickets:
    """Gives tickets and takes them.

    They are in the store, so that one process takes what another one gave.
    """

    def __init__(
        self,
        *,
        config: StreamTicketsConfig,
        database: Database,
        store: StreamTicketStore,
        clock: Clock,
    ) -> None:
        self._lifetime_ns = int(config.lifetime_s * SECOND_NS)
        self._database = database
        self._store = store
        self._clock = clock

    async def issue(self, principal: Principal) -> StreamTicket:
        """Give somebody a ticket.

        Raises
        ------
        DependencyError : the store did not answer.
        """
        text = make_secret(TICKET_PREFIX)
        now_ns = self._clock.now_ns()
        expires_ns = now_ns + self._lifetime_ns
        async with self._database.write() as session:
            await self._store.add(
                session,
                hash_secret(text),
                _to_json(principal),
                now=to_datetime(now_ns),
                expires_at=to_datetime(expires_ns),
            )
        return StreamTicket(text, expires_ns)

    async def redeem(self, text: str) -> Principal:
        """Return who was given a ticket, as they were then, and take it from them.

        Whoever calls has to ask `Identity.renew` what became of them since.

        Raises
        ------
        CredentialRefusedError : there is no such ticket, it has been used, or is too old.
        DependencyError : the store did not answer; the ticket may have been used up.
        """
        if not is_secret(text, TICKET_PREFIX):
            raise CredentialRefusedError(Refusal.UNREADABLE)
        now = to_datetime(self._clock.now_ns())
        async with self._database.write() as session:
            principal = await self._store.take(session, hash_secret(text), now=now)
        if principal is None:
            raise CredentialRefusedError(Refusal.REUSED)
        return _from_json(principal)


def _to_json(principal: Principal) -> dict[str, Any]:
    return {
        "subject": principal.subject,
        "credential": principal.credential.value,
        "roles": sorted(principal.roles),
        "scopes": sorted(principal.scopes),
        "user_id": principal.user_id,
        "credential_id": principal.credential_id,
        "account_ids": sorted(principal.account_ids),
    }


def _from_json(found: Mapping[str, Any]) -> Principal:
    user_id = found["user_id"]
    return Principal(
        subject=found["subject"],
        credential=CredentialKind(found["credential"]),
        roles=frozenset(role for role in Role if role.value in found["roles"]),
        # What the program that gave the ticket knew and this one does not is nothing here.
        scopes=frozenset(scope for scope in Scope if scope.value in found["scopes"]),
        user_id=None if user_id is None else UserId(user_id),
        credential_id=found["credential_id"],
        account_ids=frozenset(found["account_ids"]),
    )
