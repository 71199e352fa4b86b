"""API keys: rows by id, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.api_keys import ApiKey
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.users import UserId
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import ApiKeyRow, UserRow


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """Which keys.

    Parameters
    ----------
    user_id : whose; None: anybody's.
    """

    user_id: UserId | None
    is_revoked_included: bool = False


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key, and what is kept of its secret."""

    key: ApiKey
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """When a key was last used, and from where."""

    at_ns: int
    address: str | None


class ApiKeyStore:
    """The table `api_keys`. Holds nothing: every method works in the caller's transaction.

    Where an owner is given, another one's key is not found, like one that is not there.
    """

    async def add(self, session: WriteSession, key: ApiKey, *, secret_hash: bytes) -> None:
        """Store a new key."""
        values = {
            "id": key.id,
            "user_id": key.user_id,
            "name": key.name,
            "secret_hash": secret_hash,
            "scopes": list(key.scopes),
            "networks": list(key.networks),
            "created_at": to_datetime(key.created_ns),
            "expires_at": to_datetime(key.expires_ns),
        }
        await session.execute(pg_insert(ApiKeyRow).values(values))

    async def lock_owner(self, session: WriteSession, user_id: UserId) -> int:
        """Let nobody else give this user a key before the transaction ends.

        Returns
        -------
        How many keys the user has that are not revoked; those that expired count.

        Raises
        ------
        NotFoundError : there is no such user.
        """
        query = select(UserRow.id).where(UserRow.id == user_id).with_for_update(key_share=True)
        if (await session.execute(query)).one_or_none() is None:
            msg = f"there is no user {user_id}"
            raise NotFoundError(msg, user_id=user_id)
        count = select(func.count()).where(
            ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None)
        )
        return (await session.execute(count)).scalar_one()

    async def find_record(
        self, session: ReadSession | WriteSession, key_id: str
    ) -> KeyRecord | None:
        """Return what has to be known to take a key; None where there is none of that id."""
        query = select(*_RECORD_COLUMNS).where(ApiKeyRow.id == key_id)
        row = (await session.execute(query)).one_or_none()
        return None if row is None else KeyRecord(_make_key(row), row.secret_hash)

    async def get(
        self, session: ReadSession | WriteSession, key_id: str, *, owner: UserId | None
    ) -> ApiKey:
        """Return a key that is not revoked.

        Parameters
        ----------
        owner : whose it has to be; None: anybody's.

        Raises
        ------
        NotFoundError : there is none, or it is somebody else's.
        """
        query = select(*_COLUMNS).where(*_match(key_id, owner))
        return _make_key(_get_one((await session.execute(query)).one_or_none(), key_id))

    async def list_page(
        self, session: ReadSession, wanted: KeyFilter, *, limit: int, offset: int
    ) -> tuple[list[ApiKey], int]:
        """Return some keys, the newest first, and how many there are."""
        conditions: list[Any] = []
        if wanted.user_id is not None:
            conditions.append(ApiKeyRow.user_id == wanted.user_id)
        if not wanted.is_revoked_included:
            conditions.append(ApiKeyRow.revoked_at.is_(None))
        query = select(*_COLUMNS).where(*conditions)
        query = query.order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id)
        rows = await session.execute(query.limit(limit).offset(offset))
        keys = [_make_key(row) for row in rows]
        count = select(func.count()).select_from(ApiKeyRow).where(*conditions)
        return keys, (await session.execute(count)).scalar_one()

    async def change(
        self, session: WriteSession, key_id: str, *, owner: UserId | None, **changes: Any
    ) -> ApiKey:
        """Change columns of a key that is not revoked.

        Parameters
        ----------
        owner : as in `get`.
        changes : of `name`, `scopes`, `networks`, `expires_at`, `revoked_at`.

        Raises
        ------
        NotFoundError : there is none, or it is somebody else's.
        """
        statement = update(ApiKeyRow).where(*_match(key_id, owner)).values(**changes)
        row = (await session.execute(statement.returning(*_COLUMNS))).one_or_none()
        return _make_key(_get_one(row, key_id))

    async def note_uses(self, session: WriteSession, uses: Mapping[str, KeyUse]) -> None:
        """Note when keys were last used, in the order of their ids; an older use changes nothing.

        Two programs that write down their uses meet in that order, and neither waits in a circle.
        """
        for key_id, use in sorted(uses.items()):
            used_at = to_datetime(use.at_ns)
            statement = update(ApiKeyRow).where(
                ApiKeyRow.id == key_id,
                or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < used_at),
            )
            await session.execute(
                statement.values(last_used_at=used_at, last_used_address=use.address)
            )


_COLUMNS: Final[tuple[Any, ...]] = (
    ApiKeyRow.id.label("key_id"),
    ApiKeyRow.user_id,
    ApiKeyRow.name,
    ApiKeyRow.scopes,
    ApiKeyRow.networks,
    ApiKeyRow.created_at.label("key_created_at"),
    ApiKeyRow.expires_at,
    ApiKeyRow.revoked_at,
    ApiKeyRow.last_used_at,
    ApiKeyRow.last_used_address,
)

_RECORD_COLUMNS: Final[tuple[Any, ...]] = (*_COLUMNS, ApiKeyRow.secret_hash)


def _match(key_id: str, owner: UserId | None) -> list[Any]:
    conditions: list[Any] = [ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None)]
    if owner is not None:
        conditions.append(ApiKeyRow.user_id == owner)
    return conditions


def _get_one(row: Row[Any] | None, key_id: str) -> Row[Any]:
    if row is None:
        msg = f"there is no API key {key_id}"
        raise NotFoundError(msg, key_id=key_id)
    return row


def _make_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.key_id,
        user_id=UserId(row.user_id),
        name=row.name,
        scopes=tuple(row.scopes),
        networks=tuple(row.networks),
        created_ns=from_datetime(row.key_created_at),
        expires_ns=from_datetime(row.expires_at),
        revoked_ns=_to_ns(row.revoked_at),
        last_used_ns=_to_ns(row.last_used_at),
        last_used_address=row.last_used_address,
    )


def _to_ns(moment: datetime | None) -> int | None:
    return None if moment is None else from_datetime(moment)
