"""Strategies and their ledgers in their real tables."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.dialects.postgresql import insert

from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import SECOND_NS, to_datetime
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import MarketMoment, OrderId, StrategyEntry
from strikewire.core.strategies import (
    AlertKind,
    EntryNote,
    EntrySource,
    StrategyAlert,
    StrategyTerms,
)
from strikewire.core.users import Role
from strikewire.store.desk_ledgers import LedgerStore, StrategyAlertStore
from strikewire.store.desk_schema import AccountRow
from strikewire.store.desk_strategies import StrategyFilter, StrategyState, StrategyStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.users import UserStore
from tests.eventually import eventually

AT = MarketMoment(1_672_371_900 * SECOND_NS + 7, seq=41)
NOTE = EntryNote(EntrySource.MANUAL, "asha", "by hand")


@pytest.fixture
async def users(database):
    async with database.write() as session:
        return [
            await UserStore().create(session, login=login, roles=[Role.TRADER])
            for login in ("asha", "bela")
        ]


@pytest.fixture
async def contracts(database):
    specs = [
        InstrumentSpec("NFO", f"NIFTY23JAN18{strike}CE", InstrumentKind.CALL)
        for strike in ("000", "100")
    ]
    async with database.write() as session:
        return await InstrumentStore().upsert(session, specs)


@pytest.fixture
async def strategies(database, users, contracts):
    """Store three strategies, the last of the second user."""
    terms = [
        StrategyTerms(
            "Iron condor 50%",
            notes="Expiry day",
            tags=("weekly", "nifty"),
            instrument_ids=(contracts[0].id,),
            target=Paise(500_000),
            stop=Paise(-250_000),
        ),
        StrategyTerms("Straddle", tags=("weekly",)),
        StrategyTerms("Hers"),
    ]
    async with database.write() as session:
        return [
            await StrategyStore().add(session, users[place // 2].id, each)
            for place, each in enumerate(terms)
        ]


def make_entry(strategy, contract, **given):
    values = {
        "id": None, "strategy_id": strategy.id, "instrument_id": contract.id, "quantity": -50,
        "price": Pips(1_234_525), "moment": AT, "charges": Paise(4_711),
    }  # fmt: skip
    return StrategyEntry(**values | given)


async def test_strategy_is_read_as_it_was_stored(database, users, strategies):
    store, first = StrategyStore(), strategies[0]
    async with database.read() as session:
        assert await store.get(session, first.id, owner=users[0].id) == first
        assert await store.get(session, first.id, owner=None) == first

    assert (first.revision, first.archived_ns, first.user_id) == (1, None, users[0].id)


async def test_strategy_of_somebody_else_is_missing(database, users, strategies):
    store = StrategyStore()
    async with database.write() as session:
        for strategy_id in (strategies[2].id, 999):
            for find in (store.get, store.lock):
                with pytest.raises(NotFoundError, match=f"there is no strategy {strategy_id}"):
                    await find(session, strategy_id, owner=users[0].id)


async def test_strategy_of_nobody_is_not_stored(database):
    with pytest.raises(NotFoundError, match="there is no user 999"):
        async with database.write() as session:
            await StrategyStore().add(session, 999, StrategyTerms("nobody's"))


async def test_strategies_are_found_by_owner_text_tag_and_state(database, users, strategies):
    store = StrategyStore()
    async with database.write() as session:
        archived = await store.archive(session, strategies[1], to_datetime(AT.as_of_ns))

    async def find(limit=9, offset=0, **wanted):
        async with database.read() as session:
            return await store.list_page(
                session, StrategyFilter(**{"user_id": None, **wanted}), limit=limit, offset=offset
            )

    first, _, hers = strategies
    assert await find() == ([hers, first], 2)
    assert await find(limit=1, offset=1) == ([first], 2)
    assert await find(user_id=users[0].id, state=StrategyState.ANY) == ([archived, first], 2)
    assert await find(state=StrategyState.ARCHIVED) == ([archived], 1)
    assert await find(text="EXPIRY") == await find(text="50%") == ([first], 1)
    assert await find(text="%") == ([first], 1)
    assert await find(text="_") == ([], 0)
    assert await find(tag="weekly") == ([first], 1)
    assert await find(tag="week") == ([], 0)
    async with database.read() as session:
        assert await store.load_active(session) == [first, hers]
        since = to_datetime(archived.updated_ns)
        assert await store.load_changed(session, since) == [archived]


async def test_who_changes_what_was_changed_since_is_told_so(database, strategies):
    store, first = StrategyStore(), strategies[0]
    terms = replace(first.terms, name="Renamed", target=None, tags=())
    async with database.write() as session:
        changed = await store.change(session, first, terms)
    async with database.write() as session:
        for late in (store.change(session, first, terms), store.archive(session, first, None)):
            with pytest.raises(ConflictError, match="changed since revision 1"):
                await late

    assert (changed.terms, changed.revision) == (terms, 2)
    assert changed.updated_ns > first.updated_ns


async def test_ledger_comes_back_as_it_was_written(database, strategies, contracts):
    store, first = LedgerStore(), strategies[0]
    entries = [
        make_entry(first, contracts[0]),
        make_entry(first, contracts[1], quantity=25, charges=Paise(0), price=Pips(1)),
        make_entry(first, contracts[1], order_id=OrderId(2**40), fill_number=1),
    ]
    async with database.write() as session:
        lines = await store.add(session, [(each, NOTE) for each in entries])
        (back,) = await store.add(
            session,
            [
                (
                    make_entry(
                        first, contracts[0], quantity=50, charges=Paise(-4_711),
                        reverses_id=lines[0].entry.id,
                    ),
                    NOTE,
                )
            ],
        )  # fmt: skip

    assert [replace(each.entry, id=None) for each in lines] == entries
    assert [each.note for each in lines] == [NOTE] * 3
    everything = [*lines, back]
    ids = [each.entry.id for each in everything]
    assert ids == sorted(ids)
    async with database.read() as session:
        everything[0] = replace(lines[0], reversed_by=ids[3])
        assert await store.load(session, first.id) == everything
        assert await store.get(session, first.id, ids[1]) == lines[1]
        page = await store.list_page(session, first.id, limit=2, offset=1)
        assert page == ([lines[2], lines[1]], 4)
        found = await store.load_entries(session, [first.id, strategies[1].id])
        assert found == [each.entry for each in everything]
        with pytest.raises(NotFoundError):
            await store.get(session, strategies[1].id, ids[0])


async def test_entry_is_taken_back_once_and_a_fill_written_once(database, strategies, contracts):
    store, first = LedgerStore(), strategies[0]
    fill = make_entry(first, contracts[0], order_id=OrderId(7), fill_number=1)
    async with database.write() as session:
        (line,) = await store.add(session, [(fill, NOTE)])
        back = make_entry(first, contracts[0], quantity=50, reverses_id=line.entry.id)
        await store.add(session, [(back, NOTE)])

    for again in (fill, back):
        with pytest.raises(ConflictError):
            async with database.write() as session:
                await store.add(session, [(again, NOTE)])


async def test_marking_starts_from_what_is_active_and_follows_what_is_new(
    database, strategies, contracts
):
    ledgers, store = LedgerStore(), StrategyStore()
    async with database.write() as session:
        assert await ledgers.find_last_id(session) == 0
        lines = await ledgers.add(
            session, [(make_entry(each, contracts[0]), NOTE) for each in strategies]
        )
        await store.archive(session, strategies[1], to_datetime(AT.as_of_ns))

    entries = [each.entry for each in lines]
    async with database.read() as session:
        assert await ledgers.load_active(session) == [entries[0], entries[2]]
        assert await ledgers.load_after(session, 0, limit=2) == entries[:2]
        assert await ledgers.load_after(session, entries[0].id, limit=9) == entries[1:]
        assert await ledgers.find_last_id(session) == entries[2].id


async def test_who_follows_the_ledgers_misses_no_entry_of_a_slow_writer(
    make_database, admin, strategies, contracts
):
    database = await make_database(pool_size=5, lock_timeout_s=30.0)
    store = LedgerStore()
    entry = make_entry(strategies[0], contracts[0])

    async def write():
        async with database.write() as session:
            await store.add(session, [(entry, NOTE)])
            # What this one sees beside its own id, everybody sees who sees that id.
            return await store.load_after(session, 0, limit=9)

    async def is_waited_for():
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return later.done() or await admin.fetchval(query) == 1

    async with database.write() as session:
        await store.add(session, [(entry, NOTE)])
        later = asyncio.create_task(write())
        await eventually(is_waited_for)

    assert len(await later) == 2


async def test_units_of_an_account_are_summed_over_its_strategies(database, users, contracts):
    store = LedgerStore()
    async with database.write() as session:
        account = insert(AccountRow).values(user_id=users[0].id, name="paper", broker="paper")
        account_id = await session.scalar(account.returning(AccountRow.id))
        terms = StrategyTerms("with an account", account_id=account_id)
        held = [await StrategyStore().add(session, users[0].id, terms) for _ in range(2)]
        by_hand = await StrategyStore().add(session, users[0].id, StrategyTerms("by hand"))
        await store.add(
            session,
            [
                (make_entry(strategy, contract, quantity=quantity), NOTE)
                for strategy, contract, quantity in (
                    (held[0], contracts[0], 50),
                    (held[1], contracts[0], -125),
                    (held[1], contracts[1], 25),
                    (by_hand, contracts[0], 1_000),
                )
            ],
        )
        found = await store.sum_units(session, account_id, until_ns=AT.as_of_ns)
        before = await store.sum_units(session, account_id, until_ns=AT.as_of_ns - 1)

    assert found == {contracts[0].id: -75, contracts[1].id: 25}
    assert before == {}


async def test_strategy_goes_only_while_nothing_hangs_on_it(database, users, strategies, contracts):
    store = StrategyStore()
    async with database.write() as session:
        await LedgerStore().add(session, [(make_entry(strategies[0], contracts[0]), NOTE)])
        await store.delete(session, strategies[1].id)
    with pytest.raises(ConflictError, match="entries or orders, which stay; archive it instead"):
        async with database.write() as session:
            await store.delete(session, strategies[0].id)

    async with database.read() as session:
        wanted = StrategyFilter(users[0].id, state=StrategyState.ANY)
        assert await store.list_page(session, wanted, limit=9, offset=0) == ([strategies[0]], 1)


async def test_session_played_again_raises_no_alert_again(database, strategies):
    store, first = StrategyAlertStore(), strategies[0]
    target = StrategyAlert(None, first.id, AlertKind.TARGET, Paise(500_000), Paise(500_125), AT)
    stop = replace(target, kind=AlertKind.STOP, level=Paise(-1), m2m=Paise(-2))
    async with database.write() as session:
        (raised,) = await store.add(session, [target])
        again = await store.add(session, [target, stop])
        page = await store.list_page(session, first.id, limit=1, offset=0)

    assert replace(raised, id=None, raised_ns=None) == target
    assert [each.kind for each in again] == [AlertKind.STOP]
    assert page == (again, 2)
