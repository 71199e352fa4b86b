"""The keys that sign access tokens: one that signs, one that will, and those that did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import case, delete, select, text, update

from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.sealed import SealedBytes
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import SigningKeyRow


class KeyState(StrEnum):
    """What a key is good for. All of them are published."""

    #: Will sign after the next rotation; published early, so that others know it by then.
    NEXT = "next"
    #: Signs.
    CURRENT = "current"
    #: Verifies what it has signed, until that has expired.
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is stored.

    Parameters
    ----------
    kid : its RFC 7638 thumbprint.
    public_key : Ed25519, 32 bytes.
    sealed_private_key : the other half, 32 bytes when opened.
    state_since_ns : since when it is in that state.
    """

    kid: str
    state: KeyState
    public_key: bytes
    sealed_private_key: SealedBytes
    created_ns: int
    state_since_ns: int


class SigningKeyStore:
    """Keys by state. Holds nothing: every method works in the caller's transaction."""

    async def lock(self, session: WriteSession) -> None:
        """Let nobody else change keys before this transaction is over; reading goes on."""
        await session.execute(text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE"))

    async def list_all(self, session: ReadSession | WriteSession) -> Sequence[StoredKey]:
        """Return every key: next, current, then the previous, the newest of them first."""
        row = SigningKeyRow
        order = case({"next": 0, "current": 1}, value=row.state, else_=2)
        query = select(
            row.kid,
            row.state,
            row.public_key,
            row.sealed_private_key,
            row.created_at,
            row.state_since,
        ).order_by(order, row.state_since.desc(), row.kid)
        return [
            StoredKey(
                kid=found.kid,
                state=KeyState(found.state),
                public_key=found.public_key,
                sealed_private_key=found.sealed_private_key,
                created_ns=from_datetime(found.created_at),
                state_since_ns=from_datetime(found.state_since),
            )
            for found in await session.execute(query)
        ]

    async def add(self, session: WriteSession, key: StoredKey) -> None:
        """Add a key."""
        session.add(
            SigningKeyRow(
                kid=key.kid,
                state=key.state.value,
                public_key=key.public_key,
                sealed_private_key=key.sealed_private_key,
                created_at=to_datetime(key.created_ns),
                state_since=to_datetime(key.state_since_ns),
            )
        )
        await session.flush()

    async def promote(
        self, session: WriteSession, old: KeyState, new: KeyState, *, at_ns: int
    ) -> None:
        """Put the key that is in one state into another."""
        statement = update(SigningKeyRow).where(SigningKeyRow.state == old.value)
        await session.execute(statement.values(state=new.value, state_since=to_datetime(at_ns)))

    async def drop_previous(self, session: WriteSession, *, until_ns: int) -> int:
        """Drop keys that stopped signing before an instant; say how many."""
        statement = delete(SigningKeyRow).where(
            SigningKeyRow.state == KeyState.PREVIOUS.value,
            SigningKeyRow.state_since < to_datetime(until_ns),
        )
        return len((await session.execute(statement.returning(SigningKeyRow.kid))).all())

    async def drop_all(self, session: WriteSession) -> None:
        """Drop every key: nothing that any of them signed is good any more."""
        await session.execute(delete(SigningKeyRow))
