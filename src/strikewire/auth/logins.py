"""Logins: by password into a browser's session or a family of tokens, and out again.

A refresh token is good once. Shown twice, one of the two who showed it is a thief, and nobody knows
which: the whole family ends (S8, RFC 9700, 4.14.2).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from strikewire.auth.access_tokens import AccessTokens
from strikewire.auth.audit import ANONYMOUS, Actor, AuditEvent
from strikewire.auth.credentials import CredentialKind, Refusal
from strikewire.auth.directory import IdentityStores, UserDirectory
from strikewire.auth.opaque import (
    REFRESH_PREFIX,
    hash_secret,
    is_secret,
    make_cookie,
    make_secret,
)
from strikewire.auth.passwords import Passwords
from strikewire.core.clock import Clock
from strikewire.core.errors import (
    CredentialRefusedError,
    InvalidInputError,
    NotFoundError,
)
from strikewire.core.instants import HOUR_NS, SECOND_NS
from strikewire.core.users import User, UserId, normalize_login
from strikewire.observability.logs import get_logger
from strikewire.store.database import WriteSession
from strikewire.store.login_sessions import Ending, LoginSession

_log: Final = get_logger("logins")

_MAX_AGENT_CHARACTERS: Final = 200
#: Ended logins are kept for so long: a refresh token of theirs that comes back is recognised.
_KEEP_ENDED_NS: Final = 24 * HOUR_NS


@dataclass(frozen=True, slots=True)
class LoginsConfig:
    """How long somebody stays signed in.

    Parameters
    ----------
    idle_s : without doing anything.
    lifetime_s : at all.
    """

    idle_s: int = 12 * 3_600
    lifetime_s: int = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where somebody is signing in from, for them to recognise it later."""

    address: str | None
    user_agent: str


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A browser's session.

    Parameters
    ----------
    cookie : its secret.
    """

    user: User
    login: LoginSession
    cookie: str


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What a program is given.

    Parameters
    ----------
    access_ttl_s : how long the access token is good; the refresh token is until the login expires.
    """

    user: User
    login: LoginSession
    access_token: str
    access_ttl_s: int
    refresh_token: str


