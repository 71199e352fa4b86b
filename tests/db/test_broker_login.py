"""The broker's token on a real database: sealed, shared, dead in the morning or when refused."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import numpy as np
import pytest
from sqlalchemy import text

from strikewire.auth.audit import Actor, AuditTrail
from strikewire.auth.key_ring import GivenKeys, KeyRing, make_key
from strikewire.auth.rotation import KeyRotation
from strikewire.auth.secret_box import SecretBox
from strikewire.core.clock import ManualClock
from strikewire.core.errors import BrokerTokenError
from strikewire.core.instants import HOUR_NS, from_datetime
from strikewire.feeds.kite.config import KiteKeys, KiteLoginConfig, KiteRestConfig
from strikewire.feeds.kite.login import KiteLogin
from strikewire.feeds.kite.transport import KiteTransport
from strikewire.live.broker_login import BrokerLogin, BrokerLoginConfig, LoginState, LoginStores
from strikewire.resilience.supervisor import Supervisor
from strikewire.store import schema
from strikewire.store.audit import AuditFilter, AuditStore
from strikewire.store.broker_logins import BrokerLoginStore
from strikewire.store.sealed import SealedStore
from tests.eventually import eventually
from tests.fakebroker import API_KEY, API_SECRET

ANNA = Actor("user:anna")
MORNING_NS = from_datetime(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))
#: 06:00 over there.
DEATH_NS = from_datetime(datetime(2026, 11, 21, 0, 30, tzinfo=UTC))


@pytest.fixture
def clock():
    return ManualClock(MORNING_NS)


@pytest.fixture
async def make_program(database, fake_broker, clock):
    """Return a function that makes what a program has, with a key ring and an API key."""
    opened = []

    def make(ring, *, api_key=API_KEY) -> BrokerLogin:
        transport = KiteTransport(
            config=KiteRestConfig(url=fake_broker.rest_url), rng=np.random.default_rng(0)
        )
        opened.append(transport)
        return BrokerLogin(
            config=BrokerLoginConfig(interval_s=0.02),
            login=KiteLogin(
                config=KiteLoginConfig(url=fake_broker.login_url),
                keys=KiteKeys(api_key, API_SECRET),
                transport=transport,
                clock=clock,
            ),
            stores=LoginStores(
                database=database,
                logins=BrokerLoginStore(),
                box=SecretBox(GivenKeys(ring)),
                trail=AuditTrail(database=database, store=AuditStore(), clock=clock),
            ),
            clock=clock,
        )

    yield make
    for each in opened:
        await each.aclose()


@pytest.fixture
def ring():
    return KeyRing((make_key(),))


async def test_login_is_good_here_and_in_every_other_program(make_program, ring, fake_broker):
    here, there = make_program(ring), make_program(ring)
    assert (here.status().state, here.find_token()) == (LoginState.NONE, None)

    status = await here.exchange(fake_broker.begin_login(), actor=ANNA)
    await there.load()

    assert status.state is LoginState.VALID
    assert (status.issued_ns, status.dies_ns) == (MORNING_NS, DEATH_NS)
    assert here.find_token() is not None
    assert there.find_token() == here.find_token()
    assert there.status() == status


async def test_login_is_in_the_audit_log_and_its_token_is_not(
    make_program, ring, fake_broker, database
):
    program = make_program(ring)
    await program.exchange(fake_broker.begin_login(), actor=ANNA)
    await program.exchange(fake_broker.begin_login(), actor=ANNA)

    async with database.read() as session:
        rows, _ = await AuditStore().list_page(session, AuditFilter(), limit=9)
    entries = [row.entry for row in rows]
    assert [(each.action, each.object_id, each.subject) for each in entries] == [
        ("broker.login", "kite", "user:anna")
    ] * 2
    assert entries[1].before is None
    assert entries[0].before == entries[1].after
    assert program.find_token().value not in str(entries)


async def test_token_dies_at_the_hour(make_program, ring, fake_broker, clock):
    program = make_program(ring)
    await program.exchange(fake_broker.begin_login(), actor=ANNA)

    clock.set(DEATH_NS - 1)
    assert program.status().state is LoginState.VALID
    clock.set(DEATH_NS)

    assert (program.status().state, program.find_token()) == (LoginState.EXPIRED, None)
    await program.exchange(fake_broker.begin_login(), actor=ANNA)
    assert program.status().state is LoginState.VALID


async def test_token_that_the_broker_refuses_is_dead_everywhere_within_seconds(
    make_program, ring, fake_broker, clock
):
    here, there = make_program(ring), make_program(ring)
    async with follow(here, there):
        await here.exchange(fake_broker.begin_login(), actor=ANNA)
        await eventually(lambda: there.find_token() is not None)
        first = here.find_token()
        clock.advance(HOUR_NS)

        here.refuse(first)

        assert (here.status().state, here.find_token()) == (LoginState.REFUSED, None)
        assert here.status().refused_ns == MORNING_NS + HOUR_NS
        # What is read before the database knows brings nothing back.
        await here.load()
        assert here.status().state is LoginState.REFUSED
        await eventually(lambda: there.status() == here.status())

        await there.exchange(fake_broker.begin_login(), actor=ANNA)
        await eventually(lambda: here.status().state is LoginState.VALID)
    assert here.find_token() == there.find_token() != first


async def test_old_token_that_is_refused_late_does_not_end_the_new_login(
    make_program, ring, fake_broker
):
    program = make_program(ring)
    await program.exchange(fake_broker.begin_login(), actor=ANNA)
    first = program.find_token()
    await program.exchange(fake_broker.begin_login(), actor=ANNA)

    program.refuse(first)

    assert program.status().state is LoginState.VALID


async def test_request_token_that_is_no_good_leaves_the_login_as_it_is(
    make_program, ring, fake_broker
):
    program = make_program(ring)
    used = fake_broker.begin_login()
    await program.exchange(used, actor=ANNA)
    good = program.find_token()

    with pytest.raises(BrokerTokenError, match="begin the login again"):
        await program.exchange(used, actor=ANNA)

    assert program.find_token() == good


async def test_request_token_is_not_spent_while_the_database_is_away(
    make_program, ring, fake_broker, database
):
    program = make_program(ring)
    request_token = fake_broker.begin_login()
    async with database.write() as session:
        await session.execute(text("ALTER TABLE broker_login RENAME TO gone"))
    with pytest.raises(Exception, match="broker_login"):
        await program.exchange(request_token, actor=ANNA)

    async with database.write() as session:
        await session.execute(text("ALTER TABLE gone RENAME TO broker_login"))

    assert (await program.exchange(request_token, actor=ANNA)).state is LoginState.VALID


async def test_login_made_with_another_key_of_the_desk_is_none(make_program, ring, fake_broker):
    await make_program(ring).exchange(fake_broker.begin_login(), actor=ANNA)

    other = make_program(ring, api_key="another")
    await other.load()

    assert (other.status().state, other.find_token()) == (LoginState.NONE, None)
    assert "STRIKEWIRE_KITE_API_KEY" in other.status().reason


async def test_program_without_the_key_says_so_and_takes_the_login_up_once_it_is_resealed(
    make_program, ring, fake_broker, database
):
    first, later = make_program(ring), KeyRing((make_key(),))
    await first.exchange(fake_broker.begin_login(), actor=ANNA)
    stranger = make_program(later)
    await stranger.load()
    assert stranger.status().state is LoginState.NONE
    assert "STRIKEWIRE_SECRET_KEYS" in stranger.status().reason

    await rotate(database, KeyRing(later.keys + ring.keys))
    await stranger.load()

    assert stranger.find_token() == first.find_token()


@pytest.mark.promise("S18")
async def test_token_is_ciphertext_and_rotation_seals_it_again(
    make_program, ring, fake_broker, database, database_url
):
    program = make_program(ring)
    await program.exchange(fake_broker.begin_login(), actor=ANNA)
    token, before = program.find_token(), await read_row(database_url)
    for secret in (token.value, token.api_key):
        assert all(secret.encode() not in bytes(str(each), "utf-8") for each in before.values())
        assert secret.encode() not in before["sealed_token"]

    new = make_key()
    done = await rotate(database, KeyRing((new, *ring.keys)))

    assert done["broker_login.sealed_token"] == 1
    after = await read_row(database_url)
    assert after["sealed_token"] != before["sealed_token"]
    assert after["login_id"] == before["login_id"]
    fresh = make_program(KeyRing((new,)))
    await fresh.load()
    assert fresh.find_token() == token
    # Who is running goes on without opening it again.
    await program.load()
    assert program.find_token() == token


async def rotate(database, ring):
    rotation = KeyRotation(
        database=database,
        store=SealedStore(schema.metadata),
        keys=GivenKeys(ring),
        trail=AuditTrail(database=database, store=AuditStore(), clock=ManualClock()),
    )
    return await rotation.run(ANNA)


async def read_row(database_url):
    connection = await asyncpg.connect(database_url)
    row = await connection.fetchrow("SELECT * FROM broker_login")
    await connection.close()
    return dict(row)


@asynccontextmanager
async def follow(*programs):
    """Let programs follow the database."""
    async with Supervisor(rng=np.random.default_rng(0)) as supervisor:
        for number, program in enumerate(programs):
            supervisor.start(str(number), program.run)
        yield
