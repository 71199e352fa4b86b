"""The scopes there are: what a principal may be allowed to do. Checked in, so reviewed."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from strikewire.core.users import Role

__all__ = ["KEY_SCOPES", "ROLE_SCOPES", "Role", "Scope", "collect_scopes"]


class Scope(StrEnum):
    """One thing that may be allowed. The values are what keys and tokens carry."""

    #: See the instrument registry and search in it.
    INSTRUMENTS_READ = "instruments:read"
    #: See bars, quotes and charts.
    BARS_READ = "bars:read"
    #: See what is recorded and what is missing.
    COVERAGE_READ = "coverage:read"
    #: See sessions, holidays, lot sizes and the other market rules.
    MARKET_RULES_READ = "market-rules:read"
    #: Change them, for everybody and at once.
    MARKET_RULES_WRITE = "market-rules:write"
    #: See how a replay is getting on.
    REPLAY_READ = "replay:read"
    #: Play, pause, seek and change the speed of a replay.
    REPLAY_CONTROL = "replay:control"
    #: See what is heard of a market, from where, and how well.
    FEED_READ = "feed:read"
    #: Log in with the broker, for the whole desk.
    FEED_LOGIN = "feed:login"
    #: See what long work there is, and how it is getting on.
    JOBS_READ = "jobs:read"
    #: Have long work done, such as filling bars, and stop it.
    JOBS_WRITE = "jobs:write"
    #: See trading accounts, and what is held in them.
    ACCOUNTS_READ = "accounts:read"
    #: Make, change, halt and close them.
    ACCOUNTS_WRITE = "accounts:write"
    #: See orders, and what became of them.
    ORDERS_READ = "orders:read"
    #: Place, change and cancel them.
    ORDERS_PLACE = "orders:place"
    #: Let an account trade with real money.
    ORDERS_LIVE = "orders:live"
    #: See strategies, their ledgers and what they make.
    STRATEGIES_READ = "strategies:read"
    #: Keep them.
    STRATEGIES_WRITE = "strategies:write"
    #: Read `/metrics`, where the operator has closed it to the public.
    METRICS_READ = "metrics:read"
    #: See who one is, and where one is signed in.
    SELF_READ = "self:read"
    #: Sign out, and change one's own password.
    SELF_WRITE = "self:write"
    #: See one's own API keys.
    KEYS_READ = "keys:read"
    #: Make and revoke them.
    KEYS_WRITE = "keys:write"
    #: Ask for tickets that open a socket.
    STREAMS_OPEN = "streams:open"
    #: See who has an account.
    USERS_READ = "users:read"
    #: Make, change, disable and delete accounts.
    USERS_WRITE = "users:write"
    #: Read the audit log.
    AUDIT_READ = "audit:read"


_VIEWER: Final = frozenset(
    {
        Scope.INSTRUMENTS_READ,
        Scope.BARS_READ,
        Scope.COVERAGE_READ,
        Scope.MARKET_RULES_READ,
        Scope.REPLAY_READ,
        Scope.JOBS_READ,
        Scope.FEED_READ,
        Scope.ACCOUNTS_READ,
        Scope.ORDERS_READ,
        Scope.STRATEGIES_READ,
        Scope.SELF_READ,
        Scope.SELF_WRITE,
        Scope.KEYS_READ,
        Scope.KEYS_WRITE,
        Scope.STREAMS_OPEN,
    }
)
_TRADER: Final = _VIEWER | {
    Scope.REPLAY_CONTROL,
    Scope.JOBS_WRITE,
    Scope.ACCOUNTS_WRITE,
    Scope.ORDERS_PLACE,
    Scope.STRATEGIES_WRITE,
}

#: What each role may do. An administrator may do everything, what comes later included.
ROLE_SCOPES: Final = MappingProxyType(
    {Role.VIEWER: _VIEWER, Role.TRADER: _TRADER, Role.ADMIN: frozenset(Scope)}
)

#: What a key may be given. Never what would let it make keys, passwords or accounts, which could do
#: more, or for longer, than it may itself (S12).
KEY_SCOPES: Final = frozenset(Scope) - {Scope.KEYS_WRITE, Scope.SELF_WRITE, Scope.USERS_WRITE}


def collect_scopes(roles: Iterable[Role]) -> frozenset[Scope]:
    """Return what somebody with these roles may do: the scopes of all of them."""
    return frozenset().union(*(ROLE_SCOPES[role] for role in roles))
