"""API keys: what is known of one, its secret aside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strikewire.core.instants import format_rfc3339
from strikewire.core.users import UserId


class KeyStatus(StrEnum):
    """Whether a key is good for anything."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of somebody's.

    Parameters
    ----------
    id : the part of the key that is no secret.
    name : what its owner calls it.
    scopes : what it was allowed; what it may do is that as far as its owner still may.
    networks : from where it is taken; empty: from anywhere.
    created_ns, expires_ns : instants.
    revoked_ns, last_used_ns : instants; None: it never was.
    last_used_address : from where it was last used.
    """

    id: str
    user_id: UserId
    name: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    created_ns: int
    expires_ns: int
    revoked_ns: int | None = None
    last_used_ns: int | None = None
    last_used_address: str | None = None

    def find_status(self, now_ns: int) -> KeyStatus:
        """Say what the key is at an instant."""
        if self.revoked_ns is not None:
            return KeyStatus.REVOKED
        return KeyStatus.EXPIRED if now_ns >= self.expires_ns else KeyStatus.ACTIVE

    def to_json(self, now_ns: int) -> dict[str, Any]:
        """Return all of it for a program to read, as of an instant."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "name": self.name,
            "scopes": list(self.scopes),
            "networks": list(self.networks),
            "status": self.find_status(now_ns).value,
            "created_at": format_rfc3339(self.created_ns),
            "expires_at": format_rfc3339(self.expires_ns),
            "revoked_at": _format(self.revoked_ns),
            "last_used_at": _format(self.last_used_ns),
            "last_used_address": self.last_used_address,
        }


def _format(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else format_rfc3339(instant_ns)
