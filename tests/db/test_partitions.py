from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sqlalchemy import text

from strikewire.core.instants import parse_rfc3339
from strikewire.store.partitions import ensure_partitions, ensure_partitions_of
from strikewire.store.schema import daily_bars, minute_bars


async def list_partitions(database, table: str) -> set[str]:
    query = text(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:table)"
    )
    async with database.read() as session:
        return set((await session.execute(query, {"table": table})).scalars().all())


@pytest.mark.parametrize(
    ("from_", "to", "months"),
    [
        ("2022-12-30T00:00:00Z", "2023-01-01T00:00:00Z", ["2022_12"]),
        ("2022-12-30T00:00:00Z", "2023-01-01T00:00:01Z", ["2022_12", "2023_01"]),
        ("2022-12-30T00:00:00Z", "2022-12-30T00:00:00Z", []),
        ("1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", ["1969_12"]),
    ],
)
async def test_minutes_are_partitioned_by_month(database, from_, to, months):
    before = await list_partitions(database, "minute_bars")
    async with database.write() as session:
        await ensure_partitions(session, minute_bars, parse_rfc3339(from_), parse_rfc3339(to))

    made = await list_partitions(database, "minute_bars") - before

    assert made == {f"partitions.minute_bars_{month}" for month in months}


async def test_days_are_partitioned_by_year_in_utc(database):
    async with database.write() as session:
        # A session's own time zone must not move the bounds.
        await session.execute(text("SET LOCAL timezone = 'Asia/Kolkata'"))
        stamps_ns = np.array([parse_rfc3339("2022-12-30T00:00:00Z")])
        await ensure_partitions_of(session, daily_bars, stamps_ns)

    async with database.write() as session:
        await session.execute(text("SET LOCAL timezone = 'UTC'"))
        bound = await session.scalar(
            text("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = :name"),
            {"name": "daily_bars_2022"},
        )

    assert bound == ("FOR VALUES FROM ('2022-01-01 00:00:00+00') TO ('2023-01-01 00:00:00+00')")


async def test_partitions_that_are_there_are_left_alone(database):
    stamps_ns = np.array([parse_rfc3339("2022-12-30T00:00:00Z")])
    for _ in range(2):
        async with database.write() as session:
            await ensure_partitions_of(session, minute_bars, stamps_ns)

    assert "partitions.minute_bars_2022_12" in await list_partitions(database, "minute_bars")


async def test_partitions_that_many_want_at_once_are_made_once(database):
    stamps_ns = np.array([parse_rfc3339(f"2021-{month:02}-01T00:00:00Z") for month in range(1, 13)])

    async def ensure() -> None:
        async with database.write() as session:
            await ensure_partitions_of(session, minute_bars, stamps_ns)

    await asyncio.gather(*(ensure() for _ in range(8)))

    made = await list_partitions(database, "minute_bars")
    assert sum(name.startswith("partitions.minute_bars_2021") for name in made) == 12


async def test_readers_and_writers_go_on_while_a_partition_is_made(database):
    async with database.write() as session:
        await ensure_partitions_of(
            session, minute_bars, np.array([parse_rfc3339("2020-01-01T00:00:00Z")])
        )
    insert = text("INSERT INTO minute_bars VALUES (1, '2020-01-01Z', 1, 1, 1, 1, 1, 1, 1, 0, 1, 0)")

    async with database.write() as maker:
        await ensure_partitions_of(
            maker, minute_bars, np.array([parse_rfc3339("2020-02-01T00:00:00Z")])
        )
        async with asyncio.timeout(5), database.write() as writer:
            await writer.execute(insert)
        async with asyncio.timeout(5), database.read() as reader:
            count = await reader.scalar(text("SELECT count(*) FROM minute_bars"))

    assert count == 1


async def test_partitions_of_a_transaction_that_failed_are_made_again(database):
    stamps_ns = np.array([parse_rfc3339("2019-06-01T00:00:00Z")])

    async def fail() -> None:
        async with database.write() as session:
            await ensure_partitions_of(session, minute_bars, stamps_ns)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    async with database.write() as session:
        await ensure_partitions_of(session, minute_bars, stamps_ns)

    assert "partitions.minute_bars_2019_06" in await list_partitions(database, "minute_bars")
