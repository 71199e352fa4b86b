"""Trading accounts: whose they are, with which broker, and whether they may be traded on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strikewire.core.instants import format_rfc3339
from strikewire.core.money import Paise, format_paise
from strikewire.core.orders import AccountId
from strikewire.core.users import UserId


class Broker(StrEnum):
    """Who carries orders out; the values are what the database and the API say."""

    #: We do, on the ticks that are heard.
    PAPER = "paper"
    KITE = "kite"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose accounts somebody may touch.

    Parameters
    ----------
    user_id : the user's own; None: there is no such user.
    account_ids : and these, whosever they are.
    is_everybody : all there are.
    """

    user_id: UserId | None = None
    account_ids: frozenset[int] = frozenset()
    is_everybody: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's account with a broker, or on paper. Its credentials stay in the store.

    Parameters
    ----------
    opening : what a paper account was given.
    limits : as stored; `desk.limits` says what they mean.
    broker_user : whose account it is, as the broker names them.
    has_credentials : whether some are stored.
    is_live : orders go to a real exchange.
    halted_ns, halted_because : since when the kill switch stands, and why; None: it does not.
    closed_ns : since when nothing is done with it any more.
    """

    id: AccountId
    user_id: UserId
    name: str
    broker: Broker
    opening: Paise
    limits: Mapping[str, Any]
    created_ns: int
    broker_user: str | None = None
    has_credentials: bool = False
    is_live: bool = False
    halted_ns: int | None = None
    halted_because: str | None = None
    closed_ns: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all of it for a program to read."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "name": self.name,
            "broker": self.broker.value,
            "broker_user": self.broker_user,
            "has_credentials": self.has_credentials,
            "opening": format_paise(self.opening),
            "limits": dict(self.limits),
            "is_live": self.is_live,
            "halted_at": _format(self.halted_ns),
            "halted_because": self.halted_because,
            "closed_at": _format(self.closed_ns),
            "created_at": format_rfc3339(self.created_ns),
        }


def _format(instant_ns: int | None) -> str | None:
    return None if instant_ns is None else format_rfc3339(instant_ns)
