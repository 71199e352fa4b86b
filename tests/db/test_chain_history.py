"""Chains that were recorded: what `as_of` answers is what was said in that minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any

import numpy as np
import pytest

from strikewire.core.bars import Timeframe
from strikewire.core.clock import ManualClock
from strikewire.core.errors import NothingRecordedError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS, to_datetime
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainTable
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import make_tick_source
from strikewire.live.chain_contracts import ChainContracts, ChainContractsConfig
from strikewire.live.chain_history import ChainHistory
from strikewire.live.daily_vols import list_days
from strikewire.live.session import Session
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore
from tests.db.desk import OPEN, RULES, Desk

EXPIRY = date(2023, 1, 5)
KEY = ChainKey("NFO", "BANKNIFTY", EXPIRY)
MINUTES = 17
STRIKES = (42_800.0, 42_900.0, 43_000.0, 43_100.0, 43_200.0)


def list_specs() -> list[InstrumentSpec]:
    terms: dict[str, Any] = {"underlying": "BANKNIFTY", "expiry": EXPIRY, "lot_size": 25}
    kinds = {"CE": InstrumentKind.CALL, "PE": InstrumentKind.PUT}
    options = [
        InstrumentSpec("NFO", f"BANKNIFTY23105{strike:.0f}{side}", kind, strike=strike, **terms)
        for strike in STRIKES
        for side, kind in kinds.items()
    ]
    return [
        InstrumentSpec("NSE", "NIFTY BANK", InstrumentKind.INDEX, name="BANKNIFTY"),
        InstrumentSpec("NFO", "BANKNIFTY23105FUT", InstrumentKind.FUTURE, **terms),
        *options,
    ]


def make_feed(instruments: Sequence[Instrument], open_ns: int) -> ReplayFeed:
    """Return a feed in which everybody ticks every ten seconds, with books, some of them late."""
    rng = np.random.default_rng(3)
    rounds, count = 6 * MINUTES, len(instruments)
    ticks = np.zeros((rounds, count), TICK_DTYPE)
    ticks["instrument_id"] = [int(each.id) for each in instruments]
    ticks["ts_recv_ns"] = (open_ns + 10 * SECOND_NS * np.arange(rounds))[:, None]
    ticks["ts_event_ns"] = ticks["ts_recv_ns"]
    # Every seventh is told twelve seconds late, now and then over a minute's end.
    ticks["ts_event_ns"].reshape(-1)[::7] -= 12 * SECOND_NS
    level = 43_000 + np.cumsum(rng.normal(0, 5, rounds))
    base = [43_000.0, 43_050.0]
    base += [max(43_000 - k, 0) + 200.0 if s == "CE" else max(k - 43_000, 0) + 180.0
             for k in STRIKES for s in ("CE", "PE")]  # fmt: skip
    ticks["ltp"] = np.round(np.array(base) + (level - 43_000)[:, None] * 0.4, 1)
    ticks["volume"] = 25.0 * np.cumsum(rng.integers(0, 9, (rounds, count)), axis=0)
    ticks["oi"] = 25.0 * (1_000 + np.cumsum(rng.integers(-5, 6, (rounds, count)), axis=0))
    ticks["average_price"] = np.nan
    depth = np.zeros(ticks.size, DEPTH_DTYPE)
    flat = ticks.reshape(-1)
    depth["bid_price"][:, 0], depth["ask_price"][:, 0] = flat["ltp"] - 0.5, flat["ltp"] + 0.5
    depth["bid_quantity"][:, 0] = depth["ask_quantity"][:, 0] = 25
    source = make_tick_source(
        TickBatch(flat, depth), session_key=f"chains-{open_ns}", description="chains"
    )
    return ReplayFeed(source, speed=MAX_SPEED)


class Told:
    """Keeps what was said of each minute."""

    def __init__(self) -> None:
        self.minutes: list[ChainMinute] = []

    def on_minute(self, minute: ChainMinute) -> None:
        self.minutes.append(minute)


@pytest.fixture
async def instruments(database: Database) -> list[Instrument]:
    async with database.write() as session:
        return await InstrumentStore().upsert(session, list_specs())


@pytest.fixture
def told() -> Told:
    return Told()


async def play(
    desk: Desk, instruments: Sequence[Instrument], told: Told, open_ns: int = OPEN
) -> Session:
    session = await desk.open(make_feed(instruments, open_ns))
    session.listen(told)
    await session.resume(instruments)
    await session.run()
    return session


def make_history(
    database: Database, now_ns: int, pending: Sequence[ChainMinute] = ()
) -> ChainHistory:
    return ChainHistory(
        database=database,
        contracts=ChainContracts(config=ChainContractsConfig(), clock=ManualClock(0)),
        board=None,
        find_pending=lambda: pending,
        find_calendar=RULES.calendar,
        clock=ManualClock(now_ns),
    )


def assert_same_table(found: ChainTable, wanted: ChainTable) -> None:
    assert (found.as_of_ns, found.source) == (wanted.as_of_ns, wanted.source)
    assert found.layout.keys == wanted.layout.keys
    assert found.layout.symbols == wanted.layout.symbols
    for name in ("strikes", "call_ids", "put_ids", "future_ids", "spot_ids", "cutoffs_ns"):
        np.testing.assert_array_equal(getattr(found.layout, name), getattr(wanted.layout, name))
    for part in ("calls", "puts", "expiries", "figures"):
        mine, theirs = getattr(found, part), getattr(wanted, part)
        for each in fields(mine):
            np.testing.assert_array_equal(
                getattr(mine, each.name), getattr(theirs, each.name), err_msg=f"{part}.{each.name}"
            )
    np.testing.assert_array_equal(found.exposures, wanted.exposures)


async def test_as_of_answers_with_what_was_said_in_that_minute(
    desk: Desk, instruments: list[Instrument], told: Told
) -> None:
    session = await play(desk, instruments, told)
    history = make_history(desk.database, OPEN + 60 * MINUTE_NS)

    assert [each.minute_ns for each in told.minutes] == [
        OPEN + n * MINUTE_NS for n in range(MINUTES)
    ]
    assert session.recorder.pending_minutes == []
    assert session.recorder.chain_rows == MINUTES * (len(STRIKES) + 1 + 1) + sum(
        len(each.books) for each in told.minutes
    )
    for minute in told.minutes:
        assert minute.table is not None
        assert np.isfinite(minute.table.calls.vols).all()
        for late_ns in (0, MINUTE_NS - 1):
            found = await history.chain_at(KEY, minute.minute_ns + MINUTE_NS + late_ns)
            assert_same_table(found, minute.table)
    with pytest.raises(NothingRecordedError):
        await history.chain_at(KEY, OPEN + MINUTE_NS - 1)


async def test_nobody_sees_past_the_markets_time(
    desk: Desk, instruments: list[Instrument], told: Told
) -> None:
    await play(desk, instruments, told)
    now_ns = OPEN + 5 * MINUTE_NS
    history = make_history(desk.database, now_ns)

    for as_of_ns in (None, now_ns + 3 * MINUTE_NS):
        assert (await history.chain_at(KEY, as_of_ns)).as_of_ns == now_ns
    series = await history.metrics([KEY], OPEN, OPEN + 60 * MINUTE_NS)
    assert series["ts_ns"].tolist() == [OPEN + n * MINUTE_NS for n in range(5)]
    strikes = await history.strikes(KEY, OPEN, OPEN + 60 * MINUTE_NS)
    assert len(strikes) == 5 * len(STRIKES)
    future = instruments[1]
    assert len(await history.futures(future, OPEN, OPEN + 60 * MINUTE_NS)) == 5
    assert len(await history.futures(future, OPEN + MINUTE_NS, OPEN + 3 * MINUTE_NS)) == 2


async def test_what_waits_for_the_store_is_known_already(
    desk: Desk, instruments: list[Instrument], told: Told
) -> None:
    await play(desk, instruments, told)
    stored = make_history(desk.database, OPEN + 60 * MINUTE_NS)
    async with desk.database.write() as session:
        connection = await session.connection()
        for table in ("fo_expiry_metrics", "fo_option_strike_bars", "futures_bars"):
            await connection.exec_driver_sql(
                f"DELETE FROM {table} WHERE ts >= '2022-12-30T03:55:00Z'"
            )
    # Half of it is in the store, and some are in both places: they are being committed.
    waiting = make_history(desk.database, OPEN + 60 * MINUTE_NS, told.minutes[8:])

    last = await waiting.chain_at(KEY)
    series = await waiting.metrics([KEY], OPEN, OPEN + 60 * MINUTE_NS)
    strikes = await waiting.strikes(KEY, OPEN, OPEN + 60 * MINUTE_NS)
    _, futures = await waiting.futures_at("NFO", "BANKNIFTY")

    assert told.minutes[-1].table is not None
    assert_same_table(last, told.minutes[-1].table)
    assert series["ts_ns"].tolist() == [OPEN + n * MINUTE_NS for n in range(MINUTES)]
    assert len(strikes) == MINUTES * len(STRIKES)
    assert futures["ts_ns"].tolist() == [OPEN + (MINUTES - 1) * MINUTE_NS]
    assert len(await stored.metrics([KEY], OPEN, OPEN + 60 * MINUTE_NS)) == 10


@pytest.mark.parametrize(("from_store", "from_memory"), [(17, 17), (10, 8), (0, 0)])
async def test_day_ends_with_its_newest_minute_wherever_that_is(
    desk: Desk, instruments: list[Instrument], told: Told, from_store: int, from_memory: int
) -> None:
    await play(desk, instruments, told)
    async with desk.database.write() as session:
        connection = await session.connection()
        await connection.exec_driver_sql(
            f"DELETE FROM fo_expiry_metrics WHERE ts >= '{to_datetime(OPEN)}'"
            f"::timestamptz + {from_store} * interval '1 minute'"
        )
        if not from_store:
            await connection.exec_driver_sql("DELETE FROM fo_expiries")
    history = make_history(desk.database, OPEN + 60 * MINUTE_NS, told.minutes[from_memory:])
    days = list_days(RULES.calendar("NFO"), OPEN + 60 * MINUTE_NS, 3)
    # What ends on the day before has no such day.
    keys = [ChainKey("NFO", "BANKNIFTY", date(2022, 12, 29)), KEY]

    for minutes in (MINUTES, 9):
        (row,) = await history.last_metrics(
            keys, days, reach_ns=30 * DAY_NS, as_of_ns=OPEN + minutes * MINUTE_NS
        )
        table = told.minutes[minutes - 1].table
        assert table is not None
        assert (row["expiry_id"], row["ts_ns"]) == (1, OPEN + (minutes - 1) * MINUTE_NS)
        assert row["atm_iv"] == table.figures.atm_vols[0]
    for reach_ns, as_of_ns in ((DAY_NS, OPEN + 60 * MINUTE_NS), (30 * DAY_NS, OPEN)):
        assert not len(await history.last_metrics(keys, days, reach_ns=reach_ns, as_of_ns=as_of_ns))


@pytest.mark.parametrize(("timeframe", "width"), [(Timeframe.M5, 5), (Timeframe.M15, 15)])
async def test_wider_steps_say_what_their_last_minute_said(
    desk: Desk, instruments: list[Instrument], told: Told, timeframe: Timeframe, width: int
) -> None:
    await play(desk, instruments, told)
    history = make_history(desk.database, OPEN + 60 * MINUTE_NS)
    span = (OPEN, OPEN + 60 * MINUTE_NS)
    starts = list(range(0, MINUTES, width))
    lasts = [min(start + width, MINUTES) - 1 for start in starts]
    minutes = await history.metrics([KEY], *span)
    bars = await history.futures(instruments[1], *span)

    metrics = await history.metrics([KEY], *span, timeframe)
    strikes = await history.strikes(KEY, *span, timeframe)
    futures = await history.futures(instruments[1], *span, timeframe)

    stamps = [OPEN + start * MINUTE_NS for start in starts]
    assert metrics["ts_ns"].tolist() == stamps
    assert metrics["pcr_oi"].tolist() == minutes["pcr_oi"][lasts].tolist()
    assert strikes["ts_ns"].tolist() == np.repeat(stamps, len(STRIKES)).tolist()
    assert strikes["strike"].tolist() == list(STRIKES) * len(starts)
    assert futures["ts_ns"].tolist() == stamps
    assert futures["high"].tolist() == [
        bars["high"][start : start + width].max() for start in starts
    ]
    assert futures["volume"].tolist() == [
        bars["volume"][start : start + width].sum() for start in starts
    ]
    assert futures["close"].tolist() == bars["close"][lasts].tolist()
    assert futures["basis"].tolist() == bars["basis"][lasts].tolist()


async def test_second_replay_changes_no_record(
    desk: Desk, instruments: list[Instrument], told: Told
) -> None:
    await play(desk, instruments, told)
    wanted = await make_history(desk.database, OPEN + 60 * MINUTE_NS).metrics(
        [KEY], OPEN, OPEN + 60 * MINUTE_NS
    )

    again = await play(desk, instruments, Told())

    assert again.recorder.chain_rows == 0
    found = await make_history(desk.database, OPEN + 60 * MINUTE_NS).metrics(
        [KEY], OPEN, OPEN + 60 * MINUTE_NS
    )
    assert found.tobytes() == wanted.tobytes()


async def test_another_days_recording_knows_how_the_day_before_ended(
    desk: Desk, instruments: list[Instrument], told: Told
) -> None:
    await play(desk, instruments, told)
    friday = told.minutes[-1]
    monday = Told()

    await play(desk, instruments, monday, open_ns=OPEN + 3 * DAY_NS)

    first = monday.minutes[0]
    assert friday.table is not None
    assert first.table is not None
    for found, ended in (
        (first.table.calls, friday.table.calls),
        (first.table.puts, friday.table.puts),
    ):
        np.testing.assert_array_equal(found.changes, found.ltps - ended.ltps)
        np.testing.assert_array_equal(found.oi_changes, found.oi - ended.oi)
    assert np.isnan(friday.table.calls.changes).all(), "nothing was stored of the days before"
    (row,), (last,) = first.futures, friday.futures
    assert row["change"] == row["close"] - last["close"]
    assert row["oi_change"] == row["oi"] - last["oi"]


async def test_books_of_a_minute_are_to_be_had(
    desk: Desk, instruments: list[Instrument], told: Told
) -> None:
    await play(desk, instruments, told)
    history = make_history(desk.database, OPEN + 60 * MINUTE_NS)
    future = instruments[1]

    found = await history.book_at(future, OPEN + 3 * MINUTE_NS)

    assert found is not None
    rows = told.minutes[2].books
    (wanted,) = rows["book"][rows["instrument_id"] == int(future.id)]
    assert found[0] == OPEN + 3 * MINUTE_NS
    assert found[1].dtype == DEPTH_DTYPE
    assert found[1][0] == wanted
    assert await history.book_at(instruments[0], OPEN + 3 * MINUTE_NS) is None
    assert await history.book_at(future, OPEN) is None
