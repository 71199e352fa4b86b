"""The names this server goes by: a request for another name is not for us.

It may come from a browser in which a page of another site has pointed its own name at our address
(DNS rebinding), or from a proxy that was set up for somebody else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from strikewire.api.client_address import Network
from strikewire.core.errors import UntrustedHostError

#: The machine itself, which nobody can be led to under a name of theirs.
_OURSELVES: Final = ("localhost", "127.0.0.0/8", "::1")
_ANY_ADDRESS: Final = ("0.0.0.0/0", "::/0")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::\d{1,5})?")
_KNOWN_MAX: Final = 256


def derive_trusted_hosts(bind_host: str, machine_name: str) -> tuple[str, ...]:
    """Return what a server that listens there is called, unless a setting says it.

    An address in a `Host` is no danger: rebinding needs a name. So a server that listens everywhere
    goes by each of its addresses.
    """
    try:
        address = ipaddress.ip_address(bind_host)
    except ValueError:
        return (bind_host,)
    if address.is_loopback:
        return ()
    return (machine_name, *_ANY_ADDRESS) if address.is_unspecified else (bind_host,)


class TrustedHosts:
    """Knows the names of this server.

    Parameters
    ----------
    entries : names, addresses, and networks of addresses; the machine itself is always among them.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in (*_OURSELVES, *entries):
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                self._names.add(entry.lower())
        # Every request asks, mostly for the same name.
        self._is_known = lru_cache(maxsize=_KNOWN_MAX)(self._is_trusted)

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Return if the request names this server, once.

        Raises
        ------
        UntrustedHostError : it names another, none, or several.
        """
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            msg = f"one Host was wanted, found {len(hosts)}"
            raise UntrustedHostError(msg)
        if not self._is_known(hosts[0]):
            msg = "the Host is none of this server's names; STRIKEWIRE_TRUSTED_HOSTS lists them"
            raise UntrustedHostError(msg, host=hosts[0][:128].decode("latin-1"))

    def _is_trusted(self, raw: bytes) -> bool:
        found = _HOST.fullmatch(raw.decode("latin-1"))
        if found is None:
            return False
        name = found[1].lower().removesuffix(".")
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return any(address in network for network in self._networks)
