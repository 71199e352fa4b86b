"""Set-up links: the way in for somebody who has no password yet, the first administrator above all.

Nothing comes with a password that everybody knows. A server without accounts prints a link; whoever
reads its terminal opens it, and chooses a name and a password. The same link, made for somebody by
an administrator, lets them choose their own. A link is good once and for a day; only its hash is
kept. The secret stands behind the `#`, which a browser sends to nobody, so no log has it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strikewire.auth.accounts import choose_login, describe_user, require_local
from strikewire.auth.audit import Actor, AuditEvent
from strikewire.auth.credentials import Refusal
from strikewire.auth.directory import IdentityStores, UserDirectory
from strikewire.auth.opaque import LINK_PREFIX, hash_secret, is_secret, make_secret
from strikewire.auth.passwords import Passwords
from strikewire.core.clock import Clock
from strikewire.core.errors import ConflictError, CredentialRefusedError, InvalidInputError
from strikewire.core.instants import SECOND_NS, format_rfc3339
from strikewire.core.users import Role, User, UserId
from strikewire.observability.logs import get_logger
from strikewire.store.database import WriteSession
from strikewire.store.login_sessions import Ending
from strikewire.store.setup_links import SetupLink

_log: Final = get_logger("accounts")


@dataclass(frozen=True, slots=True)
class SetupLinksConfig:
    """How long a link is good.

    Parameters
    ----------
    ttl_s : from when it was made.
    """

    ttl_s: int = 24 * 3_600


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A link that was made.

    Parameters
    ----------
    path : of the page that asks for the password, the secret behind its `#`.
    """

    path: str
    expires_ns: int


class SetupLinks:
    """Makes links, and takes them.

    Parameters
    ----------
    directory : is told whose password has changed.
    """

    def __init__(
        self,
        config: SetupLinksConfig,
        *,
        stores: IdentityStores,
        directory: UserDirectory,
        passwords: Passwords,
        clock: Clock,
    ) -> None:
        self._config = config
        self._stores = stores
        self._directory = directory
        self._passwords = passwords
        self._clock = clock

    async def make_first(self, *, actor: Actor) -> IssuedLink:
        """Return a link that makes the first administrator; an earlier one is no good any more.

        Raises
        ------
        ConflictError : somebody has an account already.
        DependencyError : the database does not answer.
        """
        async with self._stores.database.write() as session:
            await self._require_nobody(session)
            secret, expires_ns = await self._add(session, None, actor)
        return IssuedLink(f"/setup#{secret}", expires_ns)

    async def make_for(self, user: User, *, actor: Actor) -> IssuedLink:
        """Return a link by which somebody sets a new password; an earlier one is no good any more.

        Raises
        ------
        ConflictError : their password is not kept here.
        DependencyError : the database does not answer.
        """
        async with self._stores.database.write() as session:
            return await self.add_for(session, user, actor=actor)

    async def add_for(self, session: WriteSession, user: User, *, actor: Actor) -> IssuedLink:
        """Make such a link in the caller's transaction.

        Raises
        ------
        ConflictError : their password is not kept here.
        """
        require_local(user)
        secret, expires_ns = await self._add(session, user.id, actor)
        return IssuedLink(f"/password#{secret}", expires_ns)

    async def redeem(
        self, secret: str, password: str, *, address: str | None, login: str | None = None
    ) -> User:
        """Set the password that a link is for; the link is used up by it, and by nothing less.

        Parameters
        ----------
        address : where it is asked from.
        login : what the first administrator is to be called; None where the link is somebody's.

        Raises
        ------
        CredentialRefusedError : the link was never ours, was used, or has expired.
        InvalidInputError : the name or the password cannot be; the link stays good.
        ConflictError : meanwhile somebody has an account.
        RateLimitedError, DependencyError : the hash or the database has to wait.
        """
        if not is_secret(secret, LINK_PREFIX):
            raise CredentialRefusedError(Refusal.UNREADABLE)
        token_hash, now_ns = hash_secret(secret), self._clock.now_ns()
        async with self._stores.database.read() as session:
            # Asked before anything is hashed: nobody else can make us work.
            link = _require(await self._stores.links.find(session, token_hash, at_ns=now_ns))
            user = (
                None
                if link.user_id is None
                else await self._stores.users.get(session, link.user_id)
            )
        name = _choose_login(user, login)
        self._passwords.check_new(password, login=name)
        password_hash = await self._passwords.hash(password)
        ended: Sequence[uuid.UUID] = ()
        async with self._stores.database.write() as session:
            _require(await self._stores.links.take(session, token_hash, at_ns=now_ns))
            if user is None:
                await self._require_nobody(session)
                user = await self._stores.users.create(
                    session, login=name, roles=[Role.ADMIN], password_hash=password_hash
                )
            else:
                await self._stores.users.change(session, user.id, password_hash=password_hash)
                ending = Ending("password changed", now_ns)
                ended = await self._stores.sessions.revoke_all(session, user.id, ending)
            actor = Actor(user.login, user.id, credential="setup_link", address=address)
            event = AuditEvent("setup_link.redeem", "user", str(user.id), after=describe_user(user))
            await self._stores.trail.record(session, actor, event)
        self._directory.forget_user(user.id)
        self._directory.forget_sessions(ended)
        _log.info("password set by a link", user=user.login)
        return user

    async def purge(self) -> None:
        """Delete links that have expired.

        Raises
        ------
        DependencyError : the database does not answer.
        """
        async with self._stores.database.write() as session:
            await self._stores.links.purge(session, before_ns=self._clock.now_ns())

    async def _add(
        self, session: WriteSession, user_id: UserId | None, actor: Actor
    ) -> tuple[str, int]:
        secret, now_ns = make_secret(LINK_PREFIX), self._clock.now_ns()
        expires_ns = now_ns + self._config.ttl_s * SECOND_NS
        await self._stores.links.replace(
            session, hash_secret(secret), user_id, at_ns=now_ns, expires_ns=expires_ns
        )
        owner = None if user_id is None else str(user_id)
        lasts = {"expires_at": format_rfc3339(expires_ns)}
        event = AuditEvent("setup_link.create", "user", owner, after=lasts)
        await self._stores.trail.record(session, actor, event)
        return secret, expires_ns

    async def _require_nobody(self, session: WriteSession) -> None:
        if await self._stores.users.has_accounts(session):
            msg = "a server without accounts was wanted, and somebody has one already"
            raise ConflictError(msg)


def _require(link: SetupLink | None) -> SetupLink:
    if link is None:
        raise CredentialRefusedError(Refusal.REVOKED)
    return link


def _choose_login(user: User | None, login: str | None) -> str:
    if user is not None:
        if login is not None:
            msg = "no login name was wanted: the link is of somebody who has one"
            raise InvalidInputError(msg)
        return user.login
    if login is None:
        msg = "a login name was wanted for the first administrator"
        raise InvalidInputError(msg)
    return choose_login(login)
