from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from strikewire.core.bars import BAR_DTYPE, BarFlag, Source, Timeframe
from strikewire.core.errors import ConflictError, NotFoundError
from strikewire.core.instants import DAY_NS, MINUTE_NS, parse_rfc3339
from strikewire.store.bar_merges import MergeResult
from strikewire.store.bar_reader import BarReader
from strikewire.store.bars import BarStore
from strikewire.store.partitions import ensure_partitions_of
from strikewire.store.retries import retry_deadlock
from strikewire.store.schema import minute_bars
from tests.arrays import assert_same_bars
from tests.eventually import eventually

OPEN = parse_rfc3339("2022-12-30T03:45:00Z")
END = OPEN + 1_000 * DAY_NS
STORE = BarStore()
REGISTER = text(
    """
    INSERT INTO instrument_registry (id, exchange, tradingsymbol, kind, trigrams)
    SELECT id, 'NFO', 'TEST' || id, 'future', '{}' FROM generate_series(1, 200) AS id
    """
)


@pytest.fixture
async def registered(database):
    """Return the database with instruments 1 to 200 in it."""
    async with database.write() as session:
        await session.execute(REGISTER)
    return database


def make_bars(count: int, *, instrument_id: int = 1, start_ns: int = OPEN) -> np.ndarray:
    bars = np.zeros(count, BAR_DTYPE)
    bars["instrument_id"] = instrument_id
    bars["ts_ns"] = start_ns + np.arange(count) * MINUTE_NS
    for name in ("open", "high", "low", "close"):
        bars[name] = 100.0 + np.arange(count) / 20
    bars["volume"] = np.arange(count)
    bars["oi"] = np.nan
    bars["tick_count"] = 5
    bars["source"] = Source.TICKS
    return bars


async def merge(database, bars, timeframe=Timeframe.M1) -> MergeResult:
    async def run() -> MergeResult:
        async with database.write() as session:
            return await STORE.merge(session, bars, timeframe=timeframe)

    return await retry_deadlock(run)


async def load(database, instrument_id=1, from_ns=0, to_ns=END, timeframe=Timeframe.M1):
    async with database.read() as session:
        return await STORE.load(session, instrument_id, from_ns, to_ns, timeframe=timeframe)


async def append(database, bars, timeframe=Timeframe.M1) -> None:
    async with database.write() as session:
        await STORE.append(session, bars, timeframe=timeframe)


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.D1])
async def test_appended_bars_are_loaded_back_in_time_order(registered, timeframe):
    # Across the turn of the year, so of two partitions of either table.
    bars = make_bars(10, start_ns=parse_rfc3339("2022-12-31T23:55:00Z"))

    await append(registered, bars[::-1], timeframe)

    assert_same_bars(await load(registered, timeframe=timeframe), bars)


async def test_load_takes_its_start_and_leaves_its_end(registered):
    bars = make_bars(10)
    await append(registered, np.concatenate([bars, make_bars(10, instrument_id=2)]))

    loaded = await load(registered, from_ns=OPEN + 2 * MINUTE_NS, to_ns=OPEN + 5 * MINUTE_NS)

    assert_same_bars(loaded, bars[2:5])


async def test_load_of_nothing_is_empty(registered):
    assert_same_bars(await load(registered), np.empty(0, BAR_DTYPE))


async def test_append_of_a_bar_that_is_there_is_a_conflict_and_writes_nothing(registered):
    await append(registered, make_bars(3))

    with pytest.raises(ConflictError):
        await append(registered, make_bars(5))

    assert len(await load(registered)) == 3


async def test_merge_twice_is_the_same_as_once(registered):
    bars = make_bars(50)

    results = [await merge(registered, bars), await merge(registered, bars)]

    assert results == [MergeResult(50, 0, 0), MergeResult(0, 0, 50)]
    assert_same_bars(await load(registered), bars)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("open", 1.0),
        ("high", 1.0),
        ("low", 1.0),
        ("close", np.nan),
        ("volume", np.nan),
        ("oi", 7.0),
        ("tick_count", 6),
        ("source", Source.BROKER),
        ("flags", BarFlag.PARTIAL),
    ],
)
async def test_corrected_bar_replaces_the_values_and_counts_the_correction(registered, name, value):
    await merge(registered, make_bars(3))
    corrected = make_bars(4)
    corrected[name][1] = value

    result = await merge(registered, corrected)

    assert result == MergeResult(inserted=1, updated=1, unchanged=2)
    corrected["revision"][1] = 1
    assert_same_bars(await load(registered), corrected)


