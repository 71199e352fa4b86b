"""Secrets are known by their names, by their forms, and by being the settings'."""

from __future__ import annotations

import json
import timeit
import uuid
from datetime import date
from functools import partial
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.auth.key_format import draw_key
from strikewire.observability.redaction import REDACTED, Redactor, is_secret_name

CANARY = "canary7f3a9b"
KEY = draw_key().text

pytestmark = pytest.mark.promise("S17")


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://desk:{CANARY}@db:5432/strikewire",
        f"redis://:{CANARY}@cache/0",
        # Passwords are not always escaped as they should be.
        f"postgresql://desk:half@{CANARY}@db/strikewire",
        f"connection to postgresql://desk:{CANARY}@db failed, as did redis://x:{CANARY}@y",
        f"Authorization: Bearer {CANARY}",
        f"headers: token {CANARY}:{CANARY} were sent",
        f"GET / HTTP/1.1\r\nCookie: a=1; session={CANARY}\r\n",
        f"{{'x-api-key': '{CANARY}'}}",
        f"b'x-api-key': b'{CANARY}'".replace("b'", "'"),
        f"bearer {CANARY}{CANARY}",
        f"Basic {CANARY}==",
        f"GET /ws/bars?ticket={CANARY}&symbol=x",
        f"/callback?code=1&access_token={CANARY}#x",
        f'{{"password": "{CANARY}", "login": "anna"}}',
        f"password='{CANARY}' login='anna'",
        f"refresh_token={CANARY}",
        f"the ticket swt_{CANARY}{CANARY}{CANARY} was used",
        f"eyJhbGciOiJFZERTQSJ9.{CANARY}.{CANARY}",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
        f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}",
    ],
)
def test_secret_is_known_by_its_form(text):
    redacted = Redactor().redact_text(text)

    assert CANARY not in redacted
    assert REDACTED in redacted


def test_api_key_of_ours_keeps_its_id_alone():
    redacted = Redactor().redact_text(f"the key {KEY} was refused")

    assert redacted == f"the key {KEY[:16]}_{REDACTED} was refused"


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.com/a:b@c",
        "STRIKEWIRE_SECRET_KEYS: key 1 is not 32 bytes in base64",
        "token_count=5",
        "an Authorization header of the form `Bearer TOKEN` was wanted",
        "NFO:BANKNIFTY-I from=2022-12-30",
        "DATABASE_URL_FILE=/run/secrets/database_url",
    ],
)
def test_what_is_no_secret_stays(text):
    assert Redactor().redact_text(text) == text


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("password", True),
        ("new_password", True),
        ("passwordHash", True),
        ("X-API-Key", True),
        ("Set-Cookie", True),
        ("refreshToken", True),
        ("STRIKEWIRE_SECRET_KEYS", True),
        ("MASTER_API_KEY", True),
        ("sealed_private_key", True),
        ("credential_id", False),
        ("has_password", False),
        ("secret_count", False),
        ("path", False),
        ("tickets_per_day", True),
        ("description", False),
    ],
)
def test_secret_is_known_by_its_name(name, is_secret):
    assert is_secret_name(name) is is_secret
    told = Redactor().redact_value({name: "value"})
    assert told == {name: REDACTED if is_secret else "value"}


def test_structure_is_redacted_at_every_depth_and_otherwise_kept():
    number = uuid.UUID(int=7)
    value = {
        "user": {"login": "anna", "password": CANARY, "has_password": True, "token": None},
        "urls": [f"redis://:{CANARY}@cache", "plain"],
        "tokens": [CANARY],
        "rows": ({"api_key": CANARY}, 3, 2.5, date(2026, 11, 21), number),
        "raw": CANARY.encode(),
        "other": RuntimeError(f"password={CANARY}"),
    }

    redacted = Redactor().redact_value(value)

    assert CANARY not in json.dumps(redacted, default=str)
    assert redacted["user"] == {
        "login": "anna", "password": REDACTED, "has_password": True, "token": None,
    }  # fmt: skip
    assert redacted["rows"][1:] == [3, 2.5, date(2026, 11, 21), number]
    assert redacted["raw"] == f"<{len(CANARY)} bytes>"


def test_structure_without_end_is_cut_off():
    value: dict = {}
    value["self"] = value

    assert REDACTED in json.dumps(Redactor().redact_value(value))


def test_known_value_is_blanked_wherever_it_stands():
    redactor = Redactor([CANARY, f"{CANARY}-longer", "ab"])

    assert redactor.redact_text(f"a {CANARY}-longer, a{CANARY}b, ab") == f"a {REDACTED}, a***b, ab"


@given(text=st.text(), password=st.text(alphabet="abcXYZ019%-_!", min_size=6, max_size=40))
def test_password_of_a_url_is_found_in_any_text(text, password):
    password = f"{CANARY}{password}"

    assert CANARY not in Redactor().redact_text(f"{text} pq://u:{password}@h/d {text}")


@pytest.mark.parametrize(
    "part",
    ["://", "://a:b", "token", 'password="', "eyJa-", "eyJa.", "cookie: ", "Bearer ", "a-", "x='"],
)
def test_long_text_is_redacted_in_linear_time(part):
    redactor, lengths = Redactor(), (20_000, 80_000)
    texts = ["=" + part * (length // len(part)) for length in lengths]

    # Four times the text: sixteen times the time would be a way to stop the program.
    # Of the processor's time: the machine has other things to do.
    short_s, long_s = (
        min(timeit.repeat(partial(redactor.redact_text, text), timer=process_time, number=1))
        for text in texts
    )

    assert long_s < 9 * short_s + 0.05
