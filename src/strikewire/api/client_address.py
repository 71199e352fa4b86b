"""Who sent a request, when it may have come through proxies.

A forwarding header is a claim. It is believed only where the peer itself is a proxy we trust, and
then from the right, because each proxy appends whom it heard from: the first hop from the right
that is no trusted proxy is the client, and what stands to the left of it was written by the client.
Only the one header that the proxies write is looked at: the other would pass through them as the
client sent it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any, Final, Literal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: The header that the trusted proxies write.
ForwardingHeader = Literal["x-forwarded-for", "forwarded"]

_SECURE: Final = {"http": "https", "ws": "wss"}
_PLAIN: Final = {"https": "http", "wss": "ws"}


class TrustedProxies:
    """Finds the client behind proxies.

    Parameters
    ----------
    networks : where the proxies are; none trusts nobody.
    header : which header they write.
    """

    def __init__(self, networks: Sequence[Network], header: ForwardingHeader) -> None:
        self._networks = tuple(networks)
        self._header = header.encode()

    def apply(self, scope: MutableMapping[str, Any]) -> None:
        """Put the client's address, and the scheme it used, into the scope of a connection."""
        if not self._networks or scope.get("client") is None:
            return
        peer = _parse_address(scope["client"][0])
        if peer is None or not self._is_trusted(peer):
            return
        hops = self._read_hops(scope["headers"])
        client, scheme = peer, None
        for address, scheme in reversed(hops):  # noqa: B007 - the last one looked at counts
            if address is None:
                # A proxy did not say, or not in a way that can be read: it is the last we know of.
                break
            client = address
            if not self._is_trusted(address):
                break
        scope["client"] = (str(client), 0)
        if scheme is not None:
            scope["scheme"] = _change_scheme(scope["scheme"], is_secure=scheme == "https")

    def _is_trusted(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)

    def _read_hops(
        self, headers: Iterable[tuple[bytes, bytes]]
    ) -> list[tuple[_Address | None, str | None]]:
        """Return address and scheme of each hop, the client's own first."""
        lines = [value.decode("latin-1") for name, value in headers if name == self._header]
        elements = [each for line in lines for each in line.split(",") if each.strip()]
        if self._header == b"forwarded":
            return [_parse_element(each) for each in elements]
        protos: list[str | None] = [
            each.strip().lower()
            for name, value in headers
            if name == b"x-forwarded-proto"
            for each in value.decode("latin-1").split(",")
        ]
        addresses = [_parse_node(each) for each in elements]
        if len(protos) != len(addresses):
            # A proxy that replaces the header, as most do, speaks for the whole way.
            protos = protos[-1:] * len(addresses)
        return list(zip(addresses, protos or [None] * len(addresses), strict=True))


def _parse_element(text: str) -> tuple[_Address | None, str | None]:
    """Read one element of `Forwarded` (RFC 7239): `for="[2001:db8::1]:80";proto=https`."""
    pairs = (pair.partition("=") for pair in text.split(";"))
    found = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
    return _parse_node(found.get("for", "")), found.get("proto", "").lower() or None


def _parse_node(text: str) -> _Address | None:
    """Read an address that may be quoted, bracketed, or followed by a port."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return _parse_address(text)


def _parse_address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A listener on `::` shows IPv4 peers as ::ffff:192.0.2.1; they are who they are.
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _change_scheme(scheme: str, *, is_secure: bool) -> str:
    return (_SECURE if is_secure else _PLAIN).get(scheme, scheme)
