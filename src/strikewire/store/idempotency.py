"""Answers that were given to creating requests, by who asked what under which key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.errors import IdempotencyKeyBusyError, IdempotencyKeyReusedError
from strikewire.store.database import WriteSession
from strikewire.store.schema import IdempotencyKeyRow


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that may be sent again.

    Parameters
    ----------
    principal : who asks; the keys of two callers never meet.
    route : method and path.
    key : what the caller chose for this one effect.
    body_hash : digest of what is asked for.
    """

    principal: str
    route: str
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller was told.

    Parameters
    ----------
    body : JSON.
    location : where the created object is.
    """

    status: int
    body: bytes
    location: str | None = None


class IdempotencyStore:
    """The table `idempotency_keys`."""

    async def claim(
        self, session: WriteSession, request: IdempotentRequest, *, now: datetime
    ) -> Answer | None:
        """Keep a key to this transaction until it ends; return the answer given before, if any.

        Raises
        ------
        IdempotencyKeyBusyError : another transaction has the key.
        IdempotencyKeyReusedError : it was used for something else.
        """
        # A lock, not an INSERT that waits: whoever comes second is told so at once.
        if not await session.scalar(select(func.pg_try_advisory_xact_lock(_hash_name(request)))):
            msg = "the first request with this Idempotency-Key is still under way"
            raise IdempotencyKeyBusyError(msg)
        row = IdempotencyKeyRow
        found = (
            await session.execute(
                select(row.body_hash, row.status, row.response, row.location).where(
                    row.principal == request.principal,
                    row.route == request.route,
                    row.key == request.key,
                    row.expires_at > now,
                )
            )
        ).one_or_none()
        if found is None:
            return None
        if found.body_hash != request.body_hash:
            msg = "this Idempotency-Key was used before, with another body"
            raise IdempotencyKeyReusedError(msg)
        return Answer(found.status, found.response, found.location)

    async def save(
        self,
        session: WriteSession,
        request: IdempotentRequest,
        answer: Answer,
        *,
        expires_at: datetime,
    ) -> None:
        """Keep the answer to a request whose key this transaction has claimed."""
        values = {
            "principal": request.principal,
            "route": request.route,
            "key": request.key,
            "body_hash": request.body_hash,
            "status": answer.status,
            "response": answer.body,
            "location": answer.location,
            "expires_at": expires_at,
        }
        # One that expired and was not yet swept away is replaced.
        await session.execute(
            pg_insert(IdempotencyKeyRow)
            .values(values)
            .on_conflict_do_update(index_elements=["principal", "route", "key"], set_=values)
        )

    async def delete_expired(self, session: WriteSession, *, now: datetime, limit: int) -> int:
        """Take away at most so many answers that have expired; return how many."""
        row = IdempotencyKeyRow
        key = (row.principal, row.route, row.key)
        # Rows that a request is replacing at this moment are left to the next round.
        expired = (
            select(*key).where(row.expires_at <= now).limit(limit).with_for_update(skip_locked=True)
        )
        query = delete(row).where(tuple_(*key).in_(expired)).returning(row.expires_at)
        return len((await session.execute(query)).all())


def _hash_name(request: IdempotentRequest) -> int:
    """Return the number of a key's advisory lock."""
    name = f"{request.principal}\0{request.route}\0{request.key}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
