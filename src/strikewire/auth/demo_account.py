"""The account of the demo principal: whose its objects are, and when it is over.

The demo principal is whoever sits at the machine (`auth.demo`), and it owns things like anybody
else: so it has a row among the users, `demo`, that nobody can log in to. It is there for a start
without accounts. Once somebody has one, there are people to tell apart, and it is over; but for
`strikewire demo`, which signs it in whoever else there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strikewire.auth.credential_cache import CredentialCache
from strikewire.auth.directory import IdentityStores
from strikewire.core.users import DEMO_LOGIN, Role, User, UserOrigin

_ROLES: Final = frozenset(Role)


class DemoAccount:
    """Finds it, and makes it when it is first looked for.

    Parameters
    ----------
    is_beside_users : whether it goes on when somebody has an account.
    is_available : whether the database is there, as far as is known.
    """

    def __init__(
        self,
        *,
        stores: IdentityStores,
        is_beside_users: bool,
        is_available: Callable[[], bool] = lambda: True,
    ) -> None:
        self._stores = stores
        self._is_beside_users = is_beside_users
        self._users: CredentialCache[None, User | None] = CredentialCache(
            self._load, is_available=is_available
        )

    async def find(self) -> User | None:
        """Return the demo user; None when it is over, or an administrator has disabled it.

        Raises
        ------
        DependencyError : the database does not answer, and has not for long.
        """
        return await self._users.get(None)

    def forget(self) -> None:
        """Look it up again at the next request: somebody's account has changed."""
        self._users.forget(None)

    async def _load(self, _key: None) -> User | None:
        users = self._stores.users
        async with self._stores.database.read() as session:
            if not self._is_beside_users and await users.has_accounts(session):
                return None
            user = await users.find_by_login(session, DEMO_LOGIN)
        if user is None:
            async with self._stores.database.write() as session:
                user = await users.ensure(
                    session, origin=UserOrigin.DEMO, login=DEMO_LOGIN, roles=_ROLES
                )
        return user if user.is_active and user.origin is UserOrigin.DEMO else None
