from __future__ import annotations

from dataclasses import replace

import pytest

from strikewire.auth.credentials import Caller, CredentialKind, Credentials, parse_authorization
from strikewire.auth.identity import Identity
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.errors import NotAuthenticatedError
from tests.unit.auth.demo_users import make_demo

LOCAL = Caller(
    address="127.0.0.1", method="GET", host="localhost", is_forwarded=False, is_cross_site=False
)


class Keys:
    """Knows one key, as an authenticator does."""

    async def find_principal(self, caller):
        key = caller.credentials.api_key
        if key is None:
            return None
        if key != "good":
            msg = "an unknown key"
            raise NotAuthenticatedError(msg)
        return Principal("robot", CredentialKind.DEMO)

    async def renew_principal(self, principal, _caller):
        return principal if principal.subject == "robot" else None


@pytest.fixture
def identity():
    return Identity([Keys(), make_demo()])


async def test_the_first_that_knows_the_caller_decides(identity):
    known = await identity.authenticate(replace(LOCAL, credentials=Credentials(api_key="good")))

    assert known.subject == "robot"
    assert (await identity.authenticate(LOCAL)).subject == "demo"


async def test_a_bad_credential_is_not_passed_over(identity):
    with pytest.raises(NotAuthenticatedError, match="unknown key"):
        await identity.authenticate(replace(LOCAL, credentials=Credentials(api_key="bad")))
    with pytest.raises(NotAuthenticatedError, match="good was wanted"):
        await identity.authenticate(replace(LOCAL, credentials=Credentials(bearer="a.b.c")))


async def test_nobody_is_told_that_nothing_came(identity):
    with pytest.raises(NotAuthenticatedError, match="carries none"):
        await identity.authenticate(replace(LOCAL, address="192.0.2.7"))


async def test_the_one_that_knows_a_principal_renews_it(identity):
    demo = await identity.authenticate(LOCAL)
    robot = Principal("robot", CredentialKind.DEMO)

    assert await identity.renew(robot, LOCAL) == robot
    assert (await identity.renew(demo, LOCAL)).subject == "demo"
    with pytest.raises(NotAuthenticatedError, match="good was wanted"):
        await Identity([Keys()]).renew(demo, LOCAL)


async def test_renewed_principal_may_never_do_more_than_before(identity):
    demo = await identity.authenticate(LOCAL)
    narrow = replace(demo, scopes=frozenset({Scope.BARS_READ}))

    assert (await identity.renew(narrow, LOCAL)).scopes == {Scope.BARS_READ}


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer  ", "", "token"])
def test_another_scheme_is_refused(value):
    with pytest.raises(NotAuthenticatedError, match="Bearer TOKEN"):
        parse_authorization(value)


def test_bearer_is_read_whatever_its_case():
    assert parse_authorization("bearer  abc ") == "abc"


def test_no_representation_shows_a_secret():
    assert "canary" not in repr(Credentials(bearer="canary", api_key="canary"))