class Logins:
    """Signs people in and out.

    Parameters
    ----------
    directory : is told what has changed.
    tokens : issues access tokens.
    """

    def __init__(
        self,
        config: LoginsConfig,
        *,
        stores: IdentityStores,
        directory: UserDirectory,
        passwords: Passwords,
        tokens: AccessTokens,
        clock: Clock,
    ) -> None:
        self._config = config
        self._stores = stores
        self._directory = directory
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock

    async def open_session(self, login: str, password: str, visitor: Visitor) -> OpenedSession:
        """Sign a browser in.

        Raises
        ------
        CredentialRefusedError : the name or the password is wrong, or the account is disabled;
            which of them is not told.
        RateLimitedError : too many are logging in.
        DependencyError : the database does not answer.
        """
        user, rehashed = await self._authenticate(login, password)
        session_id = uuid.uuid4()
        cookie = make_cookie(session_id)
        opened = self._make_session(session_id, user, visitor, cookie_hash=hash_secret(cookie))
        async with self._stores.database.write() as session:
            await self._record(session, user, opened, rehashed)
        return OpenedSession(user, opened, cookie)

    async def issue_tokens(self, login: str, password: str, visitor: Visitor) -> IssuedTokens:
        """Sign a program in.

        Raises
        ------
        CredentialRefusedError, RateLimitedError, DependencyError : as in `open_session`.
        """
        user, rehashed = await self._authenticate(login, password)
        opened = self._make_session(uuid.uuid4(), user, visitor, cookie_hash=None)
        async with self._stores.database.write() as session:
            await self._record(session, user, opened, rehashed)
            refresh_token = await self._add_refresh_token(session, opened, sequence=1)
        return await self._make_tokens(user, opened, refresh_token)

    async def refresh(self, refresh_token: str, visitor: Visitor) -> IssuedTokens:
        """Take a refresh token, which is used up by it, and return new tokens.

        Raises
        ------
        CredentialRefusedError : it was never ours, its login has ended, its owner is disabled; or
            it was used before, and that ends its login.
        DependencyError : the database does not answer.
        """
        if not is_secret(refresh_token, REFRESH_PREFIX):
            raise CredentialRefusedError(Refusal.UNREADABLE)
        now_ns = self._clock.now_ns()
        async with self._stores.database.write() as session:
            use = await self._stores.sessions.use_refresh_token(
                session, hash_secret(refresh_token), at_ns=now_ns
            )
            if use is None:
                raise CredentialRefusedError(Refusal.UNKNOWN_KEY)
            if use.is_first:
                user, login = await self._get_good(session, use.session_id)
                login = self._prolong(login, visitor)
                await self._stores.sessions.replace_use(session, login)
                following = await self._add_refresh_token(session, login, sequence=use.sequence + 1)
            else:
                # Committed although it is refused: that is the point of it.
                ending = Ending("refresh token used twice", now_ns)
                await self._stores.sessions.revoke(session, use.session_id, ending)
                actor = Actor(ANONYMOUS, address=visitor.address)
                await self._record_end(session, use.session_id, ending, actor)
        self._directory.forget_sessions([use.session_id])
        if not use.is_first:
            _log.warning("refresh token used twice: its login is over", session=use.session_id)
            raise CredentialRefusedError(Refusal.REUSED)
        return await self._make_tokens(user, login, following)

    async def list_of(self, user_id: UserId) -> Sequence[LoginSession]:
        """Return where somebody is signed in.

        Raises
        ------
        DependencyError : the database does not answer.
        """
        async with self._stores.database.read() as session:
            return await self._stores.sessions.list_of(
                session, user_id, now_ns=self._clock.now_ns()
            )

    async def end(
        self, user_id: UserId, session_id: uuid.UUID, because: str, *, actor: Actor
    ) -> None:
        """End one login of somebody: its cookie or tokens are no good any more.

        Raises
        ------
        NotFoundError : they have none of that id.
        DependencyError : the database does not answer.
        """
        now_ns = self._clock.now_ns()
        async with self._stores.database.write() as session:
            login = await self._stores.sessions.find(session, session_id)
            if login is None or login.user_id != user_id or not login.is_good(now_ns):
                msg = f"there is no session {session_id}"
                raise NotFoundError(msg, session_id=str(session_id))
            ending = Ending(because, now_ns)
            await self._stores.sessions.revoke(session, session_id, ending)
            await self._record_end(session, session_id, ending, actor)
        self._directory.forget_sessions([session_id])

    async def note_uses(self) -> None:
        """Write down which logins were used, and delete those that ended long ago.

        Raises
        ------
        DependencyError : the database does not answer.
        """
        uses = self._directory.take_uses()
        async with self._stores.database.write() as session:
            await self._stores.sessions.note_uses(
                session,
                uses,
                idle_ns=self._config.idle_s * SECOND_NS,
                lifetime_ns=self._config.lifetime_s * SECOND_NS,
            )
            await self._stores.sessions.purge(
                session, before_ns=self._clock.now_ns() - _KEEP_ENDED_NS
            )

    async def _authenticate(self, login: str, password: str) -> tuple[User, str | None]:
        """Return whose name and password it is, and the hash to store from now on, if another."""
        found = await self._find(login)
        user, stored = found or (None, None)
        verdict = await self._passwords.verify(stored, password)
        if user is None or not verdict.is_right or not user.is_active:
            _log.info("login refused", sample="login refused")
            msg = "a login name and its password were wanted, and these are not"
            raise CredentialRefusedError(Refusal.PASSWORD, msg)
        return user, verdict.rehashed

    async def _find(self, login: str) -> tuple[User, str | None] | None:
        try:
            name = normalize_login(login)
        except InvalidInputError:
            # Nobody can be called that; it is told like any name that nobody has.
            name = ""
        async with self._stores.database.read() as session:
            return await self._stores.users.find_with_password_hash(session, name)

    def _make_session(
        self, session_id: uuid.UUID, user: User, visitor: Visitor, *, cookie_hash: bytes | None
    ) -> LoginSession:
        now_ns = self._clock.now_ns()
        return LoginSession(
            id=session_id,
            user_id=user.id,
            cookie_hash=cookie_hash,
            created_ns=now_ns,
            last_used_ns=now_ns,
            expires_ns=now_ns + min(self._config.idle_s, self._config.lifetime_s) * SECOND_NS,
            revoked_ns=None,
            address=visitor.address,
            user_agent=visitor.user_agent[:_MAX_AGENT_CHARACTERS],
        )

    def _prolong(self, login: LoginSession, visitor: Visitor) -> LoginSession:
        now_ns = self._clock.now_ns()
        return replace(
            login,
            last_used_ns=now_ns,
            expires_ns=min(
                now_ns + self._config.idle_s * SECOND_NS,
                login.created_ns + self._config.lifetime_s * SECOND_NS,
            ),
            address=visitor.address,
            user_agent=visitor.user_agent[:_MAX_AGENT_CHARACTERS],
        )

    async def _record(
        self, session: WriteSession, user: User, opened: LoginSession, rehashed: str | None
    ) -> None:
        await self._stores.users.note_login(session, user.id, opened.created_ns, rehashed=rehashed)
        await self._stores.sessions.add(session, opened)
        kind = CredentialKind.TOKEN if opened.cookie_hash is None else CredentialKind.SESSION
        actor = Actor(user.login, user.id, kind.value, str(opened.id), opened.address)
        event = AuditEvent(
            "login.open", "login", str(opened.id), after={"user_agent": opened.user_agent}
        )
        await self._stores.trail.record(session, actor, event)

    async def _record_end(
        self, session: WriteSession, session_id: uuid.UUID, ending: Ending, actor: Actor
    ) -> None:
        event = AuditEvent("login.end", "login", str(session_id), after={"because": ending.because})
        await self._stores.trail.record(session, actor, event)

    async def _get_good(
        self, session: WriteSession, session_id: uuid.UUID
    ) -> tuple[User, LoginSession]:
        login = await self._stores.sessions.find(session, session_id)
        if login is None or not login.is_good(self._clock.now_ns()):
            raise CredentialRefusedError(Refusal.REVOKED)
        user = await self._stores.users.find(session, login.user_id)
        if user is None or not user.is_active:
            raise CredentialRefusedError(Refusal.REVOKED)
        return user, login

    async def _add_refresh_token(
        self, session: WriteSession, login: LoginSession, *, sequence: int
    ) -> str:
        token = make_secret(REFRESH_PREFIX)
        await self._stores.sessions.add_refresh_token(
            session, login.id, hash_secret(token), sequence=sequence, at_ns=login.last_used_ns
        )
        return token

    async def _make_tokens(
        self, user: User, login: LoginSession, refresh_token: str
    ) -> IssuedTokens:
        return IssuedTokens(
            user=user,
            login=login,
            access_token=await self._tokens.issue(user, login.id),
            access_ttl_s=self._tokens.ttl_s,
            refresh_token=refresh_token,
        )
