"""The last login with each broker, its token sealed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.sealed import SealedBytes
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import BrokerLoginRow


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login as it is stored.

    Parameters
    ----------
    login_id : another one with each login.
    refused_ns, refused_because : None while the broker has not refused it.
    """

    broker: str
    login_id: uuid.UUID
    sealed_token: SealedBytes
    broker_user: str
    issued_ns: int
    dies_ns: int
    refused_ns: int | None = None
    refused_because: str | None = None


class BrokerLoginStore:
    """One login a broker. Holds nothing: every method works in the caller's transaction."""

    async def find(self, session: ReadSession | WriteSession, broker: str) -> StoredLogin | None:
        """Return the last login with a broker; None where there never was one."""
        row = BrokerLoginRow
        query = select(
            row.login_id,
            row.sealed_token,
            row.broker_user,
            row.issued_at,
            row.dies_at,
            row.refused_at,
            row.refused_because,
        ).where(row.broker == broker)
        found = (await session.execute(query)).one_or_none()
        if found is None:
            return None
        return StoredLogin(
            broker=broker,
            login_id=found.login_id,
            sealed_token=found.sealed_token,
            broker_user=found.broker_user,
            issued_ns=from_datetime(found.issued_at),
            dies_ns=from_datetime(found.dies_at),
            refused_ns=None if found.refused_at is None else from_datetime(found.refused_at),
            refused_because=found.refused_because,
        )

    async def replace(self, session: WriteSession, login: StoredLogin) -> None:
        """Put a login in the place of the last one."""
        values = {
            "login_id": login.login_id,
            "sealed_token": login.sealed_token,
            "broker_user": login.broker_user,
            "issued_at": to_datetime(login.issued_ns),
            "dies_at": to_datetime(login.dies_ns),
            "refused_at": None,
            "refused_because": None,
        }
        query = pg_insert(BrokerLoginRow).values(broker=login.broker, **values)
        await session.execute(query.on_conflict_do_update(index_elements=["broker"], set_=values))

    async def refuse(
        self, session: WriteSession, login_id: uuid.UUID, *, at_ns: int, because: str
    ) -> None:
        """Note that a broker does not take a login any more; the first to say so is kept."""
        await session.execute(
            update(BrokerLoginRow)
            .where(BrokerLoginRow.login_id == login_id, BrokerLoginRow.refused_at.is_(None))
            .values(refused_at=to_datetime(at_ns), refused_because=because)
        )
