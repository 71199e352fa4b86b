from __future__ import annotations

from dataclasses import replace

import pytest

from strikewire.auth.credentials import Caller, CredentialKind, Credentials
from strikewire.auth.demo import is_loopback
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.errors import NotAuthenticatedError, NotPermittedError
from tests.unit.auth.demo_users import make_demo

LOCAL = Caller(
    address="127.0.0.1",
    method="GET",
    host="localhost:8081",
    is_forwarded=False,
    is_cross_site=False,
)


async def find(caller, **given):
    return await make_demo(**given).find_principal(caller)


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "LOCALHOST", "[::1]:8081", "127.0.0.1"])
async def test_caller_at_this_machine_is_the_demo_principal(host):
    principal = await find(replace(LOCAL, host=host))

    assert principal is not None
    assert principal.scopes == frozenset(Scope)
    assert (principal.subject, principal.user_id) == ("demo", 1)


@pytest.mark.parametrize(
    "caller",
    [
        replace(LOCAL, address="192.0.2.7"),
        replace(LOCAL, address=None),
        replace(LOCAL, is_forwarded=True),
        replace(LOCAL, host="desk.example.com"),
        replace(LOCAL, host="127.0.0.1.example.com"),
        replace(LOCAL, host=""),
        replace(LOCAL, method="POST", is_cross_site=True),
        replace(LOCAL, method="POST", is_other_origin=True),
        replace(LOCAL, credentials=Credentials(api_key="of somebody")),
    ],
    ids=[
        "remote",
        "unknown",
        "proxied",
        "rebound",
        "rebound-prefix",
        "no-host",
        "cross-site",
        "other-port",
        "key",
    ],
)
async def test_caller_from_elsewhere_is_nobody(caller):
    assert await find(caller) is None


ALL_ADDRESSES = ["0.0.0.0", "::"]  # noqa: S104 - what must not be trusted


@pytest.mark.parametrize("bind_host", [*ALL_ADDRESSES, "192.0.2.1", "desk.example.com"])
async def test_nobody_is_the_demo_principal_beyond_loopback(bind_host):
    assert await find(LOCAL, bind_host=bind_host) is None


async def test_nobody_is_the_demo_principal_once_somebody_has_an_account():
    assert await find(LOCAL, account=None) is None


async def test_demo_principal_ends_when_somebody_has_an_account():
    principal = await find(LOCAL)

    with pytest.raises(NotAuthenticatedError, match="while nobody has an account"):
        await make_demo(account=None).renew_principal(principal, LOCAL)


async def test_nobody_is_the_demo_principal_when_switched_off():
    assert await find(LOCAL, is_allowed=False) is None


@pytest.mark.parametrize(
    ("host", "wanted"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True),
     ("10.0.0.1", False), ("localhost.example.com", False), ("", False)],
)  # fmt: skip
def test_is_loopback(host, wanted):
    assert is_loopback(host) is wanted


def test_principal_without_a_scope_is_refused():
    principal = Principal("somebody", CredentialKind.DEMO, scopes=frozenset({Scope.BARS_READ}))

    principal.require(Scope.BARS_READ)
    with pytest.raises(NotPermittedError, match="replay:control"):
        principal.require(Scope.REPLAY_CONTROL)


async def test_demo_principal_goes_on_at_this_machine_and_nowhere_else():
    demo = make_demo()
    principal = await demo.find_principal(LOCAL)
    with_key = replace(LOCAL, credentials=Credentials(api_key="not looked at"))

    assert await demo.renew_principal(principal, with_key) == principal
    with pytest.raises(NotAuthenticatedError, match="this machine"):
        await demo.renew_principal(principal, replace(LOCAL, address="192.0.2.7"))
