"""Access tokens over time: the keys are in a real database, the clock is moved by hand."""

from __future__ import annotations

import uuid

import pytest

from strikewire.auth.access_tokens import AccessTokens, AccessTokensConfig
from strikewire.auth.audit import Actor, AuditTrail
from strikewire.auth.credentials import Refusal
from strikewire.auth.directory import IdentityStores
from strikewire.auth.key_ring import GivenKeys, KeyRing, make_key
from strikewire.auth.secret_box import SecretBox
from strikewire.auth.signed_tokens import ProvenTokens
from strikewire.auth.signing_keys import SigningKeys, SigningKeysConfig
from strikewire.core.clock import ManualClock
from strikewire.core.errors import CredentialRefusedError
from strikewire.core.instants import SECOND_NS
from strikewire.core.users import Role
from strikewire.store.audit import AuditStore
from strikewire.store.login_sessions import LoginSessionStore
from strikewire.store.setup_links import SetupLinkStore
from strikewire.store.signing_keys import SigningKeyStore
from strikewire.store.users import UserStore

SESSION_ID = uuid.UUID(int=7)


@pytest.fixture
def clock():
    return ManualClock(1_795_000_000 * SECOND_NS)


@pytest.fixture
def keys(database, clock):
    stores = IdentityStores(
        database,
        UserStore(),
        LoginSessionStore(),
        SetupLinkStore(),
        SigningKeyStore(),
        AuditTrail(database=database, store=AuditStore(), clock=clock),
    )
    box = SecretBox(GivenKeys(KeyRing((make_key(),))))
    return SigningKeys(SigningKeysConfig(), stores=stores, box=box, clock=clock)


@pytest.fixture
def tokens(keys, clock):
    return AccessTokens(AccessTokensConfig(ttl_s=600, leeway_s=5), keys=keys, clock=clock)


@pytest.fixture
async def token(database, tokens):
    async with database.write() as session:
        user = await UserStore().create(session, login="asha", roles=[Role.TRADER])
    return await tokens.issue(user, SESSION_ID)


@pytest.mark.promise("S6")
async def test_token_is_good_until_it_expires_however_often_it_was_shown(tokens, token, clock):
    first = await tokens.verify(token)
    clock.advance(604 * SECOND_NS)
    again = await tokens.verify(token)
    clock.advance(SECOND_NS)

    assert again == first
    assert first.session_id == SESSION_ID
    with pytest.raises(CredentialRefusedError) as refusal:
        await tokens.verify(token)
    assert refusal.value.reason == Refusal.EXPIRED


@pytest.mark.promise("S6")
async def test_token_from_the_future_is_refused(tokens, token, clock):
    clock.advance(-6 * SECOND_NS)

    with pytest.raises(CredentialRefusedError) as refusal:
        await tokens.verify(token)
    assert refusal.value.reason == Refusal.NOT_YET


@pytest.mark.promise("S7")
async def test_token_that_was_proven_is_refused_when_its_key_is_dropped(keys, tokens, token):
    await tokens.verify(token)
    await keys.rotate(actor=Actor("a test"), is_compromised=True)

    with pytest.raises(CredentialRefusedError) as refusal:
        await tokens.verify(token)
    assert refusal.value.reason == Refusal.UNKNOWN_KEY


def test_as_many_proven_tokens_are_remembered_as_there_is_room_for():
    proven = ProvenTokens(capacity=2)
    for name in ("a", "b"):
        proven.remember(name, "key", {})
    proven.find("a")
    proven.remember("c", "key", {})

    assert [proven.find(name) is not None for name in "abc"] == [True, False, True]
