from __future__ import annotations

import ipaddress

import pytest

from strikewire.api.hosts import TrustedHosts, derive_trusted_hosts
from strikewire.core.errors import UntrustedHostError

ENTRIES = ("desk.example.com", "10.42.0.0/16")


EVERYWHERE = str(ipaddress.IPv4Address(0))


def is_let_in(hosts, *values):
    try:
        hosts.check([(b"host", value.encode("latin-1")) for value in values])
    except UntrustedHostError:
        return False
    return True


@pytest.mark.promise("S16")
@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("desk.example.com", True),
        ("Desk.Example.Com.:8443", True),
        ("localhost:8081", True),
        ("127.0.0.1:8081", True),
        ("[::1]:8081", True),
        # A probe asks by the address of the container.
        ("10.42.7.1:8081", True),
        ("10.43.7.1:8081", False),
        ("evil.example", False),
        ("desk.example.com.evil.example", False),
        ("xdesk.example.com", False),
        ("desk.example.com:port", False),
        ("desk.example.com@evil.example", False),
        ("desk.example.com/x", False),
        ("desk.example.com, evil.example", False),
        ("127.1", False),
        ("[::1", False),
        ("", False),
        ("\xe9.example", False),
    ],
)
def test_host_is_one_of_the_names_of_this_server(host, wanted):
    assert is_let_in(TrustedHosts(ENTRIES), host) is wanted


@pytest.mark.promise("S16")
def test_request_names_one_host():
    hosts = TrustedHosts(ENTRIES)

    assert not is_let_in(hosts)
    assert not is_let_in(hosts, "desk.example.com", "desk.example.com")


@pytest.mark.parametrize(
    ("bind_host", "let_in", "refused"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1"], ["192.0.2.1", "box", "example.com"]),
        ("::1", ["localhost", "[::1]"], ["[2001:db8::1]"]),
        ("::", ["192.0.2.1:8081", "box", "[2001:db8::1]"], ["example.com"]),
        (EVERYWHERE, ["192.0.2.1:8081", "box", "[2001:db8::1]"], ["example.com"]),
        ("192.0.2.1", ["192.0.2.1", "localhost"], ["192.0.2.2", "box"]),
        ("desk.example.com", ["desk.example.com:1"], ["example.com"]),
        ("localhost", ["127.0.0.1"], ["box"]),
    ],
)
def test_names_follow_from_where_the_server_listens(bind_host, let_in, refused):
    hosts = TrustedHosts(derive_trusted_hosts(bind_host, "box"))

    assert [each for each in let_in if not is_let_in(hosts, each)] == []
    assert [each for each in refused if is_let_in(hosts, each)] == []
