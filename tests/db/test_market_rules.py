"""Overrides of market rules in the real table."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from strikewire.core.errors import DatabaseBusyError
from strikewire.reference.market_rules import MarketRule
from strikewire.store.market_rules import MarketRuleStore

RULE = MarketRule(
    "NFO", "special", date(2026, 11, 8), None, {"open": "18:15", "close": "19:15"}, "a test"
)


async def test_row_comes_back_as_it_was_and_is_replaced_by_its_key(database):
    store = MarketRuleStore()
    other = replace(RULE, value={"open": "18:00", "close": "19:00"}, valid_to=date(2026, 11, 9))

    async with database.write() as session:
        is_new = [await store.upsert(session, rule) for rule in (RULE, other)]
    async with database.write() as session:
        is_new.append(await store.upsert(session, replace(RULE, kind="holiday", value={})))
        is_new.append(await store.upsert(session, other))
    async with database.read() as session:
        rows = await store.list_all(session)

    assert is_new == [True, False, True, False]
    assert rows == [replace(RULE, kind="holiday", value={}), other]


async def test_delete_says_whether_there_was_a_row(database):
    store = MarketRuleStore()
    key = (RULE.venue, RULE.kind, RULE.valid_from)

    async with database.write() as session:
        await store.upsert(session, RULE)
        found = [await store.delete(session, *key) for _ in range(2)]
    async with database.read() as session:
        rows = await store.list_all(session)

    assert found == [True, False]
    assert rows == []


async def test_second_writer_waits_for_the_first(database):
    store = MarketRuleStore()
    async with database.write() as first:
        await store.lock(first)
        with pytest.raises(DatabaseBusyError):
            async with database.write() as second:
                await store.lock(second)
        # Readers do not wait.
        async with database.read() as session:
            assert await store.list_all(session) == []
