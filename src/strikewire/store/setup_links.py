"""Set-up links: whoever holds the secret of one may set a password, once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, select

from strikewire.core.instants import to_datetime
from strikewire.core.users import UserId
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import SetupLinkRow


@dataclass(frozen=True, slots=True)
class SetupLink:
    """A link that was good.

    Parameters
    ----------
    user_id : whose password it sets; None: it makes the first administrator.
    """

    user_id: UserId | None


class SetupLinkStore:
    """Links by the hash of their secret. Holds nothing: it works in the caller's transaction."""

    async def replace(
        self,
        session: WriteSession,
        token_hash: bytes,
        user_id: UserId | None,
        *,
        at_ns: int,
        expires_ns: int,
    ) -> None:
        """Add a link; earlier ones for the same are no good from now on."""
        row = SetupLinkRow
        await session.execute(delete(row).where(row.user_id.is_not_distinct_from(user_id)))
        session.add(
            SetupLinkRow(
                token_hash=token_hash,
                user_id=user_id,
                created_at=to_datetime(at_ns),
                expires_at=to_datetime(expires_ns),
            )
        )
        await session.flush()

    async def find(
        self, session: ReadSession | WriteSession, token_hash: bytes, *, at_ns: int
    ) -> SetupLink | None:
        """Return a link that is good; None where there is none, or it has expired."""
        row = SetupLinkRow
        query = select(row.user_id).where(_is_good(token_hash, at_ns))
        found = (await session.execute(query)).one_or_none()
        return None if found is None else _make_link(found.user_id)

    async def take(
        self, session: WriteSession, token_hash: bytes, *, at_ns: int
    ) -> SetupLink | None:
        """Use a link up; None where there is none, or it has expired.

        Of two that show the same one at the same time, one gets it.
        """
        statement = delete(SetupLinkRow).where(_is_good(token_hash, at_ns))
        found = (await session.execute(statement.returning(SetupLinkRow.user_id))).one_or_none()
        return None if found is None else _make_link(found.user_id)

    async def purge(self, session: WriteSession, *, before_ns: int) -> None:
        """Delete links that expired before an instant."""
        row = SetupLinkRow
        await session.execute(delete(row).where(row.expires_at < to_datetime(before_ns)))


def _is_good(token_hash: bytes, at_ns: int) -> ColumnElement[bool]:
    row = SetupLinkRow
    return and_(row.token_hash == token_hash, row.expires_at > to_datetime(at_ns))


def _make_link(user_id: int | None) -> SetupLink:
    return SetupLink(None if user_id is None else UserId(user_id))
