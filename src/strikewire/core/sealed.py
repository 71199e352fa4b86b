"""Sealed values: secrets as they are stored, and the place each of them belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NewType

#: What only the right key, at the right place, turns back into a secret.
SealedBytes = NewType("SealedBytes", bytes)

#: The first bytes of every sealed value: what it is, and the version of its layout.
SEALED_PREFIX: Final = b"SWS\x01"
#: Then comes the id of the key, so many bytes.
KEY_ID_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """Where a sealed value stands. It can be opened there and nowhere else.

    Parameters
    ----------
    row_id : the row's primary key as PostgreSQL writes it as text. It has to be known before the
        row is inserted: a name, a UUID, or a number drawn from the sequence beforehand.
    """

    table: str
    column: str
    row_id: str

    def to_bytes(self) -> bytes:
        """Return it in a form in which no two places are the same."""
        parts = (part.encode() for part in (self.table, self.column, self.row_id))
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.row_id}"


def find_key_id(sealed: SealedBytes) -> str | None:
    """Return the id of the key that a value is sealed under; None for what is no sealed value."""
    start, end = len(SEALED_PREFIX), len(SEALED_PREFIX) + KEY_ID_BYTES
    if not sealed.startswith(SEALED_PREFIX) or len(sealed) <= end:
        return None
    return sealed[start:end].hex()
