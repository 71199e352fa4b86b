"""API keys: what is known of one, its secret aside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
