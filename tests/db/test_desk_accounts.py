"""Trading accounts in the store: whose they are, and what may be done on them."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest

from strikewire.auth.audit import Actor, AuditTrail
from strikewire.auth.credentials import CredentialKind
from strikewire.auth.key_ring import GivenKeys, KeyRing, make_key
from strikewire.auth.principal import Principal
from strikewire.auth.rotation import KeyRotation
from strikewire.auth.scopes import Scope, collect_scopes
from strikewire.auth.secret_box import SecretBox
from strikewire.core.accounts import Broker, Reach
from strikewire.core.clock import ManualClock
from strikewire.core.errors import (
    AccountClosedError,
    ConflictError,
    InvalidInputError,
    LiveTradingOffError,
    NotFoundError,
    NotPermittedError,
)
from strikewire.core.money import Paise
from strikewire.core.users import Role
from strikewire.desk.accounts import (
    AccountWish,
    BrokerCredentials,
    TradingAccounts,
    TradingAccountsConfig,
)
from strikewire.desk.limits import AccountLimits
from strikewire.store.audit import AuditFilter, AuditStore
from strikewire.store.desk_accounts import AccountFilter, AccountStore, place_credentials
from strikewire.store.schema import metadata
from strikewire.store.sealed import SealedStore
from strikewire.store.users import UserStore
from tests.canaries import CANARY

LIMITS = AccountLimits(500, Paise(100_000_000), Paise(5_000_000), 1_800)
SECRET = BrokerCredentials(api_key=f"{CANARY}-key", api_secret=f"{CANARY}-secret")
ACTOR = Actor("operator")


@pytest.fixture
def ring():
    return KeyRing((make_key(),))


@pytest.fixture
def make_accounts(database, ring):
    def make(**config) -> TradingAccounts:
        return TradingAccounts(
            TradingAccountsConfig(**config),
            database=database,
            store=AccountStore(),
            box=SecretBox(GivenKeys(ring)),
            trail=AuditTrail(database=database, store=AuditStore(), clock=ManualClock()),
            clock=ManualClock(),
        )

    return make


@pytest.fixture
def accounts(make_accounts):
    return make_accounts()


@pytest.fixture
async def people(database):
    """Give principals: two traders and an administrator."""
    roles = {"asha": Role.TRADER, "bela": Role.TRADER, "root": Role.ADMIN}
    found = {}
    async with database.write() as session:
        for login, role in roles.items():
            user = await UserStore().create(session, login=login, roles=[role])
            scopes = collect_scopes([role])
            found[login] = Principal(login, CredentialKind.SESSION, user_id=user.id, scopes=scopes)
    return found


def make_wish(name="Paper", broker=Broker.PAPER, **given) -> AccountWish:
    given = {"opening": Paise(100_000_000), "limits": AccountLimits(), **given}
    if broker is not Broker.PAPER:
        given = {"broker_user": "AB1234", **given, "opening": Paise(0)}
    return AccountWish(name, broker, **given)


@pytest.fixture
def create(database, accounts):
    async def create(principal, wish=None, **given):
        async with database.write() as session:
            return await accounts.create(
                session, wish or make_wish(**given), principal=principal, actor=ACTOR
            )

    return create


async def test_account_is_its_owners_and_the_keepers_of_users_alone(create, accounts, people):
    account = await create(people["asha"])

    for login in ("asha", "root"):
        assert await accounts.get(account.id, principal=people[login]) == account
    with pytest.raises(NotFoundError, match=f"there is no account {account.id}"):
        await accounts.get(account.id, principal=people["bela"])
    with pytest.raises(NotFoundError):
        await accounts.change(account.id, {"name": "mine"}, principal=people["bela"], actor=ACTOR)
    outside = Principal("external:7", CredentialKind.SESSION, account_ids=frozenset({account.id}))
    assert await accounts.get(account.id, principal=outside) == account
    wanted = AccountFilter(Reach(None, outside.account_ids))
    assert await accounts.list_page(wanted, limit=9, offset=0) == ([account], 1)


async def test_name_is_taken_once_for_each_user_also_at_the_same_time(create, accounts, people):
    made = await asyncio.gather(
        *(create(people["asha"], name=name) for name in ("Main", "MAIN", "main")),
        create(people["bela"], name="Main"),
        return_exceptions=True,
    )

    refused = [each for each in made if isinstance(each, Exception)]
    assert [type(each) for each in refused] == [ConflictError, ConflictError]
    other = await create(people["asha"], name="Other")
    with pytest.raises(ConflictError, match="'mAin' is taken"):
        await accounts.change(other.id, {"name": "mAin"}, principal=people["asha"], actor=ACTOR)
    renamed = await accounts.change(
        other.id, {"name": "OTHER"}, principal=people["asha"], actor=ACTOR
    )
    assert renamed.name == "OTHER"


async def test_user_has_so_many_accounts_and_no_more(database, make_accounts, people):
    accounts = make_accounts(max_per_user=2)
    for name in ("a", "b"):
        async with database.write() as session:
            await accounts.create(session, make_wish(name), principal=people["asha"], actor=ACTOR)
    with pytest.raises(ConflictError, match="at most 2 accounts"):
        async with database.write() as session:
            await accounts.create(session, make_wish("c"), principal=people["asha"], actor=ACTOR)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"broker_user": "AB1234"}, "are for accounts with a broker"),
        ({"credentials": SECRET}, "are for accounts with a broker"),
    ],
)
async def test_paper_account_has_nothing_of_a_broker(create, people, given, wanted):
    with pytest.raises(InvalidInputError, match=wanted):
        await create(people["asha"], **given)


async def test_closed_account_stays_and_takes_nothing(create, accounts, database, people):
    asha = people["asha"]
    account = await create(asha)
    closed = await accounts.close(account.id, principal=asha, actor=ACTOR)

    assert closed.closed_ns is not None
    assert await accounts.get(account.id, principal=asha) == closed
    for act in (
        lambda: accounts.close(account.id, principal=asha, actor=ACTOR),
        lambda: accounts.change(account.id, {"name": "x"}, principal=asha, actor=ACTOR),
    ):
        with pytest.raises(AccountClosedError):
            await act()
    with pytest.raises(AccountClosedError):
        async with database.write() as session:
            await accounts.claim(session, account.id, principal=asha)


async def test_user_who_has_an_account_cannot_be_deleted(create, database, people):
    await create(people["asha"])

    with pytest.raises(ConflictError, match="disable this one instead"):
        async with database.write() as session:
            await UserStore().delete(session, people["asha"].user_id)


@pytest.mark.promise("S18")
async def test_credentials_are_ciphertext_and_rotation_seals_them_again(
    create, database, database_url, people, ring
):
    wish = make_wish("Kite", Broker.KITE, credentials=SECRET)
    account = await create(people["asha"], wish)
    other = await create(people["bela"], wish)
    new = make_key()

    keys = GivenKeys(KeyRing((new, *ring.keys)))
    rotation = KeyRotation(
        database=database,
        store=SealedStore(metadata),
        keys=keys,
        trail=AuditTrail(database=database, store=AuditStore(), clock=ManualClock()),
    )
    done = await rotation.run(ACTOR)

    assert done["accounts.sealed_credentials"] == 2
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT id, sealed_credentials, a::text FROM accounts a")
    await connection.close()
    assert all(CANARY.encode() not in row["sealed_credentials"] for row in rows)
    sealed = {row["id"]: row["sealed_credentials"] for row in rows}
    box = SecretBox(GivenKeys(KeyRing((new,))))
    opened = json.loads(box.open(sealed[account.id], place_credentials(account.id)))
    assert opened == {"api_key": SECRET.api_key, "api_secret": SECRET.api_secret}
    # Copied to another account's row it opens nothing.
    with pytest.raises(Exception, match="not what was sealed"):
        box.open(sealed[account.id], place_credentials(other.id))


@pytest.mark.promise("S18")
async def test_credentials_are_told_nowhere(create, accounts, database, people):
    wish = make_wish("Kite", Broker.KITE, credentials=SECRET)
    account = await create(people["asha"], wish)
    changed = await accounts.change(
        account.id, {"credentials": SECRET}, principal=people["asha"], actor=ACTOR
    )

    async with database.read() as session:
        rows, _ = await AuditStore().list_page(session, AuditFilter(), limit=9)
    assert {row.entry.action for row in rows} == {"account.create", "account.change"}
    told = repr((wish, account, changed, account.to_json(), rows))
    assert "has_credentials" in told
    assert CANARY not in told


@pytest.mark.promise("S25")
async def test_account_is_live_only_when_all_that_takes_is_there(make_accounts, database, people):
    admin, trader = people["root"], people["asha"]
    accounts, off = make_accounts(is_live_allowed=True), make_accounts()
    live = {"is_live": True}
    async with database.write() as session:
        account = await accounts.create(
            session, make_wish("Kite", Broker.KITE), principal=admin, actor=ACTOR
        )
        paper = await accounts.create(session, make_wish(), principal=admin, actor=ACTOR)

    async def change(changes, principal=admin, accounts=accounts, account_id=account.id):
        return await accounts.change(account_id, changes, principal=principal, actor=ACTOR)

    with pytest.raises(LiveTradingOffError, match="a paper account never does"):
        await change(live, account_id=paper.id)
    with pytest.raises(LiveTradingOffError, match="no credentials"):
        await change(live)
    await change({"credentials": SECRET})
    with pytest.raises(LiveTradingOffError, match="no max_orders_per_day, max_order_value"):
        await change(live)
    await change({"limits": LIMITS})
    with pytest.raises(LiveTradingOffError, match="STRIKEWIRE_LIVE_TRADING is off"):
        await change(live, accounts=off)
    bare = Principal("bare", CredentialKind.SESSION, user_id=admin.user_id, scopes=trader.scopes)
    with pytest.raises(NotPermittedError, match="orders:live"):
        await change(live, principal=bare)
    assert (await change(live)).is_live

    # What it took has to stay.
    with pytest.raises(LiveTradingOffError, match="no max_loss_per_day"):
        await change({"limits": AccountLimits(500, Paise(1), None, 5)})
    with pytest.raises(NotPermittedError, match="orders:live"):
        await change({"limits": LIMITS}, principal=bare)
    # Everything is there, and this version sends nothing to a real exchange.
    for tried, wanted in ((off, "STRIKEWIRE_LIVE_TRADING is off"), (accounts, "in this version")):
        with pytest.raises(LiveTradingOffError, match=wanted):
            async with database.write() as session:
                await tried.claim(session, account.id, principal=admin)
    assert Scope.ORDERS_LIVE not in trader.scopes
