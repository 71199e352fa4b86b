from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import text

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source, Timeframe
from strikewire.core.instants import DAY_NS, MINUTE_NS, from_date, parse_rfc3339
from strikewire.store.bars import BarStore
from strikewire.store.coverage import CoverageDay, CoverageQuery, CoverageStore

KOLKATA = ZoneInfo("Asia/Kolkata")
OPEN = parse_rfc3339("2022-12-30T03:45:00Z")
ALL = CoverageQuery(from_ns=OPEN - DAY_NS, to_ns=OPEN + 30 * DAY_NS, zone=KOLKATA)


def make_bars(instrument_id: int, stamps_ns: list[int]) -> np.ndarray:
    bars = np.zeros(len(stamps_ns), BAR_DTYPE)
    bars["instrument_id"] = instrument_id
    bars["ts_ns"] = stamps_ns
    bars["source"] = Source.TICKS
    return bars


@pytest.fixture
async def filled(database):
    """Return the database with two instruments on three days."""
    first = make_bars(1, [OPEN + i * MINUTE_NS for i in range(4)])
    first["flags"] = [0, BarFlag.PARTIAL, BarFlag.AFTER_CLOSE, 0]
    first["revision"] = [0, 1, 2, 0]
    first["source"][3] = Source.BROKER
    # 23:40 in Kolkata is still the day before in Kolkata, and 00:10 the same day in UTC.
    evening = parse_rfc3339("2023-01-02T18:10:00Z")
    second = make_bars(2, [evening, evening + 30 * MINUTE_NS])
    daily = make_bars(1, [from_date(date(2022, 12, 30)), from_date(date(2023, 1, 2))])
    daily["source"] = Source.FILE
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO instrument_registry (id, exchange, tradingsymbol, kind, trigrams)"
                " VALUES (1, 'NSE', 'A', 'equity', '{}'), (2, 'MCX', 'B', 'future', '{}')"
            )
        )
        await BarStore().append(session, np.concatenate([first, second]))
        await BarStore().append(session, daily, timeframe=Timeframe.D1)
    return database


async def load(database, query: CoverageQuery, **page: int):
    async with database.read() as session:
        return await CoverageStore().load_days(session, query, **page)


async def test_days_are_counted_by_completeness_and_source(filled):
    days, total = await load(filled, ALL)

    assert total == 3
    assert days[0] == CoverageDay(
        instrument_id=1,
        day=date(2022, 12, 30),
        bar_count=4,
        first_ns=OPEN,
        last_ns=OPEN + 3 * MINUTE_NS,
        partial_count=1,
        after_close_count=1,
        revised_count=2,
        sources={Source.TICKS: 3, Source.BROKER: 1},
    )


async def test_day_is_that_of_the_exchanges_clock(filled):
    days, _ = await load(filled, ALL)

    assert [(each.instrument_id, each.day, each.bar_count) for each in days[1:]] == [
        (2, date(2023, 1, 2), 1),
        (2, date(2023, 1, 3), 1),
    ]


async def test_daily_bars_have_the_day_of_their_stamp(filled):
    query = CoverageQuery(
        from_ns=ALL.from_ns, to_ns=ALL.to_ns, zone=KOLKATA, timeframe=Timeframe.D1
    )
    days, total = await load(filled, query)

    assert total == 2
    assert [each.day for each in days] == [date(2022, 12, 30), date(2023, 1, 2)]
    assert [each.sources for each in days] == [{Source.FILE: 1}] * 2


async def test_pages_make_up_the_whole(filled):
    whole, total = await load(filled, ALL)

    pages = [await load(filled, ALL, limit=1, offset=at) for at in range(4)]

    assert [day for days, _ in pages for day in days] == whole
    assert {each for _, each in pages} == {total}


async def test_only_the_instruments_and_the_time_asked_for_are_counted(filled):
    only_second = CoverageQuery(ALL.from_ns, ALL.to_ns, KOLKATA, instrument_ids=[2, 99])
    one_minute = CoverageQuery(OPEN + MINUTE_NS, OPEN + 2 * MINUTE_NS, KOLKATA)
    nobody = CoverageQuery(ALL.from_ns, ALL.to_ns, KOLKATA, instrument_ids=[])

    answers = [await load(filled, query) for query in (only_second, one_minute, nobody)]

    assert [total for _, total in answers] == [2, 1, 0]
    assert {day.instrument_id for day in answers[0][0]} == {2}
    assert answers[1][0][0].bar_count == 1


async def test_only_stored_timeframes_have_coverage(database):
    query = CoverageQuery(ALL.from_ns, ALL.to_ns, KOLKATA, timeframe=Timeframe.H1)

    with pytest.raises(ValueError, match="found 1h"):
        await load(database, query)
