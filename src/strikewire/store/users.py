"""Accounts: who there is, what kind of user, and the hash of a password."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, and_, delete, exc, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import from_datetime, to_datetime
from strikewire.core.users import Role, User, UserId, UserOrigin
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.schema import UserRow

#: What PostgreSQL says where a row is kept by a foreign key: foreign_key_violation, and of one that
#: is `ON DELETE RESTRICT`, from version 18 on, restrict_violation.
_KEPT: Final = frozenset({"23503", "23001"})


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which accounts.

    Parameters
    ----------
    text : stands in the login or display name, whatever the case.
    """

    text: str = ""
    role: Role | None = None
    is_active: bool | None = None


class UserStore:
    """Accounts by id and by login name.

    Holds nothing: every method works in the caller's transaction.
    """

    async def create(
        self,
        session: WriteSession,
        *,
        login: str,
        roles: Iterable[Role],
        display_name: str = "",
        password_hash: str | None = None,
    ) -> User:
        """Make a local account.

        Raises
        ------
        ConflictError : the login name is taken.
        """
        insert = (
            pg_insert(UserRow)
            .values(
                login=login,
                display_name=display_name,
                roles=sorted(roles),
                password_hash=password_hash,
            )
            .on_conflict_do_nothing(index_elements=["issuer", "login"])
            .returning(*USER_COLUMNS)
        )
        row = (await session.execute(insert)).one_or_none()
        if row is None:
            msg = f"a login name that is free was wanted, {login!r} is taken"
            raise ConflictError(msg, login=login)
        return make_user(row)

    async def ensure(
        self,
        session: WriteSession,
        *,
        origin: UserOrigin,
        login: str,
        roles: Iterable[Role],
        issuer: str = "",
        said_ns: int | None = None,
    ) -> User:
        """Return an account that is kept elsewhere, made or brought up to date as it has to be.

        Whether it is active is ours to say, and stays.

        Parameters
        ----------
        said_ns : when it was said that these are the roles; what was changed here since stays.
        """
        wanted = sorted(roles)
        insert = pg_insert(UserRow).values(
            origin=origin.value, issuer=issuer, login=login, roles=wanted
        )
        upsert = insert.on_conflict_do_update(
            index_elements=["issuer", "login"],
            set_={
                "roles": wanted,
                "security_stamp": UserRow.security_stamp + 1,
                "updated_at": func.now(),
            },
            # A local user of that name keeps what it has.
            where=and_(
                UserRow.origin == origin.value,
                UserRow.roles != insert.excluded.roles,
                true() if said_ns is None else UserRow.updated_at <= to_datetime(said_ns),
            ),
        )
        await session.execute(upsert)
        query = select(*USER_COLUMNS).where(UserRow.issuer == issuer, UserRow.login == login)
        return make_user((await session.execute(query)).one())

    async def find(self, session: ReadSession | WriteSession, user_id: int) -> User | None:
        """Return an account; None where there is none of that id."""
        query = select(*USER_COLUMNS).where(UserRow.id == user_id)
        row = (await session.execute(query)).one_or_none()
        return None if row is None else make_user(row)

    async def get(self, session: ReadSession | WriteSession, user_id: int) -> User:
        """Return an account.

        Raises
        ------
        NotFoundError : there is none of that id.
        """
        user = await self.find(session, user_id)
        if user is None:
            msg = f"there is no user {user_id}"
            raise NotFoundError(msg, user_id=user_id)
        return user

    async def find_by_login(self, session: ReadSession | WriteSession, login: str) -> User | None:
        """Return the account of this server with a login name in its normal form."""
        query = select(*USER_COLUMNS).where(UserRow.issuer == "", UserRow.login == login)
        row = (await session.execute(query)).one_or_none()
        return None if row is None else make_user(row)

    async def find_external(
        self, session: ReadSession | WriteSession, issuer: str, subject: str
    ) -> User | None:
        """Return the account of somebody of an external user service; None before their first."""
        query = select(*USER_COLUMNS).where(UserRow.issuer == issuer, UserRow.login == subject)
        row = (await session.execute(query)).one_or_none()
        return None if row is None else make_user(row)

    async def find_with_password_hash(
        self, session: ReadSession | WriteSession, login: str
    ) -> tuple[User, str | None] | None:
        """Return a local account and the hash of its password: by one query, whoever it is."""
        query = select(*USER_COLUMNS, UserRow.password_hash).where(
            UserRow.issuer == "", UserRow.login == login
        )
        row = (await session.execute(query)).one_or_none()
        return None if row is None else (make_user(row), row.password_hash)

    async def list_page(
        self,
        session: ReadSession | WriteSession,
        wanted: UserFilter,
        *,
        limit: int,
        offset: int,
    ) -> tuple[list[User], int]:
        """Return some accounts, the oldest first, and how many match."""
        conditions = _match(wanted)
        query = select(*USER_COLUMNS).where(*conditions).order_by(UserRow.id)
        rows = await session.execute(query.limit(limit).offset(offset))
        users = [make_user(row) for row in rows]
        count = select(func.count()).select_from(UserRow).where(*conditions)
        return users, (await session.execute(count)).scalar_one()

    async def has_accounts(self, session: ReadSession | WriteSession) -> bool:
        """Say whether anybody but the demo user has an account."""
        query = select(UserRow.id).where(UserRow.origin != UserOrigin.DEMO.value).limit(1)
        return (await session.execute(query)).first() is not None

    async def change(self, session: WriteSession, user_id: int, **changes: Any) -> User:
        """Change columns of an account.

        Parameters
        ----------
        changes : of `display_name`, `roles`, `is_active`, `password_hash`. All but the first
            also raise the security stamp.

        Raises
        ------
        NotFoundError : there is none of that id.
        """
        values: dict[str, Any] = dict(changes)
        if "roles" in values:
            values["roles"] = sorted(values["roles"])
        if values.keys() - {"display_name"}:
            values["security_stamp"] = UserRow.security_stamp + 1
        statement = update(UserRow).where(UserRow.id == user_id).values(**values)
        row = (await session.execute(statement.returning(*USER_COLUMNS))).one_or_none()
        if row is None:
            msg = f"there is no user {user_id}"
            raise NotFoundError(msg, user_id=user_id)
        return make_user(row)

    async def note_login(
        self, session: WriteSession, user_id: UserId, at_ns: int, *, rehashed: str | None = None
    ) -> None:
        """Note when somebody logged in.

        Parameters
        ----------
        rehashed : the same password's hash by today's parameters; no change of the password.
        """
        values: dict[str, Any] = {"last_login_at": to_datetime(at_ns)}
        if rehashed is not None:
            values["password_hash"] = rehashed
        await session.execute(update(UserRow).where(UserRow.id == user_id).values(**values))

    async def lock_administrators(self, session: WriteSession) -> frozenset[UserId]:
        """Return who administers, and let nobody change that before this transaction is over.

        Whoever may log in with a password counts; two that would each remove the other are one
        after the other here, and the later one sees what the first has done.
        """
        query = (
            select(UserRow.id)
            .where(
                UserRow.is_active,
                UserRow.origin == UserOrigin.LOCAL.value,
                UserRow.password_hash.is_not(None),
                UserRow.roles.contains([Role.ADMIN.value]),
            )
            .order_by(UserRow.id)
            .with_for_update()
        )
        return frozenset(UserId(each) for each in (await session.execute(query)).scalars())

    async def delete(self, session: WriteSession, user_id: int) -> None:
        """Delete an account, with its sessions and keys.

        Raises
        ------
        NotFoundError : there is none of that id.
        ConflictError : something that is kept belongs to it.
        """
        statement = delete(UserRow).where(UserRow.id == user_id).returning(UserRow.id)
        try:
            found = (await session.execute(statement)).one_or_none()
        except exc.IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) not in _KEPT:
                raise
            msg = "a user that nothing belongs to was wanted; disable this one instead"
            raise ConflictError(msg, user_id=user_id) from error
        if found is None:
            msg = f"there is no user {user_id}"
            raise NotFoundError(msg, user_id=user_id)


