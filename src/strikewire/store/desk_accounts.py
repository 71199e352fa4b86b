"""Trading accounts by id and by owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.accounts import Account, Broker, Reach
from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.money import Paise
from strikewire.core.orders import AccountId, OrderId, OrderState
from strikewire.core.sealed import SealedBytes, SealedPlace
from strikewire.core.users import UserId
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.desk_schema import AccountRow, OrderRow
from strikewire.store.schema import UserRow


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts.

    Parameters
    ----------
    reach : whose.
    """

    reach: Reach
    is_closed_included: bool = False


class AccountStore:
    """Accounts. Holds nothing: every method works in the caller's transaction."""

    async def draw_id(self, session: WriteSession) -> AccountId:
        """Return the id of an account to come: what is sealed for it has to know its row."""
        query = text("SELECT nextval(pg_get_serial_sequence('accounts', 'id'))")
        return AccountId((await session.execute(query)).scalar_one())

    async def add(
        self,
        session: WriteSession,
        account: Account,
        *,
        sealed_credentials: SealedBytes | None = None,
    ) -> int:
        """Add an account under the id that was drawn for it.

        Returns
        -------
        How many its owner has now, closed ones included.

        Raises
        ------
        ConflictError : its owner has one of that name, perhaps a closed one.
        NotFoundError : there is no such owner.
        """
        values = {
            "id": account.id,
            "user_id": account.user_id,
            "name": account.name,
            "broker": account.broker.value,
            "broker_user": account.broker_user,
            "sealed_credentials": sealed_credentials,
            "opening_paise": account.opening,
            "limits": dict(account.limits),
            "is_live": account.is_live,
            "created_at": to_datetime(account.created_ns),
        }
        await _lock_owner(session, account.user_id)
        await _check_name(session, account.user_id, account.name)
        await session.execute(pg_insert(AccountRow).values(values))
        count = select(func.count()).where(AccountRow.user_id == account.user_id)
        return (await session.execute(count)).scalar_one()

    async def get(
        self,
        session: ReadSession | WriteSession,
        account_id: int,
        *,
        reach: Reach,
        is_locked: bool = False,
    ) -> Account:
        """Return an account.

        Parameters
        ----------
        reach : whose it has to be.
        is_locked : nobody else changes it, or locks it to place an order, before the transaction
            ends. What refers to it is inserted meanwhile all the same.

        Raises
        ------
        NotFoundError : there is none, or it is somebody else's.
        """
        query = select(*_COLUMNS).where(AccountRow.id == account_id, is_reached(reach))
        if is_locked:
            query = query.with_for_update(key_share=True)
        row = (await session.execute(query)).one_or_none()
        if row is None:
            msg = f"there is no account {account_id}"
            raise NotFoundError(msg, account_id=account_id)
        return _make_account(row)

    async def list_page(
        self,
        session: ReadSession | WriteSession,
        wanted: AccountFilter,
        *,
        limit: int,
        offset: int,
    ) -> tuple[list[Account], int]:
        """Return some accounts, the oldest first, and how many there are."""
        conditions = [is_reached(wanted.reach)]
        if not wanted.is_closed_included:
            conditions.append(AccountRow.closed_at.is_(None))
        query = select(*_COLUMNS).where(*conditions).order_by(AccountRow.id)
        rows = await session.execute(query.limit(limit).offset(offset))
        accounts = [_make_account(row) for row in rows]
        count = select(func.count()).select_from(AccountRow).where(*conditions)
        return accounts, (await session.execute(count)).scalar_one()

    async def change(
        self, session: WriteSession, account: Account, changes: Mapping[str, Any]
    ) -> Account:
        """Change columns of an account that this transaction has locked.

        Parameters
        ----------
        changes : of `name`, `limits`, `is_live`, `broker_user`, `sealed_credentials`, `halted_at`,
            `halted_because`, `closed_at`.

        Raises
        ------
        ConflictError : its owner has another one of that name.
        """
        if "name" in changes and changes["name"].lower() != account.name.lower():
            await _lock_owner(session, account.user_id)
            await _check_name(session, account.user_id, changes["name"])
        statement = update(AccountRow).where(AccountRow.id == account.id).values(**changes)
        return _make_account((await session.execute(statement.returning(*_COLUMNS))).one())

    async def lock_open(self, session: WriteSession, reach: Reach) -> list[Account]:
        """Return accounts that are not closed, locked as by `get`, by their ids."""
        query = select(*_COLUMNS).where(is_reached(reach), AccountRow.closed_at.is_(None))
        locked = query.order_by(AccountRow.id).with_for_update(key_share=True)
        return [_make_account(row) for row in await session.execute(locked)]

    async def find_living_orders(
        self, session: ReadSession | WriteSession, account_ids: Iterable[AccountId]
    ) -> list[OrderId]:
        """Return the orders of accounts that can still become something else."""
        query = select(OrderRow.id).where(
            OrderRow.account_id.in_(sorted(account_ids)), OrderRow.state.in_(_LIVING)
        )
        return [OrderId(each) for each in (await session.execute(query)).scalars()]


def is_reached(reach: Reach) -> ColumnElement[bool]:
    """Return the condition that an account of a query is within somebody's reach."""
    if reach.is_everybody:
        return true()
    return or_(AccountRow.user_id == reach.user_id, AccountRow.id.in_(sorted(reach.account_ids)))


def place_credentials(account_id: AccountId) -> SealedPlace:
    """Return where the sealed credentials of an account stand."""
    return SealedPlace("accounts", "sealed_credentials", str(account_id))


_LIVING: Final = tuple(each.value for each in OrderState if not each.is_final)

_COLUMNS: Final[tuple[Any, ...]] = (
    AccountRow.id,
    AccountRow.user_id,
    AccountRow.name,
    AccountRow.broker,
    AccountRow.broker_user,
    AccountRow.sealed_credentials.is_not(None).label("has_credentials"),
    AccountRow.opening_paise,
    AccountRow.limits,
    AccountRow.is_live,
    AccountRow.halted_at,
    AccountRow.halted_because,
    AccountRow.closed_at,
    AccountRow.created_at,
)


async def _lock_owner(session: WriteSession, user_id: UserId) -> None:
    """Let nobody else name an account of this user before the transaction ends."""
    query = select(UserRow.id).where(UserRow.id == user_id).with_for_update(key_share=True)
    if (await session.execute(query)).one_or_none() is None:
        msg = f"there is no user {user_id}"
        raise NotFoundError(msg, user_id=user_id)


async def _check_name(session: WriteSession, user_id: UserId, name: str) -> None:
    query = select(AccountRow.id).where(
        AccountRow.user_id == user_id, func.lower(AccountRow.name) == func.lower(name)
    )
    if (await session.execute(query)).first() is not None:
        msg = f"a name that no other account of the user has was wanted, {name!r} is taken"
        raise ConflictError(msg, name=name)


def _make_account(row: Row[Any]) -> Account:
    return Account(
        id=AccountId(row.id),
        user_id=UserId(row.user_id),
        name=row.name,
        broker=Broker(row.broker),
        broker_user=row.broker_user,
        has_credentials=row.has_credentials,
        opening=Paise(row.opening_paise),
        limits=row.limits,
        is_live=row.is_live,
        halted_ns=_to_ns(row.halted_at),
        halted_because=row.halted_because,
        closed_ns=_to_ns(row.closed_at),
        created_ns=from_datetime(row.created_at),
    )


def _to_ns(moment: datetime | None) -> int | None:
    return None if moment is None else from_datetime(moment)
