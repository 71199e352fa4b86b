from __future__ import annotations

import re
from pathlib import Path

import pytest

from strikewire.core.errors import SettingsError
from strikewire.settings import Settings, list_variables, load_settings

ROOT = Path(__file__).resolve().parents[3]
SECRETS = {
    "database_url",
    "kite_api_key",
    "kite_api_secret",
    "master_api_key",
    "redis_url",
    "secret_keys",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """Start without a variable of ours and without anybody's `.env`."""
    for name in Settings.model_fields:
        for variable in list_variables(name):
            monkeypatch.delenv(variable, raising=False)
            monkeypatch.delenv(f"{variable}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_are_valid_and_hold_no_secret():
    settings = load_settings()

    assert (settings.host, settings.port) == ("127.0.0.1", 8081)
    assert {name for name in SECRETS if getattr(settings, name) is not None} == set()


@pytest.mark.parametrize(
    ("variable", "value", "name", "wanted"),
    [
        ("PORT", "9000", "port", 9000),
        ("STRIKEWIRE_PORT", "9001", "port", 9001),
        ("DATABASE_POOL_SIZE", "5", "database_pool_size", 5),
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("STRIKEWIRE_DEMO_PRINCIPAL", "off", "demo_principal", False),
        ("DATABASE_MIGRATE", "off", "database_migrate", "off"),
        ("PORT", "", "port", 8081),
    ],
)
def test_variable_is_read(monkeypatch, variable, value, name, wanted):
    monkeypatch.setenv(variable, value)

    assert getattr(load_settings(), name) == wanted


def test_own_name_wins_over_customary_and_command_line_over_both(monkeypatch):
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("STRIKEWIRE_PORT", "9001")

    assert load_settings().port == 9001
    assert load_settings(port=9002).port == 9002
    assert load_settings(port=None).port == 9001


def test_dotenv_is_read_and_the_environment_wins(monkeypatch):
    Path(".env").write_text("PORT=9000\nLOG_LEVEL=ERROR\n")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    settings = load_settings()

    assert (settings.port, settings.log_level) == (9000, "WARNING")


def test_secret_is_read_from_a_file(monkeypatch, tmp_path):
    secret = tmp_path / "url"
    secret.write_text("postgresql://desk:canary@db/strikewire\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(secret))

    settings = load_settings()

    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://desk:canary@db/strikewire"


def test_secret_given_twice_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/strikewire")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))

    with pytest.raises(SettingsError, match="DATABASE_URL and DATABASE_URL_FILE are both set"):
        load_settings()


def test_secret_file_that_is_not_there_names_the_variable(monkeypatch):
    monkeypatch.setenv("DATABASE_URL_FILE", "/nowhere/url")

    with pytest.raises(SettingsError, match="DATABASE_URL_FILE: cannot read /nowhere/url"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("PORT", "http", "PORT or STRIKEWIRE_PORT: .*integer"),
        ("PORT", "70000", "65535"),
        ("STRIKEWIRE_LATENESS_S", "-1", "STRIKEWIRE_LATENESS_S: .*greater than or equal to 0"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL or STRIKEWIRE_LOG_LEVEL: .*'DEBUG'"),
        ("DATABASE_MIGRATE", "maybe", "DATABASE_MIGRATE .*'auto' or 'off'"),
        ("DATABASE_URL", "mysql://db/x", "DATABASE_URL .*postgresql://.* was mysql://"),
        ("DATABASE_URL", "postgresql://db", "must name a database"),
        ("DATABASE_URL", "postgresql://db:port/x", "host or port cannot be read"),
        ("REDIS_URL", "http://cache", "REDIS_URL .*redis://"),
        ("STRIKEWIRE_DATABASE_ACQUIRE_TIMEOUT_S", "0", "greater than 0"),
        ("DATABASE_POOL_MIN", "31", r"DATABASE_POOL_MIN must not be above .*\(30\), was 31"),
        ("STRIKEWIRE_DATABASE_LOCK_TIMEOUT_S", "9", "LOCK_TIMEOUT_S must not be above"),
    ],
)
def test_wrong_value_is_refused_by_the_variables_name(monkeypatch, variable, value, wanted):
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=wanted):
        load_settings()


def test_every_wrong_value_is_named_at_once(monkeypatch):
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv("LOG_LEVEL", "loud")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert "PORT" in caught.value.message
    assert "LOG_LEVEL" in caught.value.message


@pytest.mark.promise("S17")
@pytest.mark.parametrize("keys", ["canary", "Y2FuYXJ5,Y2FuYXJ5", ","])
def test_key_that_is_none_is_refused_without_being_shown(monkeypatch, keys):
    monkeypatch.setenv("STRIKEWIRE_SECRET_KEYS", keys)

    with pytest.raises(SettingsError, match="STRIKEWIRE_SECRET_KEYS: ") as refusal:
        load_settings()

    assert "canary" not in refusal.value.message
    assert "Y2Fu" not in refusal.value.message


@pytest.mark.promise("S17")
@pytest.mark.parametrize("url", ["postgresql://desk:canary@db/strikewire", "canary://canary@db/x"])
def test_secret_is_in_no_text(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    try:
        settings = load_settings()
    except SettingsError as error:
        assert "canary@" not in error.message  # noqa: PT017 - the other branch is the other case
    else:
        assert "canary" not in repr(settings)
        assert "canary" not in settings.model_dump_json()


def test_example_names_every_setting_with_its_default():
    example = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", example, re.MULTILINE))
    defaults = Settings.model_fields

    wanted = {}
    for name, field in defaults.items():
        default = field.default
        text = (
            ""
            if default is None
            else str(default).lower()
            if isinstance(default, bool)
            else str(default)
        )
        wanted[list_variables(name)[-1]] = text

    assert shown == wanted


def test_example_is_itself_a_valid_file():
    text = (ROOT / ".env.example").read_text()
    Path(".env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.MULTILINE))

    assert load_settings() == Settings()
