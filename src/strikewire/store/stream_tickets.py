"""Stream tickets: rows that are taken by deleting them, so that one is good for one socket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.store.database import WriteSession
from strikewire.store.schema import StreamTicketRow

#: Whoever adds one takes away so many that nobody used: they cannot pile up.
_SWEPT_ROWS: Final = 10


class StreamTicketStore:
    """The table `stream_ticket`."""

    async def add(
        self,
        session: WriteSession,
        ticket_hash: bytes,
        principal: Mapping[str, Any],
        *,
        now: datetime,
        expires_at: datetime,
    ) -> None:
        """Store a ticket, and take some away that have expired."""
        row = StreamTicketRow
        expired = (
            select(row.ticket_hash)
            .where(row.expires_at <= now)
            .limit(_SWEPT_ROWS)
            .with_for_update(skip_locked=True)
        )
        await session.execute(delete(row).where(row.ticket_hash.in_(expired)))
        values = {
            "ticket_hash": ticket_hash,
            "principal": dict(principal),
            "expires_at": expires_at,
        }
        await session.execute(pg_insert(row).values(values))

    async def take(
        self, session: WriteSession, ticket_hash: bytes, *, now: datetime
    ) -> dict[str, Any] | None:
        """Return whose ticket it is, and let nobody use it again; None for none, or too late.

        Of two that come with the same ticket at the same time, one deletes it and the other finds
        nothing: PostgreSQL lets the second wait for the first.
        """
        row = StreamTicketRow
        statement = delete(row).where(row.ticket_hash == ticket_hash)
        found = (
            await session.execute(statement.returning(row.principal, row.expires_at))
        ).one_or_none()
        return None if found is None or found.expires_at <= now else found.principal
