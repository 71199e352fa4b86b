"""The key ring: the keys that secrets in the database are sealed under.

The first key seals; all of them open, so that a ring can be given a new first key while values
under the old one are still about. Keys never stand in the database: they come from the setting, or
from a file in the data directory that is made when it is first needed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from strikewire.core.errors import SettingsError
from strikewire.core.sealed import KEY_ID_BYTES

_KEY_BYTES: Final = 32
_ID_PURPOSE: Final = b"strikewire key id\0"
_VARIABLE: Final = "STRIKEWIRE_SECRET_KEYS"


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key of AES-256, and the id by which ciphertext names it."""

    key: bytes = field(repr=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        if len(self.key) != _KEY_BYTES:
            msg = f"a key of {_KEY_BYTES} bytes was wanted, was one of {len(self.key)}"
            raise SettingsError(msg)
        # Of 256 random bits a hash tells nothing.
        digest = hashlib.sha256(_ID_PURPOSE + self.key).digest()
        object.__setattr__(self, "id", digest[:KEY_ID_BYTES].hex())

    def to_text(self) -> str:
        """Return the key as the setting and the key file have it. A secret."""
        return base64.urlsafe_b64encode(self.key).decode()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Some keys, the one that seals first."""

    keys: tuple[SealingKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            msg = "at least one key was wanted"
            raise SettingsError(msg)
        if len(set(self.keys)) != len(self.keys):
            msg = "each key may stand on the ring once"
            raise SettingsError(msg)

    @property
    def first(self) -> SealingKey:
        """The key that seals."""
        return self.keys[0]

    def find(self, key_id: str) -> SealingKey | None:
        """Return the key of that id; None when it is not on the ring."""
        return next((key for key in self.keys if key.id == key_id), None)


class KeySource(Protocol):
    """Where a ring comes from."""

    def load(self) -> KeyRing:
        """Return the ring.

        Raises
        ------
        SettingsError : there is none to be had, and what to do about it.
        """
        ...

    def reload(self) -> KeyRing:
        """Return the ring as it is now, where somebody may have changed it meanwhile.

        Raises
        ------
        SettingsError : as in `load`.
        """
        ...


class GivenKeys:
    """A ring that was given with the settings, and stays what it is."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def load(self) -> KeyRing:
        """Return the ring."""
        return self._ring

    def reload(self) -> KeyRing:
        """Return the ring: it changes with a restart only."""
        return self._ring


class KeyFile:
    """A ring in a file that only its owner may read; made, with one key, when first needed.

    Parameters
    ----------
    path : its folder is made as well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ring: KeyRing | None = None

    def load(self) -> KeyRing:
        """Return the ring, as it was when it was first asked for.

        Raises
        ------
        SettingsError : the file cannot be made or read, or others may read it too.
        """
        if self._ring is None:
            self._ring = self._read()
        return self._ring

    def reload(self) -> KeyRing:
        """Return the ring as the file has it now.

        Raises
        ------
        SettingsError : as in `load`.
        """
        self._ring = None
        return self.load()

    def replace(self, ring: KeyRing) -> None:
        """Put another ring in the file, whole or not at all.

        Raises
        ------
        SettingsError : it cannot be written.
        """
        try:
            self._write(ring, is_new=False)
        except OSError as error:
            msg = f"the key file {self.path} cannot be written: {error.strerror}"
            raise SettingsError(msg) from error
        self._ring = ring

    def _read(self) -> KeyRing:
        try:
            if not self.path.exists():
                self._write(KeyRing((make_key(),)), is_new=True)
            mode, text = self.path.stat().st_mode, self.path.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            msg = (
                f"a secret is to be stored, and the key file {self.path} cannot be used "
                f"({reason}): set {_VARIABLE}"
            )
            raise SettingsError(msg) from error
        if mode & stat.S_IRWXO:
            msg = f"the key file {self.path} is open to everybody on this machine: chmod 600 it"
            raise SettingsError(msg)
        try:
            return parse_key_ring(text)
        except SettingsError as error:
            msg = f"the key file {self.path}: {error.message}"
            raise SettingsError(msg) from error

    def _write(self, ring: KeyRing, *, is_new: bool) -> None:
        """Write beside the file, then put it in place; of two that make it, the first one's stays.

        Raises
        ------
        OSError : it cannot be done.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        lines = "".join(f"{key.to_text()}\n" for key in ring.keys)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                self._link(fresh)
            else:
                fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _link(self, fresh: Path) -> None:
        try:
            os.link(fresh, self.path)
        except FileExistsError:
            # Another process was here first; what counts is in its file.
            return


def make_key() -> SealingKey:
    """Draw a new key."""
    return SealingKey(secrets.token_bytes(_KEY_BYTES))


def parse_key_ring(text: str) -> KeyRing:
    """Read keys in base64, with commas or white space between them; the first one seals.

    Raises
    ------
    SettingsError : something is no key. The message tells which, by number, and never what it was.
    """
    return KeyRing(tuple(_parse_keys([each for each in re.split(r"[\s,]+", text) if each])))


def _parse_keys(words: Sequence[str]) -> list[SealingKey]:
    keys = []
    for number, word in enumerate(words, 1):
        try:
            # Both alphabets: keys are often made by `openssl rand -base64 32`.
            key = base64.b64decode(word.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:
            key = b""
        if len(key) != _KEY_BYTES:
            msg = f"key {number} is not {_KEY_BYTES} bytes in base64"
            # Outside of the handler: the decoder's error, with the text, is not carried along.
            raise SettingsError(msg)
        keys.append(SealingKey(key))
    return keys
