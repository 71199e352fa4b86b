"""The demo principal: the person at the machine's own keyboard, while nobody has an account.

It asks for no secret, so it is drawn narrowly. A request gets it only when it brings no credential
of its own, the setting allows it, the server listens on loopback alone, the connection comes from
loopback, no proxy stands in between, and the `Host` names this machine. The last one matters in a
browser: a page of another site can make its own name resolve to 127.0.0.1 (DNS rebinding) and would
then read as if it were ours, but it cannot choose the `Host` that its requests carry.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

from strikewire.auth.credentials import Caller, CredentialKind
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import collect_scopes
from strikewire.core.errors import NotAuthenticatedError
from strikewire.core.users import User

_READING: Final = frozenset({"GET", "HEAD"})


@lru_cache(maxsize=1_024)
def is_loopback(host: str) -> bool:
    """Say whether a host name or address means this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    """Cut the port off a `Host` header: `[::1]:8081`, `localhost:8081`, `127.0.0.1`."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


class DemoIdentity:
    """Tells the demo principal from nobody.

    Parameters
    ----------
    is_allowed : the setting.
    bind_host : where the server listens; anything but loopback switches the demo principal off.
    find_account : returns the account that is the demo principal's; None while there is none.
    """

    def __init__(
        self,
        *,
        is_allowed: bool,
        bind_host: str,
        find_account: Callable[[], Awaitable[User | None]],
    ) -> None:
        self._is_enabled = is_allowed and is_loopback(bind_host)
        self._find_account = find_account

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return the demo principal, or None for nobody.

        Raises
        ------
        DependencyError : the database does not answer, and so nobody knows whether it has accounts.
        """
        if not caller.credentials.is_empty or not self._is_at_this_machine(caller):
            return None
        return await self._find()

    async def renew_principal(self, principal: Principal, caller: Caller) -> Principal | None:
        """Return the demo principal, who goes on while the caller is at this machine.

        Raises
        ------
        NotAuthenticatedError : the caller is not; or meanwhile somebody has an account.
        DependencyError : the database does not answer.
        """
        if principal.credential is not CredentialKind.DEMO:
            return None
        renewed = await self._find() if self._is_at_this_machine(caller) else None
        if renewed is None:
            msg = "a caller from this machine was wanted, while nobody has an account"
            raise NotAuthenticatedError(msg)
        return renewed

    async def _find(self) -> Principal | None:
        user = await self._find_account()
        if user is None:
            return None
        return Principal(
            subject=user.subject,
            credential=CredentialKind.DEMO,
            roles=user.roles,
            scopes=collect_scopes(user.roles),
            user_id=user.id,
        )

    def _is_at_this_machine(self, caller: Caller) -> bool:
        return (
            self._is_enabled
            and caller.address is not None
            and not caller.is_forwarded
            and is_loopback(caller.address)
            and is_loopback(_without_port(caller.host.lower()))
            # Another program's page on this machine is a stranger too, whom a browser calls
            # same-site for its port's sake.
            and not (
                (caller.is_cross_site or caller.is_other_origin) and caller.method not in _READING
            )
        )