#: What a `User` is made from; others who join `users` select these too.
USER_COLUMNS: Final[tuple[Any, ...]] = (
    UserRow.id,
    UserRow.origin,
    UserRow.login,
    UserRow.display_name,
    UserRow.roles,
    UserRow.is_active,
    UserRow.security_stamp,
    UserRow.password_hash.is_not(None).label("has_password"),
    UserRow.created_at.label("user_created_at"),
    UserRow.last_login_at,
)


def make_user(row: Row[*tuple[Any, ...]]) -> User:
    """Make a user of a row that has `USER_COLUMNS`."""
    return User(
        id=UserId(row.id),
        login=row.login,
        display_name=row.display_name,
        roles=frozenset(Role(each) for each in row.roles),
        origin=UserOrigin(row.origin),
        is_active=row.is_active,
        security_stamp=row.security_stamp,
        has_password=row.has_password,
        created_ns=from_datetime(row.user_created_at),
        last_login_ns=None if row.last_login_at is None else from_datetime(row.last_login_at),
    )


def _match(wanted: UserFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.text:
        conditions.append(
            or_(
                UserRow.login.icontains(wanted.text, autoescape=True),
                UserRow.display_name.icontains(wanted.text, autoescape=True),
            )
        )
    if wanted.role is not None:
        conditions.append(UserRow.roles.contains([wanted.role.value]))
    if wanted.is_active is not None:
        conditions.append(UserRow.is_active.is_(wanted.is_active))
    return conditions
