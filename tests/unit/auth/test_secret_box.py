"""What is sealed opens at its place, under a key of the ring, and not otherwise."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.auth.key_ring import GivenKeys, KeyFile, KeyRing, make_key, parse_key_ring
from strikewire.auth.secret_box import SecretBox
from strikewire.core.errors import SealedValueError, SettingsError
from strikewire.core.sealed import SEALED_PREFIX, SealedPlace, find_key_id

SECRET = b"canary-broker-token"
KEY_TEXT = base64.b64encode(bytes(range(32))).decode()
PLACE = SealedPlace("trading_account", "token", "7")


def make_box(*keys) -> SecretBox:
    return SecretBox(GivenKeys(KeyRing(keys)))


@given(secret=st.binary(max_size=2_000))
def test_secret_comes_back_from_its_place(secret):
    box = make_box(make_key())

    sealed = box.seal(secret, PLACE)

    assert box.open(sealed, PLACE) == secret
    assert len(secret) < 8 or secret not in sealed


def test_same_secret_is_never_sealed_alike():
    box = make_box(make_key())

    assert len({box.seal(SECRET, PLACE) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "other",
    [
        SealedPlace("trading_account", "token", "8"),
        SealedPlace("trading_account", "secret", "7"),
        SealedPlace("signing_keys", "token", "7"),
        # The same letters, cut elsewhere.
        SealedPlace("trading_accounttoken", "", "7"),
    ],
)
def test_value_that_was_moved_does_not_open(other):
    box = make_box(make_key())
    sealed = box.seal(SECRET, PLACE)

    with pytest.raises(SealedValueError, match="not what was sealed for it"):
        box.open(sealed, other)


def test_every_changed_bit_is_noticed():
    box = make_box(make_key())
    sealed = box.seal(SECRET, PLACE)

    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealedValueError) as refusal:
            box.open(bytes(changed), PLACE)
        assert SECRET.decode() not in refusal.value.message


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_value_cut_short_does_not_open(length):
    box = make_box(make_key())

    with pytest.raises(SealedValueError):
        box.open(box.seal(SECRET, PLACE)[:length], PLACE)


def test_first_key_seals_and_all_open():
    old, new = make_key(), make_key()
    sealed = make_box(old).seal(SECRET, PLACE)
    box = make_box(new, old)

    assert box.open(sealed, PLACE) == SECRET
    assert find_key_id(box.reseal(sealed, PLACE)) == new.id
    with pytest.raises(SealedValueError, match=f"key {old.id}.*STRIKEWIRE_SECRET_KEYS"):
        make_box(new).open(sealed, PLACE)


def test_no_key_shows_in_a_representation():
    key = make_key()
    ring = KeyRing((key,))

    for text in (repr(key), str(ring), repr(GivenKeys(ring))):
        assert key.to_text() not in text
        assert repr(key.key) not in text
    assert SEALED_PREFIX + bytes.fromhex(key.id) in make_box(key).seal(SECRET, PLACE)


@pytest.mark.parametrize("separator", [",", "\n", " , ", "\r\n"])
def test_ring_is_read_from_text(separator):
    keys = [make_key() for _ in range(3)]
    plain = base64.b64encode(keys[2].key).decode()

    ring = parse_key_ring(separator.join([keys[0].to_text(), keys[1].to_text(), plain]) + "\n")

    assert ring.keys == tuple(keys)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "at least one"),
        (" \n", "at least one"),
        ("canary", "key 1 is not 32 bytes"),
        (f"{KEY_TEXT},Y2FuYXJ5", "key 2 is not 32 bytes"),
        ("ключ", "key 1 is not 32 bytes"),
        (KEY_TEXT * 2, "key 1 is not 32 bytes"),
    ],
)
def test_what_is_no_ring_is_refused_without_being_shown(text, wanted):
    with pytest.raises(SettingsError, match=wanted) as refusal:
        parse_key_ring(text)

    assert "anary" not in refusal.value.message
    assert refusal.value.__context__ is None


def test_key_may_stand_on_a_ring_once():
    key = make_key().to_text()

    with pytest.raises(SettingsError, match="once"):
        parse_key_ring(f"{key},{key}")


def test_key_file_is_made_when_first_needed_and_stays(tmp_path):
    path = tmp_path / "data" / "secret.keys"
    source = KeyFile(path)
    assert not path.exists()

    sealed = SecretBox(source).seal(SECRET, PLACE)

    assert path.stat().st_mode & 0o777 == 0o600
    assert SecretBox(KeyFile(path)).open(sealed, PLACE) == SECRET
    assert [each.name for each in path.parent.iterdir()] == ["secret.keys"]


def test_running_program_takes_up_a_key_that_another_has_put_in_the_file(tmp_path):
    path = tmp_path / "secret.keys"
    running, other = KeyFile(path), KeyFile(path)
    box = SecretBox(running)
    before = box.seal(SECRET, PLACE)

    other.replace(KeyRing((make_key(), *other.load().keys)))
    after = SecretBox(other).seal(SECRET, PLACE)

    assert box.open(after, PLACE) == SECRET
    assert box.open(before, PLACE) == SECRET
    assert path.stat().st_mode & 0o777 == 0o600


def test_key_file_that_everybody_may_read_is_refused(tmp_path):
    path = tmp_path / "secret.keys"
    KeyFile(path).load()
    path.chmod(0o644)

    with pytest.raises(SettingsError, match="chmod 600"):
        KeyFile(path).load()


def test_key_file_that_cannot_be_made_asks_for_the_setting(tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(SettingsError, match="set STRIKEWIRE_SECRET_KEYS"):
        SecretBox(KeyFile(tmp_path / "data" / "secret.keys")).seal(SECRET, PLACE)


def test_key_file_with_rubbish_is_named_and_not_shown(tmp_path):
    path = tmp_path / "secret.keys"
    path.touch(0o600)
    path.write_text("canary")

    with pytest.raises(SettingsError, match=r"secret\.keys: key 1") as refusal:
        KeyFile(path).load()

    assert "canary" not in refusal.value.message
