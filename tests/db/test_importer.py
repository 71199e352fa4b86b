"""The importer against a real PostgreSQL."""

from datetime import date

import numpy as np
import pytest

from strikewire.auth.audit import Actor, AuditTrail
from strikewire.core.bars import BarFlag, Source, Timeframe
from strikewire.core.clock import ManualClock
from strikewire.core.errors import FileLayoutError, InvalidInputError
from strikewire.core.instants import from_date, parse_rfc3339
from strikewire.feeds.files import FileReader
from strikewire.live.importer import FileImporter
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.store.audit import AuditFilter, AuditStore
from strikewire.store.bars import BarStore
from strikewire.store.instruments import InstrumentStore

ANNA = Actor("user:anna")
HEADER = "symbol,timestamp,open,high,low,close,volume,oi\n"


@pytest.fixture
def importer(database):
    rules = MarketRules(load_packaged_rules(), through=date(2026, 12, 31))
    return FileImporter(
        reader=FileReader(rules=rules),
        rules=rules,
        database=database,
        instruments=InstrumentStore(),
        bars=BarStore(),
        trail=AuditTrail(database=database, store=AuditStore(), clock=ManualClock()),
    )


@pytest.fixture
def load(database):
    """Return a function that gives an instrument and its stored bars, by any of its names."""

    async def load(symbol, timeframe):
        async with database.read() as session:
            instrument = await InstrumentStore().get(session, symbol)
            bars = await BarStore().load(
                session, instrument.id, 0, from_date(date(2100, 1, 1)), timeframe=timeframe
            )
        return instrument, bars

    return load


@pytest.fixture
def make(tmp_path):
    def make(text, name="bars.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


@pytest.mark.promise("S24")
async def test_import_is_in_the_audit_log(importer, database, make):
    summary = await importer.import_file(make(HEADER + "SBIN,2025-09-01,1,2,1,1,,\n"), actor=ANNA)

    async with database.read() as session:
        (row,), _ = await AuditStore().list_page(session, AuditFilter(), limit=9)
    assert (row.entry.subject, row.entry.action) == ("user:anna", "file.import")
    assert (row.entry.object_id, row.entry.after) == (summary.file, summary.to_json())


async def test_minute_bars_are_stored_under_the_files_own_symbol(importer, load, make):
    rows = [f"BANKNIFTY05JAN2336500PE,2022-12-30 15:{m},1,2,1,1.5,25,50\n" for m in (28, 29, 30)]
    told, faults = [], []

    summary = await importer.import_file(
        make(HEADER + "".join(rows) + "BANKNIFTY,soon,1,2,1,1,,\n"),
        actor=ANNA,
        on_fault=faults.append,
        on_progress=told.append,
    )

    instrument, bars = await load("BANKNIFTY05JAN2336500PE", Timeframe.M1)
    assert (summary.row_count, summary.loaded_count, summary.fault_count) == (4, 3, 1)
    assert (summary.inserted, summary.updated, summary.unchanged) == (3, 0, 0)
    assert (summary.layout, summary.timeframe) == ("bars", Timeframe.M1)
    assert [fault.line for fault in faults] == [5]
    assert told[-1] == 1.0
    assert instrument.symbol == "NFO:BANKNIFTY2310536500PE"
    assert bars["close"].tolist() == [1.5] * 3
    assert bars["ts_ns"][0] == parse_rfc3339("2022-12-30T15:28:00+05:30")
    assert set(bars["source"]) == {Source.FILE}
    # The bar that starts when the session ends is kept, and marked as no part of a rollup.
    assert bars["flags"].tolist() == [0, 0, BarFlag.AFTER_CLOSE]


async def test_second_import_changes_nothing_and_a_correction_one_bar(importer, load, make):
    row = "SBIN,2025-09-0{day},100,102,99,{close},750,\n"
    text = HEADER + "".join(row.format(day=day, close=101) for day in (1, 2, 3))

    first = await importer.import_file(make(text), actor=ANNA)
    again = await importer.import_file(make(text), actor=ANNA)
    other = await importer.import_file(
        make(text.replace("2,100,102,99,101", "2,100,102,99,100")), actor=ANNA
    )

    _, bars = await load("NSE:SBIN", Timeframe.D1)
    assert (first.inserted, first.updated, first.unchanged) == (3, 0, 0)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 3)
    assert (other.inserted, other.updated, other.unchanged) == (0, 1, 2)
    assert bars["close"].tolist() == [101, 100, 101]
    assert bars["revision"].tolist() == [0, 1, 0]


async def test_file_of_many_chunks_counts_each_instrument_once(importer, load, make):
    count = 140_000
    rows = [
        f"S{at % 50:02d},{1_756_698_300 + at // 50 * 60},100.25,102.75,99.5,101.5,{at},1500\n"
        for at in range(count)
    ]

    summary = await importer.import_file(make(HEADER + "".join(rows)), actor=ANNA)

    _, bars = await load("NSE:S07", Timeframe.M1)
    assert (summary.row_count, summary.inserted, summary.instrument_count) == (count, count, 50)
    assert bars["volume"].tolist() == list(range(7, count, 50))


async def test_dump_makes_instruments_known_by_token_and_keeps_their_lots(importer, load, make):
    dump = (
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
        "lot_size,instrument_type,segment,exchange\n"
        "13568258,53001,NIFTY25SEPFUT,NIFTY,0.0,2025-09-30,0.0,0.1,75,FUT,NFO-FUT,NFO\n"
    )

    summary = await importer.import_file(make(dump, "dump.csv"), actor=ANNA)
    await importer.import_file(make(HEADER + "NIFTY25SEPFUT,2025-09-01,1,2,1,1,,\n"), actor=ANNA)

    assert (summary.timeframe, summary.inserted, summary.instrument_count) == (None, 0, 1)
    for name in ("NIFTY25SEPFUT", "13568258", "53001"):
        instrument, bars = await load(name, Timeframe.D1)
        # The file of bars knew neither lot nor expiry, and has not made them unknown.
        assert instrument.spec.lot_size == 75
        assert instrument.spec.expiry == date(2025, 9, 30)
        assert len(bars) == 1


async def test_unknown_volume_is_counted_and_stored_as_unknown(importer, load, make):
    text = (
        "INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,CONTRACTS,"
        "VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP\n"
        "FUTIDX,NIFTY,29-Aug-2019,0,XX,9000,13000,9000,11050,10,82.5,750,75,01-AUG-2019\n"
        "FUTIDX,BANKNIFTY,29-Aug-2019,0,XX,0,0,0,28000,0,0,0,0,01-AUG-2019\n"
    )

    summary = await importer.import_file(make(text.replace(",750,75,", ",0,0,")), actor=ANNA)

    _, bars = await load("NFO:NIFTY19AUGFUT", Timeframe.D1)
    _, untraded = await load("NFO:BANKNIFTY19AUGFUT", Timeframe.D1)
    assert summary.unknown_volume_count == 1
    assert np.isnan(bars["volume"]).all()
    assert untraded["volume"].tolist() == [0.0]
    assert np.isnan(untraded["open"]).all()


async def test_ticks_and_files_without_rows_are_refused(importer, make):
    with pytest.raises(InvalidInputError, match=r"holds ticks.*strikewire replay"):
        await importer.import_file(
            make("symbol,timestamp,ltp\nSBIN,2025-09-01 09:15,1\n"), actor=ANNA
        )
    with pytest.raises(FileLayoutError, match="rows were wanted, found none"):
        await importer.import_file(make(HEADER), actor=ANNA)
