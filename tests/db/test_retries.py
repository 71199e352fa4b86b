from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from strikewire.store.retries import is_deadlock, retry_deadlock


async def add_alias_rows(database) -> None:
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO instrument_registry (id, exchange, tradingsymbol, kind, trigrams)"
                " VALUES (1, 'NSE', 'A', 'equity', '{}'), (2, 'NSE', 'B', 'equity', '{}')"
            )
        )


async def test_victim_of_a_deadlock_does_its_transaction_again(database):
    await add_alias_rows(database)
    both_hold_one = asyncio.Barrier(2)
    attempts = {1: 0, 2: 0}

    async def rename(first: int, second: int) -> None:
        async def run() -> None:
            attempts[first] += 1
            async with database.write() as session:
                # The server looks for deadlocks after a second; a lock may not time out before.
                await session.execute(text("SET LOCAL lock_timeout = '10s'"))
                await session.execute(text("SET LOCAL deadlock_timeout = '100ms'"))
                update = text("UPDATE instrument_registry SET name = name || '+' WHERE id = :id")
                await session.execute(update, {"id": first})
                if attempts[first] == 1:
                    await both_hold_one.wait()
                await session.execute(update, {"id": second})

        await retry_deadlock(run)

    async with asyncio.timeout(20):
        await asyncio.gather(rename(1, 2), rename(2, 1))

    assert sorted(attempts.values()) == [1, 2]
    async with database.read() as session:
        names = await session.scalars(text("SELECT name FROM instrument_registry ORDER BY id"))
    assert names.all() == ["++", "++"]


async def test_other_errors_are_not_tried_again():
    attempts = 0

    async def run() -> None:
        nonlocal attempts
        attempts += 1
        raise KeyError

    with pytest.raises(KeyError):
        await retry_deadlock(run)

    assert attempts == 1


async def test_last_attempt_raises():
    class Deadlock(Exception):  # noqa: N818 - stands for the driver's
        sqlstate = "40P01"

    attempts = 0

    async def run() -> None:
        nonlocal attempts
        attempts += 1
        raise RuntimeError from Deadlock()

    with pytest.raises(RuntimeError) as caught:
        await retry_deadlock(run, attempts=3)

    assert is_deadlock(caught.value)
    assert attempts == 3


async def test_no_attempt_at_all_is_refused():
    async def run() -> None: ...

    with pytest.raises(ValueError, match="found 0"):
        await retry_deadlock(run, attempts=0)
