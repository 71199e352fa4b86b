"""Where a caller is, as far as permission and limits care."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from strikewire.core.errors import InvalidInputError

#: What a household, a cloud machine or an attacker is given at the least, RFC 6177: whoever has one
#: address of it has all of them.
_IPV6_SITE_BITS = 64

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=4_096)
def parse_address(text: str) -> Address | None:
    """Read an address; None for what is none.

    An IPv4 address that an IPv6 socket reports (`::ffff:192.0.2.1`) is the IPv4 address.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=4_096)
def group_address(text: str) -> str:
    """Return whose address it is to be counted as: itself, and of IPv6 the /64 it is in."""
    address = parse_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, _IPV6_SITE_BITS), strict=False))
    return text if address is None else str(address)


def parse_network(text: str) -> Network:
    """Read `192.0.2.0/24`, `2001:db8::/32` or a single address.

    Raises
    ------
    InvalidInputError : it is none of these, or has bits set behind its prefix.
    """
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        msg = f"an address or a network such as 192.0.2.0/24 was wanted, was {text[:64]!r}"
        raise InvalidInputError(msg) from error


def is_within(text: str | None, networks: Iterable[Network]) -> bool:
    """Say whether an address lies in one of the networks; one that is not known does not."""
    address = None if text is None else parse_address(text)
    return address is not None and any(address in network for network in networks)
