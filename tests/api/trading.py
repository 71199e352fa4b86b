"""Traders with paper accounts, for tests of what is done on them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from strikewire.auth.credentials import CredentialKind
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Role
from strikewire.core.accounts import Broker
from strikewire.core.money import Paise
from strikewire.core.users import User
from strikewire.desk.accounts import AccountWish
from strikewire.desk.limits import AccountLimits
from strikewire.settings import Settings
from tests.api.conftest import Service, serve
from tests.api.people import OPERATOR, add_user, browse
from tests.eventually import eventually

#: An account that nobody has.
NOBODYS = 2_000_000


@dataclass(frozen=True)
class Trader:
    """Somebody who is signed in, and their account."""

    user: User
    client: httpx.AsyncClient
    account_id: int

    @property
    def principal(self) -> Principal:
        """Who they are past the API."""
        return Principal(self.user.login, CredentialKind.SESSION, user_id=self.user.id)


@dataclass(frozen=True)
class Contract:
    """A contract that is quoted: its lot, and its last price in rupees."""

    symbol: str
    lot: int
    last: float

    def price(self, fraction: float) -> str:
        """Return a price so far from the last one, a whole number of steps."""
        return f"{max(1, round(self.last * fraction / 0.05)) * 0.05:.2f}"


async def add_account(
    service: Service, user: User, name: str = "paper", opening: int = 10**9, **limits: Any
) -> int:
    """Make a paper account, with a crore."""
    wish = AccountWish(name, Broker.PAPER, Paise(opening), AccountLimits(**limits))
    principal = Principal(user.login, CredentialKind.SESSION, user_id=user.id)
    async with service.runtime.database.write() as session:
        account = await service.runtime.desk.accounts.create(
            session, wish, principal=principal, actor=OPERATOR
        )
    return account.id


@contextlib.asynccontextmanager
async def trade(service: Service, login: str, role: Role = Role.TRADER) -> AsyncIterator[Trader]:
    """Give somebody an account, and sign them in."""
    user = await add_user(service, login, role)
    account_id = await add_account(service, user)
    async with browse(service, login) as client:
        yield Trader(user, client, account_id)


@contextlib.asynccontextmanager
async def serve_standing_market(settings: Settings, request: Any) -> AsyncIterator[Service]:
    """Serve an invented market with options, which stands still after its first minutes."""
    async with serve(settings, replay=request) as service:
        await add_user(service, "keeper", Role.ADMIN)
        async with browse(service, "keeper") as keeper:

            async def has_begun() -> bool:
                chain = await keeper.get("/api/v1/fo/chain?underlying=NIFTY")
                return chain.status_code == 200 and chain.json()["figures"]["atm_iv"] is not None

            await eventually(has_begun, timeout_s=60.0)
            await keeper.post("/api/v1/replay", json={"action": "pause"})
        yield service


async def find_contract(client: httpx.AsyncClient) -> Contract:
    """Return a call near the money."""
    chain = (await client.get("/api/v1/fo/chain?underlying=NIFTY")).json()
    place = chain["strikes"].index(chain["figures"]["atm_strike"]) - 1
    calls = chain["calls"]
    return Contract(calls["symbol"][place], chain["lot_size"], calls["ltp"][place])
