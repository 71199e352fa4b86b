"""The secret box: seals what must be stored and must not be read, such as a broker's token.

AES-256-GCM. A sealed value is: `SEALED_PREFIX`, the key's id (8 bytes), a random nonce (12 bytes),
the ciphertext with its tag. Prefix, key id and the value's place are authenticated with it, so a
value that is copied into another row, or into another column, does not open there.

96-bit nonces are drawn at random, which is sound for 2**32 values under one key (NIST SP 800-38D,
8.3); a desk seals some dozens a day.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strikewire.auth.key_ring import KeySource
from strikewire.core.errors import SealedValueError
from strikewire.core.sealed import (
    KEY_ID_BYTES,
    SEALED_PREFIX,
    SealedBytes,
    SealedPlace,
    find_key_id,
)

_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = len(SEALED_PREFIX) + KEY_ID_BYTES


class SecretBox:
    """Seals and opens.

    Parameters
    ----------
    keys : asked when the first value is sealed or opened, and not before: a program that stores no
        secret needs no key.
    """

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    def seal(self, secret: bytes, place: SealedPlace) -> SealedBytes:
        """Seal a secret for the one place where it will stand.

        Raises
        ------
        SettingsError : there is no key to be had.
        """
        key = self._keys.load().first
        header = SEALED_PREFIX + bytes.fromhex(key.id)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = AESGCM(key.key).encrypt(nonce, secret, header + place.to_bytes())
        return SealedBytes(header + nonce + body)

    def open(self, sealed: SealedBytes, place: SealedPlace) -> bytes:
        """Return the secret that was sealed for this place.

        Raises
        ------
        SealedValueError : it was sealed under a key we do not have, or for another place, or it is
            not what was sealed.
        SettingsError : there is no key to be had.
        """
        key_id = find_key_id(sealed)
        if key_id is None:
            msg = f"{place} holds no sealed value"
            raise SealedValueError(msg)
        key = self._keys.load().find(key_id) or self._keys.reload().find(key_id)
        if key is None:
            msg = (
                f"{place} is sealed under the key {key_id}, which this program does not have: "
                "every program on a database needs the same STRIKEWIRE_SECRET_KEYS"
            )
            raise SealedValueError(msg, key_id=key_id)
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        nonce, body = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return AESGCM(key.key).decrypt(nonce, body, header + place.to_bytes())
        except (InvalidTag, ValueError) as error:
            msg = f"{place} is not what was sealed for it"
            raise SealedValueError(msg, key_id=key_id) from error

    def reseal(self, sealed: SealedBytes, place: SealedPlace) -> SealedBytes:
        """Return the same secret under the first key.

        Raises
        ------
        SealedValueError, SettingsError : as in `open`.
        """
        return self.seal(self.open(sealed, place), place)
