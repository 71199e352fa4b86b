"""Logins: the sessions of browsers, and families of refresh tokens."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, update

from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.users import UserId
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import LoginSessionRow, RefreshTokenRow


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One login, until it ends.

    Parameters
    ----------
    cookie_hash : of a browser's session; None of a family of refresh tokens.
    expires_ns : moves on as it is used.
    revoked_ns : when it was ended before that; None while it was not.
    address, user_agent : of whoever used it last, for its owner to recognise.
    """

    id: uuid.UUID
    user_id: UserId
    cookie_hash: bytes | None
    created_ns: int
    last_used_ns: int
    expires_ns: int
    revoked_ns: int | None
    address: str | None
    user_agent: str

    def is_good(self, now_ns: int) -> bool:
        """Say whether it has neither expired nor been revoked."""
        return self.revoked_ns is None and now_ns < self.expires_ns


@dataclass(frozen=True, slots=True)
class RefreshUse:
    """What came of showing a refresh token.

    Parameters
    ----------
    sequence : which of its session's tokens it was, from 1.
    is_first : False for one that had been used before.
    """

    session_id: uuid.UUID
    sequence: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a login was ended before its time, and when."""

    because: str
    at_ns: int

    def to_columns(self) -> dict[str, Any]:
        """Return it as the table has it."""
        return {"revoked_at": to_datetime(self.at_ns), "revoked_because": self.because}


_COLUMNS: Final[tuple[Any, ...]] = (
    LoginSessionRow.id,
    LoginSessionRow.user_id,
    LoginSessionRow.cookie_hash,
    LoginSessionRow.created_at,
    LoginSessionRow.last_used_at,
    LoginSessionRow.expires_at,
    LoginSessionRow.revoked_at,
    LoginSessionRow.address,
    LoginSessionRow.user_agent,
)


class LoginSessionStore:
    """Sessions and their refresh tokens.

    Holds nothing: every method works in the caller's transaction.
    """

    async def add(self, session: WriteSession, login: LoginSession) -> None:
        """Add a login."""
        session.add(
            LoginSessionRow(
                id=login.id,
                user_id=login.user_id,
                cookie_hash=login.cookie_hash,
                created_at=to_datetime(login.created_ns),
                last_used_at=to_datetime(login.last_used_ns),
                expires_at=to_datetime(login.expires_ns),
                address=login.address,
                user_agent=login.user_agent,
            )
        )
        await session.flush()

    async def find(
        self, session: ReadSession | WriteSession, session_id: uuid.UUID
    ) -> LoginSession | None:
        """Return a login; None where there is none of that id."""
        query = select(*_COLUMNS).where(LoginSessionRow.id == session_id)
        row = (await session.execute(query)).one_or_none()
        return None if row is None else _make_login(row)

    async def list_of(
        self, session: ReadSession | WriteSession, user_id: UserId, *, now_ns: int
    ) -> Sequence[LoginSession]:
        """Return where somebody is signed in now, the one used last first."""
        row = LoginSessionRow
        query = (
            select(*_COLUMNS)
            .where(
                row.user_id == user_id,
                row.revoked_at.is_(None),
                row.expires_at > to_datetime(now_ns),
            )
            .order_by(row.last_used_at.desc(), row.id)
        )
        return [_make_login(found) for found in await session.execute(query)]

    async def revoke(self, session: WriteSession, session_id: uuid.UUID, ending: Ending) -> None:
        """End a login; one that has ended stays as it is."""
        row = LoginSessionRow
        statement = update(row).where(row.id == session_id, row.revoked_at.is_(None))
        await session.execute(statement.values(ending.to_columns()))

    async def revoke_all(
        self,
        session: WriteSession,
        user_id: UserId,
        ending: Ending,
        *,
        spared: uuid.UUID | None = None,
    ) -> Sequence[uuid.UUID]:
        """End every login of somebody, save the one that is spared; return which."""
        row = LoginSessionRow
        conditions = [row.user_id == user_id, row.revoked_at.is_(None)]
        if spared is not None:
            conditions.append(row.id != spared)
        statement = update(row).where(*conditions).values(ending.to_columns())
        return (await session.execute(statement.returning(row.id))).scalars().all()

    async def note_uses(
        self,
        session: WriteSession,
        uses: Mapping[uuid.UUID, int],
        *,
        idle_ns: int,
        lifetime_ns: int,
    ) -> None:
        """Note when sessions were used.

        Parameters
        ----------
        uses : instants by session.
        idle_ns, lifetime_ns : a session lasts so long from its last use, but no longer than that
            from its beginning.
        """
        row = LoginSessionRow
        # In one order, so that two programs that note the same sessions do not deadlock.
        for session_id in sorted(uses):
            used_ns = uses[session_id]
            latest = row.created_at + timedelta(microseconds=lifetime_ns // 1_000)
            statement = update(row).where(row.id == session_id)
            await session.execute(
                statement.values(
                    last_used_at=func.greatest(row.last_used_at, to_datetime(used_ns)),
                    expires_at=func.least(
                        func.greatest(row.expires_at, to_datetime(used_ns + idle_ns)), latest
                    ),
                )
            )

    async def replace_use(self, session: WriteSession, login: LoginSession) -> None:
        """Write down who used a login last, from where, and how long it lasts from then."""
        statement = update(LoginSessionRow).where(LoginSessionRow.id == login.id)
        await session.execute(
            statement.values(
                last_used_at=to_datetime(login.last_used_ns),
                expires_at=to_datetime(login.expires_ns),
                address=login.address,
                user_agent=login.user_agent,
            )
        )

    async def add_refresh_token(
        self,
        session: WriteSession,
        session_id: uuid.UUID,
        token_hash: bytes,
        *,
        sequence: int,
        at_ns: int,
    ) -> None:
        """Add the next token of a family."""
        session.add(
            RefreshTokenRow(
                token_hash=token_hash,
                session_id=session_id,
                sequence=sequence,
                issued_at=to_datetime(at_ns),
            )
        )
        await session.flush()

    async def use_refresh_token(
        self, session: WriteSession, token_hash: bytes, *, at_ns: int
    ) -> RefreshUse | None:
        """Use a token up; None for one that nobody was ever given.

        Of two that show the same one at the same time, exactly one is the first.
        """
        row = RefreshTokenRow
        statement = (
            update(row)
            .where(row.token_hash == token_hash, row.used_at.is_(None))
            .values(used_at=to_datetime(at_ns))
            .returning(row.session_id, row.sequence)
        )
        used = (await session.execute(statement)).one_or_none()
        if used is not None:
            return RefreshUse(used.session_id, used.sequence, is_first=True)
        query = select(row.session_id, row.sequence).where(row.token_hash == token_hash)
        found = (await session.execute(query)).one_or_none()
        return None if found is None else RefreshUse(*found, is_first=False)

    async def purge(self, session: WriteSession, *, before_ns: int) -> int:
        """Delete logins that ended before an instant; say how many."""
        row = LoginSessionRow
        before = to_datetime(before_ns)
        statement = delete(row).where(
            func.least(row.expires_at, func.coalesce(row.revoked_at, row.expires_at)) < before
        )
        return len((await session.execute(statement.returning(row.id))).all())


def _make_login(row: Row[Any]) -> LoginSession:
    return LoginSession(
        id=row.id,
        user_id=UserId(row.user_id),
        cookie_hash=row.cookie_hash,
        created_ns=from_datetime(row.created_at),
        last_used_ns=from_datetime(row.last_used_at),
        expires_ns=from_datetime(row.expires_at),
        revoked_ns=None if row.revoked_at is None else from_datetime(row.revoked_at),
        address=row.address,
        user_agent=row.user_agent,
    )
