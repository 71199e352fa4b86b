"""Bars: every way to write a time, days, series, exchanges, and widths that are not ours."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest

from strikewire.core.bars import Timeframe
from strikewire.core.errors import FileLayoutError
from strikewire.core.instants import from_date, parse_rfc3339

AT_0916 = parse_rfc3339("2025-09-01T09:16:00+05:30")
EPOCH_S = AT_0916 // 1_000_000_000


def one_bar(stamp, header="symbol,timestamp,open,high,low,close"):
    return f"{header}\nSBIN,{stamp},1,2,0.5,1.5\n"


@pytest.mark.parametrize(
    "stamp",
    [
        "2025-09-01T09:16:00+05:30",
        "2025-09-01T09:16:00+0530",
        "2025-09-01T03:46:00Z",
        "2025-09-01 03:46:00+00:00",
        "2025-09-01 09:16:00",
        "2025-09-01T09:16",
        "2025-09-01T09:16:00.000",
        " 2025-09-01 09:16:00 ",
        str(EPOCH_S),
        f"{EPOCH_S}.0",
        str(EPOCH_S * 1_000),
        str(EPOCH_S * 1_000_000),
        str(AT_0916),
    ],
)
def test_instant_is_read_in_every_spelling(reader, make_csv, stamp):
    table = reader.read_all(make_csv(one_bar(stamp))).table

    assert table.timeframe is Timeframe.M1
    assert table.bars["ts_ns"].tolist() == [AT_0916]


def test_instants_of_mixed_spellings_in_one_file(reader, make_csv):
    stamps = ["2025-09-01T09:16:00+05:30", "2025-09-01 09:17:00", str(EPOCH_S + 120)]
    rows = "".join(f"SBIN,{stamp},1,2,0.5,1.5\n" for stamp in stamps)

    table = reader.read_all(make_csv("symbol,timestamp,open,high,low,close\n" + rows)).table

    assert np.diff(table.bars["ts_ns"]).tolist() == [60_000_000_000] * 2


@pytest.mark.parametrize(
    ("header", "stamp"),
    [
        ("symbol,date,time,open,high,low,close", "2025-09-01,09:16:00"),
        ("Symbol,DATE,Time,Open,High,Low,Close", "01-SEP-2025,09:16"),
        ("symbol,date,time,open,high,low,close", "20250901,09:16:00.000"),
        ("ticker,datetime,open,high,low,close", "2025-09-01 09:16:00"),
    ],
)
def test_day_and_time_in_two_columns_or_one(reader, make_csv, header, stamp):
    table = reader.read_all(make_csv(one_bar(stamp, header))).table

    assert table.bars["ts_ns"].tolist() == [AT_0916]


@pytest.mark.parametrize(
    "stamp",
    [
        "2025-09-01",
        "01-Sep-25",
        "2025-09-01 00:00:00",
        "2025-09-01T00:00:00+05:30",
        "2025-09-01T00:00:00Z",
    ],
)
def test_day_without_a_time_makes_a_daily_bar(reader, make_csv, stamp):
    table = reader.read_all(make_csv(one_bar(stamp))).table

    assert table.timeframe is Timeframe.D1
    assert table.bars["ts_ns"].tolist() == [from_date(date(2025, 9, 1))]


def test_time_of_day_among_days_is_a_fault(reader, make_csv):
    rows = one_bar("2025-09-01") + "SBIN,2025-09-02,1,2,0.5,1.5\n"

    whole = reader.read_all(make_csv(rows))
    mixed = reader.read_all(make_csv(rows.replace("2025-09-02", "2025-09-02 09:15:00"), "m.csv"))

    assert len(whole.table) == 2
    # One time of day, and the file is one of minutes: a bar at midnight, then, and one at 09:15.
    assert (mixed.table.timeframe, len(mixed.table)) == (Timeframe.M1, 2)


@pytest.mark.parametrize(
    "stamps",
    [
        pa.array([AT_0916], pa.int64()),
        pa.array([AT_0916 / 1e9], pa.float64()),
        pa.array([AT_0916 // 1_000], pa.timestamp("us", "UTC")),
        pa.array([AT_0916], pa.timestamp("ns", "Asia/Kolkata")),
        pa.array([datetime(2025, 9, 1, 9, 16)], pa.timestamp("ms")),  # noqa: DTZ001 - local
        pa.array(["2025-09-01 09:16:00"]).dictionary_encode(),
        pa.array(["2025-09-01T03:46:00Z"], pa.large_string()),
    ],
)
def test_instant_is_read_from_every_type_of_parquet(reader, make_parquet, stamps):
    prices = {name: pa.array([100], pa.int32()) for name in ("open", "high", "low", "close")}
    path = make_parquet({"symbol": ["SBIN"], "timestamp": stamps, **prices})

    assert reader.read_all(path).table.bars["ts_ns"].tolist() == [AT_0916]


def test_parquet_of_days_and_times_with_their_own_types(reader, make_parquet):
    columns = {
        "symbol": pa.array(["SBIN"]).dictionary_encode(),
        "date": pa.array([date(2025, 9, 1)]),
        "time": pa.array([datetime(2025, 9, 1, 9, 16, tzinfo=UTC).time()], pa.time64("us")),
        **{name: pa.array([1.5], pa.float32()) for name in ("open", "high", "low", "close")},
        "volume": pa.array([None], pa.int64()),
    }

    table = reader.read_all(make_parquet(columns)).table

    assert table.bars["ts_ns"].tolist() == [AT_0916]
    assert np.isnan(table.bars["volume"]).all()


def test_year_that_does_not_fit_is_a_fault_and_does_not_wrap(reader, make_parquet):
    moments = [datetime(9999, 1, 1, tzinfo=UTC), datetime(2025, 9, 1, 3, 46, tzinfo=UTC)]
    prices = {name: [1.0, 1.0] for name in ("open", "high", "low", "close")}
    path = make_parquet(
        {"symbol": ["A", "B"], "timestamp": pa.array(moments, pa.timestamp("us", "UTC")), **prices}
    )

    whole = reader.read_all(path)

    assert [fault.line for fault in whole.faults] == [1]
    assert whole.table.bars["ts_ns"].tolist() == [AT_0916]


def test_nested_and_unreadable_columns_are_refused_or_ignored(reader, make_parquet):
    good = {name: [1.0] for name in ("open", "high", "low", "close")}
    nested = make_parquet({"symbol": ["A"], "date": ["2025-09-01"], **good, "legs": [[1, 2]]})
    assert len(reader.read_all(nested).table) == 1
    binary = pa.array([b"\xff\xfe"], pa.binary())
    with pytest.raises(FileLayoutError, match=r"can be read as string was wanted, found binary"):
        reader.read_all(make_parquet({"symbol": binary, "date": ["2025-09-01"], **good}))


def test_exchange_and_series_make_the_symbol(reader, make_csv):
    rows = [
        "symbol,exchange,series,date,open,high,low,close",
        "EMMBI,NSE,EQ,2025-09-01,1,1,1,1",
        "EMMBI,NSE,BE,2025-09-02,1,1,1,1",
        "EMMBI,BSE,,2025-09-02,1,1,1,1",
        "emmbi,nse,EQ,2025-09-03,1,1,1,1",
        "EMMBI,LSE,EQ,2025-09-03,1,1,1,1",
    ]

    whole = reader.read_all(make_csv("\n".join(rows)))

    table = whole.table
    found = [table.specs[at].symbol for at in table.bars["instrument_id"]]
    assert found == ["NSE:EMMBI", "NSE:EMMBI-BE", "BSE:EMMBI", "NSE:EMMBI"]
    assert [fault.line for fault in whole.faults] == [6]
    assert "found 'LSE'" in whole.faults[0].reason


@pytest.mark.parametrize("width", [3, 5, 15, 60])
def test_bars_wider_than_a_minute_are_refused(reader, make_csv, width):
    stamps = [AT_0916 // 1_000_000_000 + at * width * 60 for at in range(30)]
    rows = "".join(f"SBIN,{stamp},1,2,0.5,1.5\n" for stamp in stamps)

    with pytest.raises(FileLayoutError, match=f"found bars of {width} minutes"):
        reader.read_all(make_csv("symbol,timestamp,open,high,low,close\n" + rows))


def test_minute_bars_with_gaps_are_not_taken_for_wider_ones(reader, make_csv):
    gaps = np.cumsum([2, 3] * 20)
    rows = "".join(f"SBIN,{AT_0916 // 10**9 + int(gap) * 60},1,2,0.5,1.5\n" for gap in gaps)

    table = reader.read_all(make_csv("symbol,timestamp,open,high,low,close\n" + rows)).table

    assert len(table) == 40


def test_vendor_and_broker_spelling_of_one_contract_meet(reader, make_csv):
    header = "symbol,timestamp,open,high,low,close\n"
    row = ",2022-12-30T09:15:00+05:30,1,2,0.5,1.5\n"
    vendor = reader.read_all(make_csv(header + "BANKNIFTY05JAN2336500PE" + row, "vendor.csv"))
    broker = reader.read_all(make_csv(header + "BANKNIFTY2310536500PE" + row, "broker.csv"))

    assert vendor.table.specs == broker.table.specs
    assert vendor.table.aliases == ((0, "file", "BANKNIFTY05JAN2336500PE"),)
    assert broker.table.aliases == ()


def test_unknown_quantities_stay_unknown(reader, make_csv):
    rows = ["symbol,date,open,high,low,close,volume,oi", "SBIN,2025-09-01,1,1,1,1,,nan"]

    bars = reader.read_all(make_csv("\n".join(rows))).table.bars

    assert np.isnan(bars["volume"]).all()
    assert np.isnan(bars["oi"]).all()
    assert bars["tick_count"].tolist() == [0]


def test_bhavcopy_of_bse_wants_a_day_from_somewhere(reader, make_csv):
    text = "SC_CODE,SC_NAME,SC_GROUP,SC_TYPE,OPEN,HIGH,LOW,CLOSE,NO_OF_SHRS\n"
    text += "500002,ABB LTD.    ,A ,Q,1365.00,1367.40,1338.55,1359.75,9277\n"
    text += "ABB,ABB LTD.    ,A ,Q,1365.00,1367.40,1338.55,1359.75,9277\n"

    by_name = reader.read_all(make_csv(text, "EQ160819.CSV"))
    by_day = reader.read_all(make_csv(text, "bse.csv"), day=date(2019, 8, 16))

    assert by_name.table.bars.tobytes() == by_day.table.bars.tobytes()
    assert [fault.line for fault in by_day.faults] == [3]
    for name in ("bse.csv", "EQ999999.CSV"):
        with pytest.raises(FileLayoutError, match="do not say their day"):
            reader.read_all(make_csv(text, name))


def test_raw_bhavcopy_with_a_comma_at_the_end_of_each_line(reader, make_csv):
    header = "INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,"
    header += "CONTRACTS,VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP"
    row = "FUTIDX,NIFTY,29-Aug-2019,0,XX,11000,11100,10900,11050,11050,10,82.5,750,75,01-AUG-2019,"
    moved = row.replace("29-Aug-2019", "29-Aug-2091").replace("XX", "YY")

    for head in (header, header + ","):
        whole = reader.read_all(make_csv(f"{head}\r\n{row}\r\n{moved}"))

        table = whole.table
        assert [fault.line for fault in whole.faults] == [3]
        assert table.specs[0].symbol == "NFO:NIFTY19AUGFUT"
        assert table.specs[0].lot_size == 75
        assert table.bars["volume"].tolist() == [750.0]
