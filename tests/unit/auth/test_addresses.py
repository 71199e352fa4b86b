from __future__ import annotations

import pytest

from strikewire.auth.addresses import group_address, is_within, parse_network
from strikewire.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("address", "network", "expected"),
    [
        ("192.0.2.7", "192.0.2.0/24", True),
        ("192.0.3.7", "192.0.2.0/24", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "192.0.2.0/24", True),
        ("192.0.2.7", "::/0", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("fe80::1%eth0", "fe80::/10", True),
        ("testclient", "0.0.0.0/0", False),
        (None, "0.0.0.0/0", False),
    ],
)
def test_address_is_within_its_networks_only(address, network, expected):
    assert is_within(address, [parse_network(network)]) is expected


@pytest.mark.parametrize("text", ["192.0.2.7/24", "192.0.2", "desk.example.com", "", "::/129"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(InvalidInputError, match=r"192\.0\.2\.0/24 was wanted"):
        parse_network(text)


def test_addresses_of_one_site_are_counted_together():
    assert group_address("2001:db8::1") == group_address("2001:db8::ffff:1") == "2001:db8::/64"
    assert group_address("2001:db8:0:1::1") != group_address("2001:db8::1")
    assert group_address("::ffff:192.0.2.7") == group_address("192.0.2.7") == "192.0.2.7"
    assert group_address("192.0.2.8") == "192.0.2.8"
    assert group_address("unknown") == "unknown"
