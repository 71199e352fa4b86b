from __future__ import annotations

import ipaddress

import pytest

from strikewire.api.client_address import TrustedProxies

PROXY, SECOND, CLIENT, LIE = "10.0.0.1", "10.0.0.2", "192.0.2.7", "203.0.113.9"
NETWORKS = (ipaddress.ip_network("10.0.0.0/24"), ipaddress.ip_network("2001:db8:1::/48"))


def find(headers, *, peer=PROXY, header="x-forwarded-for", networks=NETWORKS, scheme="http"):
    """Return address and scheme of a connection whose peer sends these headers."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"client": (peer, 4711), "scheme": scheme, "headers": raw}
    TrustedProxies(networks, header).apply(scope)
    return scope["client"][0], scope["scheme"]


@pytest.mark.promise("S15")
@pytest.mark.parametrize(
    ("forwarded", "wanted"),
    [
        (CLIENT, CLIENT),
        (f"{LIE}, {CLIENT}", CLIENT),
        (f"{LIE},{CLIENT} , {SECOND}", CLIENT),
        # Every hop is ours: the request began in our own network.
        (f"{SECOND}, {PROXY}", SECOND),
        (f"{CLIENT}:5555", CLIENT),
        ("[2001:db8:2::1]:80", "2001:db8:2::1"),
        ("2001:db8:2::1", "2001:db8:2::1"),
        ("::ffff:192.0.2.7", CLIENT),
        # What cannot be read ends the chain, also in front of something that looks fine.
        (f"{CLIENT}, unknown, {SECOND}", SECOND),
        ("not an address", PROXY),
        ("", PROXY),
    ],
)
def test_client_is_the_first_hop_from_the_right_that_is_no_proxy_of_ours(forwarded, wanted):
    assert find([("X-Forwarded-For", forwarded)])[0] == wanted


@pytest.mark.promise("S15")
@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-For", LIE)],
        [("Forwarded", f"for={LIE};proto=https")],
        [("X-Real-IP", LIE)],
        [("X-Forwarded-For", LIE), ("X-Forwarded-Proto", "https")],
    ],
)
def test_word_of_a_peer_that_is_no_proxy_changes_nothing(headers):
    for header in ("x-forwarded-for", "forwarded"):
        assert find(headers, peer=CLIENT, header=header) == (CLIENT, "http")
        assert find(headers, networks=(), header=header) == (PROXY, "http")


@pytest.mark.promise("S15")
def test_header_that_the_proxy_does_not_write_passed_through_it_and_is_not_believed():
    headers = [("Forwarded", f"for={LIE}"), ("X-Forwarded-For", CLIENT), ("X-Real-IP", LIE)]

    assert find(headers)[0] == CLIENT
    assert find(headers, header="forwarded")[0] == LIE
    assert find([("Forwarded", f"for={LIE}")])[0] == PROXY


def test_lines_of_a_header_are_one_list():
    headers = [("X-Forwarded-For", LIE), ("X-Forwarded-For", f"{CLIENT}, {SECOND}")]

    assert find(headers)[0] == CLIENT


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"for={CLIENT};proto=https;by={PROXY}", (CLIENT, "https")),
        (f'for={LIE};proto=http, For="{CLIENT}:80" ; Proto=HTTPS', (CLIENT, "https")),
        ('for="[2001:db8:2::1]:4711"', ("2001:db8:2::1", "http")),
        (f"for={CLIENT};proto=https, for={SECOND};proto=http", (CLIENT, "https")),
        ("for=_hidden;proto=https", (PROXY, "https")),
        ("proto=https", (PROXY, "https")),
        (";;=;,", (PROXY, "http")),
    ],
)
def test_standard_header_is_read(text, wanted):
    assert find([("Forwarded", text)], header="forwarded") == wanted


@pytest.mark.parametrize(
    ("proto", "wanted"),
    [("https", "https"), ("http", "http"), ("https, http", "https"), ("nonsense", "http")],
)
def test_scheme_is_that_of_the_clients_own_connection(proto, wanted):
    headers = [("X-Forwarded-For", f"{CLIENT}, {SECOND}"), ("X-Forwarded-Proto", proto)]

    assert find(headers) == (CLIENT, wanted)


def test_sockets_keep_being_sockets():
    headers = [("X-Forwarded-For", CLIENT), ("X-Forwarded-Proto", "https")]

    assert find(headers, scheme="ws") == (CLIENT, "wss")


def test_peer_without_an_address_is_left_alone():
    scope = {"client": None, "scheme": "http", "headers": [(b"x-forwarded-for", LIE.encode())]}
    TrustedProxies(NETWORKS, "x-forwarded-for").apply(scope)

    assert scope["client"] is None
