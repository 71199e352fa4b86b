from __future__ import annotations

import pytest

from strikewire.core.errors import SettingsError
from strikewire.settings import load_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (
            "cors_origins",
            "https://desk.example.com,http://localhost:5173,https://[2001:db8::1]:8443",
        ),
        ("trusted_hosts", "desk.example.com, box, 10.0.0.0/8, 2001:db8::1, under_score.internal"),
        ("trusted_proxies", "10.0.0.0/8, 192.0.2.1, 2001:db8::/32"),
    ],
)
def test_list_is_taken(name, value):
    gate = load_settings(**{name: value}).to_api().gate

    assert len(getattr(gate, name)) == value.count(",") + 1


@pytest.mark.promise("S16")
@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "desk.example.com", "https://*.example.com", "https://desk.example.com/"),
        *("HTTPS://desk.example.com", "https://Desk.example.com", "https://desk.example.com:443"),
        *("https://user@desk.example.com", "ftp://desk.example.com", "https://", "https://a:x"),
    ],
)
def test_origin_that_no_browser_sends_is_refused(origin):
    with pytest.raises(SettingsError, match=r"STRIKEWIRE_CORS_ORIGINS: origins as browsers write"):
        load_settings(cors_origins=origin)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("trusted_hosts", each) for each in ("*", "*.example.com", "a b", "http://x", "x:80")),
        *(("trusted_proxies", each) for each in ("proxy.internal", "10.0.0.1/8", "*", "10/8")),
    ],
)
def test_entry_that_means_nothing_is_refused(name, value):
    with pytest.raises(SettingsError, match=f"STRIKEWIRE_{name.upper()}"):
        load_settings(**{name: value})
