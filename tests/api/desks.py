"""A server with users and keys, and nobody who is let in for sitting at the machine."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from strikewire.auth.api_keys import KeyWish, NewApiKey
from strikewire.core.users import Role, User
from strikewire.store.users import UserStore
from tests.api.conftest import Service, make_database, make_settings, serve
from tests.api.cut import CuttableWay
from tests.api.people import OPERATOR

MASTER_KEY = "canary-master-key-0123456789-abcdefghijklmnop"
MASTER = {"X-API-Key": MASTER_KEY}


@dataclass(frozen=True)
class Desk:
    """A running server, and how to talk to it as somebody."""

    service: Service
    url: str
    users: dict[str, User]
    way: CuttableWay | None = None

    @property
    def client(self) -> httpx.AsyncClient:
        return self.service.client

    async def make_key(self, login: str = "asha", **wish: Any) -> NewApiKey:
        """Make a key as the command line does."""
        keys = self.service.runtime.keys
        async with self.service.runtime.database.write() as session:
            return await keys.create(
                session,
                KeyWish(**{"name": "robot", **wish}),
                principal=None,
                actor=OPERATOR,
                user_id=self.users[login].id,
            )

    async def add_user(self, login: str, role: Role = Role.TRADER) -> None:
        """Make an account that a test may spoil."""
        async with self.service.runtime.database.write() as session:
            self.users[login] = await UserStore().create(session, login=login, roles=[role])

    async def execute(self, query: str, *values: Any) -> None:
        """Change the database behind the server's back, as another process would."""
        connection = await asyncpg.connect(self.url)
        await connection.execute(query, *values)
        await connection.close()

    async def change_user(self, login: str, **changes: Any) -> None:
        """Change somebody's account, past the service that does it."""
        async with self.service.runtime.database.write() as session:
            await UserStore().change(session, self.users[login].id, **changes)


def show(key: NewApiKey) -> dict[str, str]:
    """Return the header by which a program shows a key."""
    return {"X-API-Key": key.text.text}


@contextlib.asynccontextmanager
async def open_desk(
    postgres_url: str, *, way_folder: Path | None = None, **given: Any
) -> AsyncIterator[Desk]:
    """Serve a database of its own with two traders, two viewers and an administrator.

    Parameters
    ----------
    way_folder : where a way to the database begins that can be cut; None: there is none.
    """
    async with make_database(postgres_url) as url:
        # These tests ask without pause, and often badly.
        always = {"master_api_key": MASTER_KEY, "demo_principal": False, "rate_limit": False}
        given = always | given
        way = None if way_folder is None else CuttableWay(way_folder, url)
        if way is not None:
            await way.open()
        async with serve(make_settings(url if way is None else way.url, **given)) as service:
            async with service.runtime.database.write() as session:
                users = {
                    login: await UserStore().create(session, login=login, roles=[role])
                    for login, role in (
                        ("asha", Role.TRADER),
                        ("bela", Role.TRADER),
                        ("vijay", Role.VIEWER),
                        ("many", Role.VIEWER),
                        ("root", Role.ADMIN),
                    )
                }
            yield Desk(service, url, users, way)
        if way is not None:
            await way.cut()