async def test_amended_bar_replaces_the_values_and_keeps_the_revision(registered):
    await merge(registered, make_bars(3))
    amended = make_bars(3)
    amended["close"][1] = 1.0
    amended["flags"][1] = BarFlag.AMENDED | BarFlag.PARTIAL

    result = await merge(registered, amended)

    assert result == MergeResult(inserted=0, updated=1, unchanged=2)
    amended["flags"][1] = BarFlag.PARTIAL
    assert_same_bars(await load(registered), amended)


@pytest.mark.parametrize("write", [append, merge])
async def test_amended_is_never_stored(registered, write):
    bars = make_bars(2)
    bars["flags"] = BarFlag.AMENDED | BarFlag.AFTER_CLOSE

    await write(registered, bars)

    assert (await load(registered))["flags"].tolist() == [BarFlag.AFTER_CLOSE] * 2


async def test_of_bars_with_one_key_the_last_counts(registered):
    first, last = make_bars(2), make_bars(2)
    last["close"] = 1.0

    result = await merge(registered, np.concatenate([first, last]))

    assert result == MergeResult(inserted=2, updated=0, unchanged=0)
    assert_same_bars(await load(registered), last)


async def test_two_merges_in_one_transaction_do_not_mix(registered):
    async with registered.write() as session:
        await STORE.merge(session, make_bars(3))
        days = make_bars(2)
        days["ts_ns"] = OPEN - OPEN % DAY_NS + np.arange(2) * DAY_NS
        second = await STORE.merge(session, days, timeframe=Timeframe.D1)

    assert second == MergeResult(inserted=2, updated=0, unchanged=0)
    assert len(await load(registered, timeframe=Timeframe.D1)) == 2
    assert len(await load(registered)) == 3


async def test_many_new_bars_are_merged_like_few(registered):
    # Enough for the straight COPY; then the same again, and half of them with one more minute.
    bars = np.concatenate([make_bars(300, instrument_id=i) for i in range(1, 51)])
    changed = np.concatenate([make_bars(301, instrument_id=i) for i in range(1, 51)])
    changed["close"][changed["instrument_id"] <= 25] += 1.0

    results = [await merge(registered, each) for each in (bars, bars, changed)]

    assert results == [
        MergeResult(15_000, 0, 0),
        MergeResult(0, 0, 15_000),
        MergeResult(50, 7_500, 7_500),
    ]
    corrected = changed[changed["instrument_id"] == 3]
    corrected["revision"][:300] = 1
    assert_same_bars(await load(registered, 3), corrected)


async def test_nothing_is_written_of_nothing(registered):
    assert await merge(registered, make_bars(0)) == MergeResult(0, 0, 0)
    await append(registered, make_bars(0))


@pytest.mark.parametrize("write", [append, merge])
async def test_bars_of_an_unknown_instrument_are_refused(registered, write):
    bars = np.concatenate([make_bars(2), make_bars(2, instrument_id=4_711)])

    with pytest.raises(NotFoundError, match="4711"):
        await write(registered, bars)

    assert len(await load(registered)) == 0


@pytest.mark.parametrize("write", [append, merge])
async def test_only_stored_timeframes_are_written(registered, write):
    with pytest.raises(ValueError, match="found 5m"):
        await write(registered, make_bars(1), Timeframe.M5)


