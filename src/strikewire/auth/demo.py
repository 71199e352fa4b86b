"""The demo principal: the person at the machine's own keyboard, while there are no accounts.

It asks for no secret, so it is drawn narrowly. A request gets it only when it brings no credential
of its own, the setting allows it, the server listens on loopback alone, the connection comes from
loopback, no proxy stands in between, and the `Host` names this machine. The last one matters in a
browser: a page of another site can make its own name resolve to 127.0.0.1 (DNS rebinding) and would
then read as if it were ours, but it cannot choose the `Host` that its requests carry.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from strikewire.auth.credentials import Caller, CredentialKind
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Role, Scope
from strikewire.core.errors import NotAuthenticatedError

_DEMO: Final = Principal(
    subject="demo",
    credential=CredentialKind.DEMO,
    roles=frozenset(Role),
    scopes=frozenset(Scope),
)
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
    """

    def __init__(self, *, is_allowed: bool, bind_host: str) -> None:
        self._is_enabled = is_allowed and is_loopback(bind_host)

    @property
    def is_enabled(self) -> bool:
        """Whether anybody at all can be the demo principal."""
        return self._is_enabled

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return the demo principal, or None for nobody."""
        is_here = caller.credentials.is_empty and self._is_at_this_machine(caller)
        return _DEMO if is_here else None

    async def renew_principal(self, principal: Principal, caller: Caller) -> Principal | None:
        """Return the demo principal, who goes on while the caller is at this machine.

        Raises
        ------
        NotAuthenticatedError : the caller is not.
        """
        if principal.credential is not CredentialKind.DEMO:
            return None
        if not self._is_at_this_machine(caller):
            msg = "a caller from this machine was wanted"
            raise NotAuthenticatedError(msg)
        return _DEMO

    def _is_at_this_machine(self, caller: Caller) -> bool:
        return (
            self._is_enabled
            and caller.address is not None
            and not caller.is_forwarded
            and is_loopback(caller.address)
            and is_loopback(_without_port(caller.host.lower()))
            and not (caller.is_cross_site and caller.method not in _READING)
        )
