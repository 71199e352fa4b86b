"""People for tests: accounts on a running server, and clients that are signed in as them."""

from __future__ import annotations

from contextlib import asynccontextmanager

from strikewire.auth.accounts import NewUser
from strikewire.auth.audit import Actor
from strikewire.auth.scopes import Role
from tests.api.conftest import make_database, make_settings, serve
from tests.clients import open_client

#: In whose name tests change accounts past the API.
OPERATOR = Actor("operator")
PASSWORD = "correct horse battery staple"
#: The least that Argon2id takes here, so that a test does not take as long as a login.
FAST = {"password_time_cost": 1, "password_memory_kib": 8 * 1024, "password_parallelism": 1}


def make_people_settings(url, **given):
    """Make settings under which nobody but who is signed in may do anything, and as often."""
    return make_settings(url, **{"demo_principal": False, "rate_limit": False, **FAST, **given})


@asynccontextmanager
async def serve_people(postgres_url, **given):
    """Serve a database of its own under such settings, as yet without an account."""
    async with make_database(postgres_url) as url, serve(make_people_settings(url, **given)) as it:
        yield it


async def add_user(service, login, *roles, password=PASSWORD, **given):
    """Make an account, a viewer's unless roles are given."""
    new = NewUser(login, frozenset(roles or {Role.VIEWER}), password=password, **given)
    return await service.runtime.people.accounts.create(new, actor=OPERATOR)


async def log_in(service, login, password=PASSWORD, **headers):
    """Sign a browser in and return the answer."""
    async with open_client(service.url, timeout=30) as client:
        return await client.post(
            "/api/v1/auth/login", json={"login": login, "password": password}, headers=headers
        )


async def issue_tokens(service, login, password=PASSWORD):
    """Sign a program in and return its tokens."""
    async with open_client(service.url, timeout=30) as client:
        answer = await client.post(
            "/api/v1/auth/tokens", json={"login": login, "password": password}
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


@asynccontextmanager
async def browse(service, login, password=PASSWORD):
    """Give a client that is signed in as a browser is, and sends the session's token."""
    async with open_client(service.url, timeout=30) as client:
        answer = await client.post(
            "/api/v1/auth/login", json={"login": login, "password": password}
        )
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        yield client


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def get_me(service, **headers):
    """Ask who one is, with these headers and nothing else."""
    async with open_client(service.url, timeout=30) as client:
        return await client.get("/api/v1/auth/me", headers=headers)
