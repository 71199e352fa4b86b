"""Who there is and where they are signed in, as of half a second ago at the most (S5).

What a credential says is only whose it is. Whether that account may still be used, what it may do,
and whether the login has ended, stands here, and so a change acts on the next request.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from strikewire.auth.audit import AuditTrail
from strikewire.auth.credential_cache import CredentialCache
from strikewire.core.clock import Clock
from strikewire.core.instants import MINUTE_NS
from strikewire.core.users import User, UserId
from strikewire.store.database import Database
from strikewire.store.login_sessions import LoginSession, LoginSessionStore
from strikewire.store.setup_links import SetupLinkStore
from strikewire.store.signing_keys import SigningKeyStore
from strikewire.store.users import UserStore

#: A use is noted when the last one that was is so old.
_NOTE_EVERY_NS: Final = MINUTE_NS
#: Uses that wait to be noted; the oldest are dropped: they only move an expiry.
_MAX_USES: Final = 10_000


@dataclass(frozen=True, slots=True)
class IdentityStores:
    """The tables of identity, the database they are in, and the log of what is changed there."""

    database: Database
    users: UserStore
    sessions: LoginSessionStore
    links: SetupLinkStore
    keys: SigningKeyStore
    trail: AuditTrail


class UserDirectory:
    """Looks up accounts and logins.

    Parameters
    ----------
    is_available : whether the database is there, as far as is known.
    """

    def __init__(
        self,
        *,
        stores: IdentityStores,
        clock: Clock,
        is_available: Callable[[], bool] = lambda: True,
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._users: CredentialCache[UserId, User | None] = CredentialCache(
            self._load_user, is_available=is_available
        )
        self._sessions: CredentialCache[uuid.UUID, LoginSession | None] = CredentialCache(
            self._load_session, is_available=is_available
        )
        self._listeners: list[Callable[[], None]] = []
        self._uses: OrderedDict[uuid.UUID, int] = OrderedDict()

    async def find_active(self, user_id: UserId) -> User | None:
        """Return an account that may be used; None where there is none.

        Raises
        ------
        DependencyError : the database does not answer, and has not for long.
        """
        user = await self._users.get(user_id)
        return user if user is not None and user.is_active else None

    async def find_session(self, session_id: uuid.UUID) -> LoginSession | None:
        """Return a login that has not ended; None where there is none.

        Raises
        ------
        DependencyError : the database does not answer, and has not for long.
        """
        login = await self._sessions.get(session_id)
        return login if login is not None and login.is_good(self._clock.now_ns()) else None

    def note_use(self, login: LoginSession) -> None:
        """Remember that a login was used, to be written down later: not on a request's way."""
        now_ns = self._clock.now_ns()
        if now_ns - login.last_used_ns < _NOTE_EVERY_NS:
            return
        self._uses[login.id] = now_ns
        self._uses.move_to_end(login.id)
        if len(self._uses) > _MAX_USES:
            self._uses.popitem(last=False)

    def take_uses(self) -> dict[uuid.UUID, int]:
        """Return what is to be written down, instants by login, and forget it."""
        uses, self._uses = self._uses, OrderedDict()
        return uses

    def forget_user(self, user_id: UserId) -> None:
        """Look an account up again at the next request: something of it has changed."""
        self._users.forget(user_id)
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Have somebody told when an account has changed here."""
        self._listeners.append(listener)

    def forget_sessions(self, session_ids: Iterable[uuid.UUID]) -> None:
        """Look logins up again at the next request: they have changed."""
        for each in session_ids:
            self._sessions.forget(each)

    async def _load_user(self, user_id: UserId) -> User | None:
        async with self._stores.database.read() as session:
            return await self._stores.users.find(session, user_id)

    async def _load_session(self, session_id: uuid.UUID) -> LoginSession | None:
        async with self._stores.database.read() as session:
            return await self._stores.sessions.find(session, session_id)
