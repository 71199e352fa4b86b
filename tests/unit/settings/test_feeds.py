"""The settings of feeds: what the broker's feed cannot do without."""

from __future__ import annotations

import pytest

from strikewire.core.errors import SettingsError
from strikewire.settings import Settings, list_variables, load_settings

KEYS = {"STRIKEWIRE_KITE_API_KEY": "key", "STRIKEWIRE_KITE_API_SECRET": "canary"}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in Settings.model_fields:
        for variable in list_variables(name):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def give(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_kite_with_its_keys_is_heard(monkeypatch):
    give(monkeypatch, STRIKEWIRE_FEED="kite", **KEYS, STRIKEWIRE_KITE_SYMBOLS="NSE:RELIANCE, ")

    settings = load_settings()

    assert settings.feed == "kite"
    assert settings.to_broker_universe().underlyings == ("NIFTY", "BANKNIFTY")
    assert settings.to_broker_universe().symbols == ("NSE:RELIANCE",)
    assert "canary" not in repr(settings)


@pytest.mark.parametrize("missing", KEYS)
def test_kite_without_a_key_is_refused_by_the_variables_name(monkeypatch, missing):
    give(monkeypatch, STRIKEWIRE_FEED="kite", **{k: v for k, v in KEYS.items() if k != missing})

    with pytest.raises(SettingsError, match=f"{missing}: the feed kite needs it"):
        load_settings()


def test_kite_with_nothing_to_hear_is_refused(monkeypatch):
    give(monkeypatch, STRIKEWIRE_FEED="kite", **KEYS, STRIKEWIRE_KITE_UNDERLYINGS=" , ")

    with pytest.raises(SettingsError, match=r"STRIKEWIRE_KITE_SYMBOLS: .*both are empty"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("STRIKEWIRE_KITE_REST_URL", "http://broker.example.com", "https:// was wanted"),
        ("STRIKEWIRE_KITE_SOCKET_URL", "ws://broker.example.com", "wss:// was wanted"),
        ("STRIKEWIRE_KITE_SOCKET_URL", "https://127.0.0.1", "wss:// was wanted"),
        ("STRIKEWIRE_KITE_LOGIN_URL", "https://", "https:// was wanted"),
        ("STRIKEWIRE_KITE_SOCKETS", "0", "greater than or equal to 1"),
    ],
)
def test_wrong_value_is_refused_by_the_variables_name(monkeypatch, variable, value, wanted):
    give(monkeypatch, **{variable: value})

    with pytest.raises(SettingsError, match=f"{variable}: .*{wanted}"):
        load_settings()


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9000/", "ws://localhost:9000", "wss://x.example"])
def test_broker_on_this_machine_needs_no_encryption(monkeypatch, url):
    give(monkeypatch, STRIKEWIRE_KITE_SOCKET_URL=url)

    assert load_settings().kite_socket_url == url.rstrip("/")


def test_budget_is_what_the_settings_say(monkeypatch):
    give(
        monkeypatch,
        STRIKEWIRE_KITE_SOCKETS="2",
        STRIKEWIRE_KITE_SOCKET_INSTRUMENTS="50",
        STRIKEWIRE_BUDGET_STRIKES="5, 3",
        STRIKEWIRE_BUDGET_QUOTE_AGE_S="20",
    )

    budget = load_settings().to_budget()

    assert (budget.slots, budget.quotes) == (100, 10_000)
    assert budget.ranking.strikes == (5, 3)


@pytest.mark.parametrize("value", [",", "5,-1", "a", "1001"])
def test_strikes_that_are_no_widths_are_refused(monkeypatch, value):
    give(monkeypatch, STRIKEWIRE_BUDGET_STRIKES=value)

    with pytest.raises(SettingsError, match="STRIKEWIRE_BUDGET_STRIKES: numbers up to 1000"):
        load_settings()
