"""Accounts: making, changing and deleting them, without ever locking the last administrator out."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.credentials import Refusal
from strikewire.auth.directory import IdentityStores, UserDirectory
from strikewire.auth.passwords import Passwords
from strikewire.core.clock import Clock
from strikewire.core.errors import (
    ConflictError,
    CredentialRefusedError,
    InvalidInputError,
    NotFoundError,
)
from strikewire.core.users import DEMO_LOGIN, Role, User, UserId, UserOrigin, normalize_login
from strikewire.observability.logs import get_logger
from strikewire.store.database import WriteSession
from strikewire.store.login_sessions import Ending
from strikewire.store.users import UserFilter

_log: Final = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class NewUser:
    """Somebody who is to have an account.

    Parameters
    ----------
    password : None: somebody sets it by a link, see `auth.setup_links`.
    """

    login: str
    roles: frozenset[Role]
    display_name: str = ""
    password: str | None = None


class Accounts:
    """Looks after accounts.

    Parameters
    ----------
    directory : is told what has changed, so that it acts at once.
    """

    def __init__(
        self,
        *,
        stores: IdentityStores,
        directory: UserDirectory,
        passwords: Passwords,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._directory = directory
        self._passwords = passwords
        self._clock = clock

    async def has_any(self) -> bool:
        """Say whether anybody but the demo user has an account.

        Raises
        ------
        DependencyError : the database does not answer.
        """
        async with self._stores.database.read() as session:
            return await self._stores.users.has_accounts(session)

    async def get(self, user_id: int) -> User:
        """Return an account.

        Raises
        ------
        NotFoundError : there is none of that id.
        DependencyError : the database does not answer.
        """
        async with self._stores.database.read() as session:
            return await self._stores.users.get(session, user_id)

    async def get_by_login(self, login: str) -> User:
        """Return the account of a login name.

        Raises
        ------
        NotFoundError : nobody has it.
        InvalidInputError : nobody can have it.
        DependencyError : the database does not answer.
        """
        name = normalize_login(login)
        async with self._stores.database.read() as session:
            user = await self._stores.users.find_by_login(session, name)
        if user is None:
            msg = f"there is no user {name!r}"
            raise NotFoundError(msg, login=name)
        return user

    async def list_page(
        self, wanted: UserFilter, *, limit: int, offset: int
    ) -> tuple[Sequence[User], int]:
        """Return some accounts, the oldest first, and how many match.

        Raises
        ------
        DependencyError : the database does not answer.
        """
        async with self._stores.database.read() as session:
            return await self._stores.users.list_page(session, wanted, limit=limit, offset=offset)

    async def create(self, new: NewUser, *, actor: Actor) -> User:
        """Make an account.

        Raises
        ------
        ConflictError : the login name is taken.
        InvalidInputError : the name or the password cannot be.
        RateLimitedError, DependencyError : the hash or the database has to wait.
        """
        password_hash = None
        if new.password is not None:
            self._passwords.check_new(new.password, login=choose_login(new.login))
            password_hash = await self._passwords.hash(new.password)
        async with self._stores.database.write() as session:
            user = await self.add(session, new, actor=actor, password_hash=password_hash)
        self._directory.forget_user(user.id)
        return user

    async def add(
        self,
        session: WriteSession,
        new: NewUser,
        *,
        actor: Actor,
        password_hash: str | None = None,
    ) -> User:
        """Make an account in the caller's transaction; a password is to be hashed before it.

        Raises
        ------
        ConflictError : the login name is taken.
        InvalidInputError : the name cannot be.
        """
        user = await self._stores.users.create(
            session,
            login=choose_login(new.login),
            roles=new.roles,
            display_name=new.display_name,
            password_hash=password_hash,
        )
        event = AuditEvent("user.create", "user", str(user.id), after=describe_user(user))
        await self._stores.trail.record(session, actor, event)
        _log.info("user created", user=user.login, roles=sorted(user.roles))
        return user

    async def change(
        self,
        user_id: int,
        *,
        actor: Actor,
        display_name: str | None = None,
        roles: Iterable[Role] | None = None,
        is_active: bool | None = None,
    ) -> User:
        """Change what is given of an account; in force with the next request of its owner.

        Whoever is disabled is signed out everywhere, and is not signed in again by being enabled.

        Raises
        ------
        NotFoundError : there is none of that id.
        ConflictError : nobody would be left to administer; or the roles are not kept here.
        DependencyError : the database does not answer.
        """
        given = {"display_name": display_name, "is_active": is_active}
        changes: dict[str, Any] = {name: each for name, each in given.items() if each is not None}
        if roles is not None:
            changes["roles"] = frozenset(roles)
        async with self._stores.database.write() as session:
            user = await self._stores.users.get(session, user_id)
            changes = {name: each for name, each in changes.items() if getattr(user, name) != each}
            if not changes:
                return user
            if "roles" in changes and user.origin is not UserOrigin.LOCAL:
                msg = f"the roles of a local user were wanted; those of {user.login!r} come along"
                raise ConflictError(msg, user_id=user_id)
            is_admin = Role.ADMIN in changes.get("roles", user.roles)
            if not (is_admin and changes.get("is_active", user.is_active)):
                await self._spare_last_administrator(session, user.id)
            changed = await self._stores.users.change(session, user_id, **changes)
            ended: Sequence[Any] = ()
            if changes.get("is_active") is False:
                ended = await self._end_all(session, user.id, "disabled")
            before, after = describe_user(user), describe_user(changed)
            event = AuditEvent("user.change", "user", str(user_id), before, after)
            await self._stores.trail.record(session, actor, event)
        self._directory.forget_user(user.id)
        self._directory.forget_sessions(ended)
        _log.info("user changed", user=user.login, changed=sorted(changes))
        return changed

    async def delete(self, user_id: int, *, actor: Actor) -> None:
        """Delete an account.

        Raises
        ------
        NotFoundError : there is none of that id.
        ConflictError : nobody would be left to administer; or something that is kept is theirs.
        DependencyError : the database does not answer.
        """
        async with self._stores.database.write() as session:
            user = await self._stores.users.get(session, user_id)
            await self._spare_last_administrator(session, user.id)
            ended = await self._end_all(session, user.id, "deleted")
            await self._stores.users.delete(session, user_id)
            event = AuditEvent("user.delete", "user", str(user_id), before=describe_user(user))
            await self._stores.trail.record(session, actor, event)
        self._directory.forget_user(user.id)
        self._directory.forget_sessions(ended)
        _log.info("user deleted", user=user.login)

    async def set_password(
        self, user: User, password: str, *, actor: Actor, spared: uuid.UUID | None = None
    ) -> None:
        """Give somebody a new password, and sign them out everywhere.

        Parameters
        ----------
        spared : the login that stays: the one in which it was asked for.

        Raises
        ------
        InvalidInputError : the password cannot be.
        ConflictError : it is not kept here.
        RateLimitedError, DependencyError : the hash or the database has to wait.
        """
        require_local(user)
        self._passwords.check_new(password, login=user.login)
        password_hash = await self._passwords.hash(password)
        async with self._stores.database.write() as session:
            await self._stores.users.change(session, user.id, password_hash=password_hash)
            ended = await self._end_all(session, user.id, "password changed", spared=spared)
            event = AuditEvent("user.set_password", "user", str(user.id), {"login": user.login})
            await self._stores.trail.record(session, actor, event)
        self._directory.forget_user(user.id)
        self._directory.forget_sessions(ended)
        _log.info("password changed", user=user.login)

    async def check_password(self, user: User, password: str) -> None:
        """Return if it is somebody's password.

        Raises
        ------
        CredentialRefusedError : it is not.
        RateLimitedError, DependencyError : the hash or the database has to wait.
        """
        async with self._stores.database.read() as session:
            found = await self._stores.users.find_with_password_hash(session, user.login)
        stored = None if found is None or found[0].id != user.id else found[1]
        if not (await self._passwords.verify(stored, password)).is_right:
            msg = "the present password was wanted, and this is not it"
            raise CredentialRefusedError(Refusal.PASSWORD, msg)

    async def _end_all(
        self,
        session: WriteSession,
        user_id: UserId,
        because: str,
        *,
        spared: uuid.UUID | None = None,
    ) -> Sequence[uuid.UUID]:
        ending = Ending(because, self._clock.now_ns())
        return await self._stores.sessions.revoke_all(session, user_id, ending, spared=spared)

    async def _spare_last_administrator(self, session: WriteSession, user_id: UserId) -> None:
        """Return if somebody else can administer.

        Raises
        ------
        ConflictError : nobody else can.
        """
        administrators = await self._stores.users.lock_administrators(session)
        if administrators == {user_id}:
            msg = "the last administrator who can log in has to stay one"
            raise ConflictError(msg, user_id=user_id)


def describe_user(user: User) -> dict[str, Any]:
    """Return what the audit log is told of an account."""
    return {
        "login": user.login,
        "display_name": user.display_name,
        "roles": sorted(user.roles),
        "origin": user.origin,
        "is_active": user.is_active,
    }


def choose_login(text: str) -> str:
    """Return a login name that somebody may have, as it is kept.

    Raises
    ------
    InvalidInputError : it cannot be, or it is the demo user's.
    """
    login = normalize_login(text)
    if login == DEMO_LOGIN:
        msg = f"a login name other than {DEMO_LOGIN!r} was wanted: that is the demo user's"
        raise InvalidInputError(msg)
    return login


def require_local(user: User) -> None:
    """Return if somebody's password is kept here.

    Raises
    ------
    ConflictError : it is not.
    """
    if user.origin is not UserOrigin.LOCAL:
        msg = f"a local user was wanted; {user.login!r} has no password here ({user.origin})"
        raise ConflictError(msg, user_id=user.id)
