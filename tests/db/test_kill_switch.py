"""The kill switch against orders that are placed at the same time, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import date

import pytest

from strikewire.auth.audit import Actor, AuditTrail
from strikewire.auth.credentials import CredentialKind
from strikewire.auth.key_ring import GivenKeys, KeyRing, make_key
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import collect_scopes
from strikewire.auth.secret_box import SecretBox
from strikewire.core.accounts import Broker, Reach
from strikewire.core.clock import ManualClock
from strikewire.core.errors import AccountHaltedError, ConflictError
from strikewire.core.money import Paise, to_pips
from strikewire.core.orders import (
    Cancellation,
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    Validity,
)
from strikewire.core.users import Role
from strikewire.desk.accounts import AccountWish, TradingAccounts, TradingAccountsConfig
from strikewire.desk.kill_switch import KillSwitch
from strikewire.desk.limits import AccountLimits
from strikewire.desk.order_progress import OrderUpdate, advance
from strikewire.store.audit import AuditFilter, AuditStore
from strikewire.store.desk_accounts import AccountStore
from strikewire.store.desk_orders import NewOrder, OrderFilter, OrderStep, OrderStore
from strikewire.store.users import UserStore

ACTOR = Actor("operator")
PLACERS = 8


@pytest.fixture
async def database(make_database):
    """Give a pool whose sessions wait for locks as long as a slow machine takes."""
    return await make_database(lock_timeout_s=30.0)


@pytest.fixture
def trail(database):
    return AuditTrail(database=database, store=AuditStore(), clock=ManualClock())


@pytest.fixture
def accounts(database, trail):
    return TradingAccounts(
        TradingAccountsConfig(),
        database=database,
        store=AccountStore(),
        box=SecretBox(GivenKeys(KeyRing((make_key(),)))),
        trail=trail,
        clock=ManualClock(),
    )


@pytest.fixture
def switch(database, trail):
    return KillSwitch(
        database=database,
        accounts=AccountStore(),
        orders=OrderStore(),
        trail=trail,
        clock=ManualClock(),
        wake=lambda: None,
    )


@pytest.fixture
async def trader(database):
    async with database.write() as session:
        user = await UserStore().create(session, login="asha", roles=[Role.TRADER])
    scopes = collect_scopes([Role.TRADER])
    return Principal("asha", CredentialKind.SESSION, user_id=user.id, scopes=scopes)


@pytest.fixture
def place(database, accounts, trader, instrument):
    """Return a function that places an order as a request does."""
    numbers = itertools.count(1)
    terms = OrderTerms(
        instrument.id, Side.BUY, OrderType.LIMIT, Product.NRML, Validity.DAY, 75, to_pips(100.0)
    )

    async def place(account):
        async with database.write() as session:
            await accounts.claim(session, account.id, principal=trader)
            new = NewOrder(
                account_id=account.id, terms=terms, tag=f"t{next(numbers)}", mode="simulated",
                trading_day=date(2026, 11, 20), placed_by="asha",
            )  # fmt: skip
            (order,) = await OrderStore().insert(session, [new])
        return order

    return place


@pytest.fixture
def create(database, accounts, trader):
    async def create(name):
        wish = AccountWish(name, Broker.PAPER, Paise(1_000_000), AccountLimits())
        async with database.write() as session:
            return await accounts.create(session, wish, principal=trader, actor=ACTOR)

    return create


async def load_orders(database, account):
    async with database.read() as session:
        wanted = OrderFilter(account_id=account.id)
        orders, _ = await OrderStore().list_page(session, wanted, limit=1_000)
    return orders


@pytest.mark.promise("S25")
async def test_no_order_stands_that_was_placed_around_the_kill_switch(
    create, place, switch, database, trader
):
    account, other = await create("one"), await create("another")
    standing = await place(other)
    begun = asyncio.Event()

    async def keep_placing():
        while True:
            await place(account)
            begun.set()

    async def place_until_halted():
        with pytest.raises(AccountHaltedError, match="halted: fat finger"):
            await keep_placing()

    async with asyncio.TaskGroup() as group:
        for _ in range(PLACERS):
            group.create_task(place_until_halted())
        await begun.wait()
        halt = await switch.halt(account.id, "fat finger", principal=trader, actor=ACTOR)

    orders = await load_orders(database, account)
    assert len(orders) == halt.cancelled > 0
    assert {each.wish for each in orders} == {Cancellation("halted: fat finger")}
    assert await load_orders(database, other) == [standing]


@pytest.mark.promise("S25")
async def test_switch_leaves_what_is_over_and_does_not_wish_twice(
    create, place, switch, database, trader
):
    account, second = await create("one"), await create("two")
    done, open_ = await place(account), await place(account)
    progress = advance(done.progress, OrderUpdate(done.id, OrderState.REJECTED, reason="x"))
    async with database.write() as session:
        await OrderStore().save(session, [OrderStep(replace(done, progress=progress))])
    other = await place(second)

    first = await switch.halt(account.id, "one", principal=trader, actor=ACTOR)
    again = await switch.halt_all(Reach(trader.user_id), "two", actor=ACTOR)

    assert (first.cancelled, again.cancelled) == (1, 2)
    assert [each.halted_because for each in again.accounts] == ["one", "two"]
    found = {each.id: each for each in await load_orders(database, account)}
    assert found[done.id].wish is None
    assert found[open_.id].wish == Cancellation("halted: one")
    assert found[open_.id].progress.revision == 2
    (elsewhere,) = await load_orders(database, second)
    assert (elsewhere.id, elsewhere.wish) == (other.id, Cancellation("halted: two"))
    async with database.read() as session:
        events = await OrderStore().load_events(session, open_.id)
        rows, _ = await AuditStore().list_page(session, AuditFilter(), limit=2)
    assert events[-1].details == {"by": "operator", "cancel": "halted: one"}
    assert [row.entry.action for row in rows] == ["account.halt_all", "account.halt"]
    assert rows[0].entry.before == {"halted": [account.id]}
    assert rows[0].entry.after["halted"] == [account.id, second.id]


async def test_resumed_account_takes_orders_again_and_none_is_closed_over_them(
    create, place, switch, accounts, trader
):
    account = await create("one")
    await switch.halt(account.id, "a pause", principal=trader, actor=ACTOR)
    with pytest.raises(AccountHaltedError):
        await place(account)
    resumed = await switch.resume(account.id, principal=trader, actor=ACTOR)

    assert resumed == account
    await place(account)
    with pytest.raises(ConflictError, match="found 1 of them"):
        await accounts.close(account.id, principal=trader, actor=ACTOR)
