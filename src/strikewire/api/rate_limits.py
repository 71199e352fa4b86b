"""Rate limits: who may ask how much, by address, by user and by key.

Everything costs: a cheap read 1, a change 5, an answer of many rows more afterwards. Buckets are
this process's own. Three are by address, which an IPv6 client is its /64 of: of all requests, of
credentials that are no good, of attempts to log in. Somebody whose credential is good is never
refused for another's bad ones from the same address.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.requests import HTTPConnection

from strikewire.api.config import RateLimitConfig
from strikewire.api.middleware import find_response_headers
from strikewire.auth.credentials import CredentialKind
from strikewire.auth.principal import Principal
from strikewire.core.errors import CredentialRefusedError, NotAuthenticatedError, RateLimitedError
from strikewire.observability.metrics import Metrics
from strikewire.resilience.token_buckets import Balance, TokenBuckets, compute_window_s

#: What a request costs its user when the route does not say otherwise.
READ_COST: Final = 1.0
CHANGE_COST: Final = 5.0
SOCKET_COST: Final = 2.0
#: An answer of so many rows costs one more.
ROWS_PER_TOKEN: Final = 1_000

_LIMIT_HEADERS: Final = (b"ratelimit", b"ratelimit-policy")
#: A probe must not fail because somebody else at the same address asks too much.
_PROBES: Final = frozenset({"/health/live", "/health/ready"})


@dataclass(frozen=True, slots=True)
class _Account:
    """A bucket somebody has, and what it is called in headers and metrics."""

    policy: str
    buckets: TokenBuckets
    name: str


class RateLimits:
    """The limits of one application.

    Parameters
    ----------
    monotonic : returns seconds that only grow.
    """

    def __init__(
        self,
        config: RateLimitConfig,
        *,
        metrics: Metrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_on = config.is_on
        self._metrics = metrics

        def make(policy: str) -> TokenBuckets:
            return TokenBuckets(
                getattr(config, policy), max_buckets=config.max_buckets, monotonic=monotonic
            )

        self._address = make("address")
        self._failure = make("failure")
        self._login = make("login")
        self._login_name = make("login_name")
        self._user = make("user")
        self._key = make("key")

    def admit(self, connection: HTTPConnection) -> None:
        """Charge an address for a request, whatever it wants.

        Raises
        ------
        RateLimitedError : it asks too much.
        """
        if connection.scope["path"] not in _PROBES:
            self._spend(connection, [self._of_address(connection, "address", self._address)], 1.0)

    def charge(self, connection: HTTPConnection, principal: Principal, cost: float) -> None:
        """Charge a user, and the key that was used, for what is about to be done.

        Raises
        ------
        RateLimitedError : one of them asks too much.
        """
        self._spend(connection, self._of_principal(principal), cost)

    def charge_rows(self, connection: HTTPConnection, principal: Principal, rows: int) -> None:
        """Charge for the length of an answer, once it is known: the next requests pay for it."""
        cost = rows / ROWS_PER_TOKEN
        if self._is_on and cost >= 1.0:
            self._take(connection, self._of_principal(principal), cost)

    def note_failure(self, connection: HTTPConnection, error: NotAuthenticatedError) -> None:
        """Charge an address for a credential that was no good.

        Raises
        ------
        RateLimitedError : there were too many; it is not told any more whether this one was good.
        """
        self.count_failure(error)
        account = self._of_address(connection, "failure", self._failure)
        try:
            self._spend(connection, [account], 1.0)
        except RateLimitedError as limited:
            raise limited from error

    def count_failure(self, error: NotAuthenticatedError) -> None:
        """Count a credential that was no good; somebody who brought none is not counted."""
        if isinstance(error, CredentialRefusedError):
            self._metrics.credentials_refused.labels(error.reason).inc()

    def attempt_login(self, connection: HTTPConnection, login: str) -> None:
        """Charge an address, and the name that is tried, before a password is looked at.

        Raises
        ------
        RateLimitedError : there were too many attempts from there, or on that name.
        """
        accounts = [
            self._of_address(connection, "login", self._login),
            _Account("login_name", self._login_name, login.casefold()[:256]),
        ]
        self._spend(connection, accounts, 1.0)

    def _of_address(
        self, connection: HTTPConnection, policy: str, buckets: TokenBuckets
    ) -> _Account:
        client = connection.scope.get("client")
        return _Account(policy, buckets, _name_client(client[0] if client else ""))

    def _of_principal(self, principal: Principal) -> list[_Account]:
        accounts = [_Account("user", self._user, principal.subject)]
        if principal.credential is CredentialKind.KEY and principal.credential_id is not None:
            accounts.append(_Account("key", self._key, principal.credential_id))
        return accounts

    def _spend(self, connection: HTTPConnection, accounts: list[_Account], cost: float) -> None:
        """Take from all, or from none and raise."""
        if not self._is_on:
            return
        for account in accounts:
            balance = account.buckets.look(account.name, cost)
            if balance.wait_s > 0.0:
                self._mark(connection, account, balance)
                self._metrics.rate_limited.labels(account.policy).inc()
                limit = account.buckets.config
                msg = (
                    f"at most {limit.capacity:g} at once and {limit.refill_per_s:g} a second were "
                    f"wanted (limit: {account.policy})"
                )
                raise RateLimitedError(msg, retry_after_s=balance.wait_s, limit=account.policy)
        self._take(connection, accounts, cost)

    def _take(self, connection: HTTPConnection, accounts: list[_Account], cost: float) -> None:
        taken = [(account, account.buckets.take(account.name, cost)) for account in accounts]
        tightest = min(taken, key=lambda each: each[1].remaining / each[0].buckets.config.capacity)
        self._mark(connection, *tightest)

    def _mark(self, connection: HTTPConnection, account: _Account, balance: Balance) -> None:
        """Say in the answer's headers how the tightest of the limits stands."""
        marks = find_response_headers(connection.scope)
        marks[:] = [each for each in marks if each[0] not in _LIMIT_HEADERS]
        config = account.buckets.config
        remaining, full_s = max(0, math.floor(balance.remaining)), math.ceil(balance.full_s)
        policy = f'"{account.policy}";q={config.capacity:.0f};w={compute_window_s(config)}'
        marks += [
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", f'"{account.policy}";r={remaining};t={full_s}'.encode()),
        ]


@lru_cache(maxsize=1_024)
def _name_client(host: str) -> str:
    """Return what an address is counted under: whoever has one IPv6 address has 2**64 of them."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