async def test_merges_racing_for_the_same_bars_leave_one_each(registered, make_database):
    # They wait for each other's rows, on a busy machine for longer than a request would.
    racing = await make_database(lock_timeout_s=10.0)
    ticks, broker = make_bars(400), make_bars(400)
    broker["source"] = Source.BROKER

    results = await asyncio.gather(*(merge(racing, each) for each in (ticks, broker) * 4))

    loaded = await load(registered)
    winner = ticks if loaded["source"][0] == Source.TICKS else broker
    assert sum(result.inserted for result in results) == 400
    assert {sum((r.inserted, r.updated, r.unchanged)) for r in results} == {400}
    np.testing.assert_array_equal(loaded["source"], winner["source"])
    # Each replacement counted once, in every bar alike.
    assert set(loaded["revision"].tolist()) == {sum(r.updated for r in results) // 400}


async def test_straight_copy_that_meets_another_ones_bars_merges_instead(registered):
    bars = np.concatenate([make_bars(300, instrument_id=i) for i in range(1, 51)])
    async with registered.write() as session:
        await ensure_partitions_of(session, minute_bars, bars["ts_ns"])
    is_waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    async with registered.write() as session:
        await STORE.append(session, bars[-1:])
        # It looks, finds nothing, copies, and waits for the one row we have not committed yet.
        second = asyncio.create_task(merge(registered, bars))

        async def is_second_waiting() -> bool:
            async with registered.read() as reader:
                return bool(await reader.scalar(is_waiting))

        await eventually(is_second_waiting)

    assert await second == MergeResult(inserted=14_999, updated=0, unchanged=1)


async def test_last_bars_are_those_before_an_instant_oldest_first(registered):
    bars = make_bars(20, start_ns=parse_rfc3339("2022-12-31T23:50:00Z"))
    await append(registered, bars)

    async with registered.read() as session:
        last = await STORE.load_last(session, 1, int(bars["ts_ns"][15]), 7)
        all_of_them = await STORE.load_last(session, 1, END, 1_000)

    assert_same_bars(last, bars[8:15])
    assert_same_bars(all_of_them, bars)


async def test_next_bar_time_is_the_last_one_before(registered):
    await append(registered, make_bars(5))

    async with registered.read() as session:
        found = [
            await STORE.next_bar_time(session, instrument_id, before_ns)
            for instrument_id, before_ns in ((1, END), (1, OPEN + 1), (1, OPEN), (2, END))
        ]

    assert found == [OPEN + 4 * MINUTE_NS, OPEN, None, None]


async def test_reader_finds_the_last_day_in_either_table(registered):
    day = OPEN - OPEN % DAY_NS
    await append(registered, make_bars(1, start_ns=day + 5 * DAY_NS), Timeframe.D1)
    await append(registered, make_bars(3))
    reader = BarReader(database=registered, bars=STORE)

    found = [
        await reader.find_bar_before(1, before_ns, timeframe)
        for before_ns, timeframe in (
            (END, Timeframe.D1),
            (day + 5 * DAY_NS, Timeframe.D1),
            (END, Timeframe.M1),
            (OPEN, Timeframe.M1),
        )
    ]

    assert found == [day + 5 * DAY_NS, OPEN + 2 * MINUTE_NS, OPEN + 2 * MINUTE_NS, None]
    assert_same_bars(await reader.load_bars(1, OPEN, END, Timeframe.M1), make_bars(3))


def read_recorded(path: Path) -> np.ndarray:
    """Return the recorded session; its instruments numbered from 1 in order of their symbols."""
    table = pq.read_table(path)
    symbols, ids = np.unique(table["symbol"].to_pylist(), return_inverse=True)
    assert len(symbols) == 131
    stamps = [
        f"{day}T{minute}"
        for day, minute in zip(table["date"].to_pylist(), table["time"].to_pylist(), strict=True)
    ]
    bars = np.zeros(len(table), BAR_DTYPE)
    bars["instrument_id"] = ids + 1
    local_ns = np.array(stamps, "M8[ns]").astype(np.int64)
    bars["ts_ns"] = local_ns - 330 * MINUTE_NS  # 05:30 ahead of UTC
    for name in ("open", "high", "low", "close", "volume", "oi"):
        values = table[name].to_pylist()
        bars[name] = [np.nan if value in (None, "") else float(value) for value in values]
    bars["source"] = Source.FILE
    return bars[np.lexsort((bars["ts_ns"], bars["instrument_id"]))]


async def test_recorded_session_merges_once_and_reads_back_exactly(registered, shared_data):
    bars = read_recorded(shared_data("banknifty_1min_20221230/bnf_20221230.parquet"))

    results = [await merge(registered, bars), await merge(registered, bars)]

    assert results == [MergeResult(38_758, 0, 0), MergeResult(0, 0, 38_758)]
    loaded = [await load(registered, instrument_id) for instrument_id in range(1, 132)]
    assert_same_bars(np.concatenate(loaded), bars)
