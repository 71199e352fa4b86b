"""The chain of the audit log: what is hashed, and how a broken link is found.

    content(n) = SHA-256(canonical JSON of the row's fields, in a fixed order)
    hash(n)    = SHA-256(hash(n-1) + n as 8 bytes, big end first + content(n))
    hash(0)    = 32 zero bytes

A row that is changed, taken out, put in or moved breaks the link at its place. Rows cut off at the
end leave a chain that is whole: `audit_head` misses them, and where that was changed too, only an
anchor that was kept elsewhere does. Whoever may change every row from one place to the end, and the
head, can write a chain that is whole again; then too only an anchor tells.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from strikewire.core.instants import format_rfc3339, from_datetime

#: What the first row follows.
GENESIS_HASH: Final = bytes(32)
#: The version of the layout below; the first thing in it.
_LAYOUT: Final = "strikewire audit 1"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a row tells.

    Parameters
    ----------
    at : when, UTC, to the microsecond.
    subject : who: the stable name of a user or program.
    credential, credential_id : by what kind of credential, and which session or key it was.
    address : where from.
    action : what was done, as `object.verb`: `market_rule.put`.
    object_type, object_id : to what.
    before, after : the object's state, in JSON's kinds; None where there was none.
    """

    at: datetime
    subject: str
    user_id: int | None
    credential: str | None
    credential_id: str | None
    address: str | None
    correlation_id: str | None
    action: str
    object_type: str
    object_id: str | None
    before: Any
    after: Any

    def compute_content(self) -> bytes:
        """Return the digest of all of it."""
        fields = [
            _LAYOUT, self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            self.subject, self.user_id, self.credential, self.credential_id, self.address,
            self.correlation_id, self.action, self.object_type, self.object_id,
            self.before, self.after,
        ]  # fmt: skip
        # ASCII, sorted, without spaces or NaN: the same bytes on every machine.
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode("ascii")).digest()


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A row as it is stored."""

    id: int
    entry: AuditEntry
    hash: bytes

    def to_json(self) -> dict[str, Any]:
        """Return the row for a program to read."""
        told = {name: getattr(self.entry, name) for name in AuditEntry.__slots__}
        at = format_rfc3339(from_datetime(self.entry.at))
        return {"id": self.id, **told, "at": at, "hash": self.hash.hex()}


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest row: its id, 0 where there is none, and its hash."""

    id: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.id}:{self.hash.hex()}"


def link(previous_hash: bytes, row_id: int, content: bytes) -> bytes:
    """Return the hash of a row that follows another."""
    return hashlib.sha256(previous_hash + row_id.to_bytes(8, "big") + content).digest()


def to_plain(value: Any) -> Any:
    """Return a value in the kinds and spelling in which JSONB gives it back, whoever reads it.

    JSONB keeps numbers as decimals: 1e22 comes back as an integer. So whole floats become
    integers. NaN is unknown: null. Text cannot hold NUL or half a surrogate pair there. What
    JSON has no kind for becomes text, decimals and days among it.
    """
    if isinstance(value, Mapping):
        return {_to_plain_text(str(key)): to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return _to_plain_number(value)
    return _to_plain_text(str(value))


def _to_plain_number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def _to_plain_text(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
