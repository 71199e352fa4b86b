from __future__ import annotations

import re
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.auth.key_format import draw_key, parse_key
from strikewire.auth.opaque import hash_secret


def compute_checksum(body):
    """Do by hand, and slowly, what the format says."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    rest = zlib.crc32(body.encode())
    return "".join(digits[rest // 62**place % 62] for place in range(5, -1, -1))


@pytest.mark.promise("S11")
def test_key_has_prefix_id_secret_and_checksum():
    key = draw_key()

    assert re.fullmatch(r"swk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", key.text)
    assert key.text.startswith(f"swk_{key.key_id}_{key.secret}")
    assert key.text[-6:] == compute_checksum(key.text[:-6])
    assert parse_key(key.text) == key


@pytest.mark.promise("S11")
def test_two_keys_have_nothing_in_common():
    keys = [draw_key() for _ in range(500)]

    assert len({key.key_id for key in keys}) == len({key.secret for key in keys}) == 500
    # Each digit is drawn from all 62.
    assert set("".join(key.secret for key in keys)) == set(string.ascii_letters + string.digits)


@pytest.mark.promise("S11")
def test_every_mistyped_or_truncated_key_is_told_by_its_checksum():
    text = draw_key().text

    for place in range(len(text)):
        wrong = "a" if text[place] != "a" else "b"
        assert parse_key(text[:place] + wrong + text[place + 1 :]) is None
        assert parse_key(text[:place]) is None
    swapped = text[:20] + text[21] + text[20] + text[22:]
    assert swapped == text or parse_key(swapped) is None


@given(st.text(max_size=100) | st.from_regex(r"swk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\n?"))
def test_what_is_no_key_is_none_of_ours(text):
    assert parse_key(text) is None


@pytest.mark.promise("S11")
def test_no_representation_shows_the_secret():
    key = draw_key()

    assert key.secret not in repr(key)
    assert len(hash_secret(key.secret)) == 32
    assert hash_secret(key.secret) != hash_secret(draw_key().secret)
