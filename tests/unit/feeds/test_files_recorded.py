"""Every layout in the recorded data: as many rows as the file has, and what stands in them."""

import csv
import gzip
import io
import math
import zipfile
from collections import Counter
from datetime import date

import numpy as np
import pytest

from strikewire.core.bars import Source, Timeframe
from strikewire.core.instants import from_date, parse_rfc3339
from strikewire.core.instruments import InstrumentKind
from strikewire.feeds.files import BarTable, InstrumentTable

FO_OLD = "nse_fo_bhavcopy_old/fo_old_format_sample_201908.csv"
FO_FEBRUARY = "nse_fo_bhavcopy_udiff/BhavCopy_NSE_FO_0_0_0_20250211_F_0000.csv.zip"
FO_SEPTEMBER = "nse_fo_bhavcopy_udiff/BhavCopy_NSE_FO_0_0_0_20250911_F_0000.csv.zip"
CM_UDIFF = "nse_cm_bhavcopy/BhavCopy_NSE_CM_0_0_0_20250829_F_0000.csv.gz"
CM_OLD = "nse_cm_bhavcopy/cm13JUL2020bhav.csv.gz"
CM_FULL_2022 = "nse_cm_bhavcopy/sec_bhavdata_full_08082022.csv.gz"
CM_FULL_2025 = "nse_cm_bhavcopy/sec_bhavdata_full_29082025.csv.gz"
BSE_OLD = "nse_cm_bhavcopy/BSE_EQ160819.CSV.gz"
KITE_NFO = "kite_instruments_dump/kite_instruments_nfo_202509.csv.gz"
KITE_MOCK = "kite_mocks/instruments_all.csv"
CSV_FILES = {
    FO_OLD: "nse f&o bhavcopy",
    FO_FEBRUARY: "nse udiff bhavcopy",
    FO_SEPTEMBER: "nse udiff bhavcopy",
    CM_UDIFF: "nse udiff bhavcopy",
    CM_OLD: "nse equity bhavcopy",
    CM_FULL_2022: "nse equity bhavcopy with deliveries",
    CM_FULL_2025: "nse equity bhavcopy with deliveries",
    BSE_OLD: "bse equity bhavcopy",
    KITE_NFO: "kite instruments",
    KITE_MOCK: "kite instruments",
}


def read_rows(path):
    """Read a file with nothing of ours: its rows as dicts of trimmed text."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            data = archive.read(archive.namelist()[0])
    else:
        packed = path.read_bytes()
        data = gzip.decompress(packed) if path.suffix == ".gz" else packed
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    names = [name.strip() for name in next(rows)]
    return [dict(zip(names, (value.strip() for value in row), strict=True)) for row in rows]


def by_symbol(table):
    """Return a table's bars as dicts by canonical symbol."""
    return {table.specs[bar["instrument_id"]].symbol: bar for bar in table.bars}


@pytest.mark.parametrize(("name", "layout"), CSV_FILES.items())
def test_every_row_of_the_file_is_loaded(shared_data, reader, name, layout):
    path = shared_data(name)

    whole = reader.read_all(path)

    assert whole.layout == layout
    assert whole.faults == ()
    assert whole.row_count == len(whole.table) == len(read_rows(path))


def test_bars_of_the_recorded_session_are_those_of_the_file(shared_data, reader):
    pq = pytest.importorskip("pyarrow.parquet")
    path = shared_data("banknifty_1min_20221230/bnf_20221230.parquet")

    whole = reader.read_all(path)

    table = whole.table
    names = dict(enumerate(spec.tradingsymbol for spec in table.specs))
    names |= {at: name for at, source, name in table.aliases if source == "file"}
    rows = pq.read_table(path).to_pylist()
    found = {
        (names[int(bar["instrument_id"])], int(bar["ts_ns"])): [
            float(bar[field]) for field in ("open", "high", "low", "close", "volume", "oi")
        ]
        for bar in table.bars
    }
    assert (whole.row_count, len(whole.faults), len(found)) == (38_758, 0, 38_758)
    assert table.timeframe is Timeframe.M1
    for row in rows:
        stamp_ns = parse_rfc3339(f"{row['date']}T{row['time']}+05:30")
        wanted = [float(row[field]) for field in ("open", "high", "low", "close", "volume", "oi")]
        np.testing.assert_equal(found[row["symbol"], stamp_ns], wanted)


def test_instruments_of_the_recorded_session_are_canonical(shared_data, reader):
    table = reader.read_all(shared_data("banknifty_1min_20221230/bnf_20221230.parquet")).table

    specs = {name: table.specs[at] for at, source, name in table.aliases if source == "file"}
    assert specs["BANKNIFTY"].symbol == "NSE:NIFTY BANK"
    assert specs["BANKNIFTY05JAN2336500PE"].symbol == "NFO:BANKNIFTY2310536500PE"
    assert "NFO:BANKNIFTY-I" in {spec.symbol for spec in table.specs}
    assert Counter(spec.kind.value for spec in table.specs) == {
        "index": 1,
        "future": 1,
        "call": 64,
        "put": 65,
    }
    assert {spec.expiry for spec in table.specs if spec.kind.is_option} == {date(2023, 1, 5)}


def test_daily_equities_of_many_days(shared_data, reader):
    path = shared_data("nse_eq_daily_2025_2026/nse_eq_be_daily.parquet")

    rows, bars, faults, volume = 0, 0, 0, 0.0
    kinds, symbols = set(), set()
    fractions = []
    for chunk in reader.read_chunks(path):
        rows += chunk.row_count
        bars += len(chunk.table)
        faults += len(chunk.faults)
        volume += float(chunk.table.bars["volume"].sum())
        kinds.add(chunk.table.timeframe)
        symbols.update(spec.symbol for spec in chunk.table.specs)
        fractions.append(chunk.fraction_read)

    pq = pytest.importorskip("pyarrow.parquet")
    columns = pq.read_table(path, columns=["symbol", "series", "volume"]).to_pydict()
    assert (rows, bars, faults) == (869_897, 869_897, 0)
    assert kinds == {Timeframe.D1}
    assert volume == sum(columns["volume"])
    pairs = set(zip(columns["symbol"], columns["series"], strict=True))
    assert symbols == {f"NSE:{name}{'' if kind == 'EQ' else '-' + kind}" for name, kind in pairs}
    assert len(fractions) > 5
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_shares_of_one_day_are_the_same_in_both_of_nses_layouts(shared_data, reader):
    udiff = by_symbol(reader.read_all(shared_data(CM_UDIFF)).table)
    full = by_symbol(reader.read_all(shared_data(CM_FULL_2025)).table)

    assert len(full) == 2_946
    assert full.keys() <= udiff.keys()
    for symbol, bar in full.items():
        for field in ("ts_ns", "open", "high", "low", "close", "volume"):
            assert bar[field] == udiff[symbol][field], (symbol, field)
    assert from_date(date(2025, 8, 29)) == full["NSE:RELIANCE"]["ts_ns"]


def test_udiff_derivatives_are_in_units_and_without_invented_prices(shared_data, reader):
    path = shared_data(FO_SEPTEMBER)

    table = reader.read_all(path).table

    bars = by_symbol(table)
    specs = {spec.symbol: spec for spec in table.specs}
    untraded = 0
    for row in read_rows(path):
        symbol = f"NFO:{row['FinInstrmNm']}"
        bar, spec, lot = bars[symbol], specs[symbol], int(row["NewBrdLotQty"])
        assert spec.lot_size == lot
        assert spec.expiry == date.fromisoformat(row["XpryDt"])
        assert bar["volume"] == int(row["TtlTradgVol"]) * lot
        assert bar["oi"] == int(row["OpnIntrst"])
        assert bar["close"] == float(row["ClsPric"])
        if row["TtlTradgVol"] == "0":
            untraded += 1
            assert math.isnan(bar["open"] + bar["high"] + bar["low"])
        else:
            prices = [float(row[name]) for name in ("OpnPric", "HghPric", "LwPric")]
            assert [bar["open"], bar["high"], bar["low"]] == prices
    assert untraded == 18_468
    assert set(bars_sources(table)) == {Source.FILE}


def bars_sources(table):
    return table.bars["source"].tolist()


def test_udiff_tokens_join_the_brokers_dump(shared_data, reader):
    day = reader.read_all(shared_data(FO_SEPTEMBER)).table
    dump = reader.read_all(shared_data(KITE_NFO)).table

    def tokens(table):
        return {
            name: table.specs[at] for at, source, name in table.aliases if source == "nfo:token"
        }

    of_day, of_dump = tokens(day), tokens(dump)
    joined = of_day.keys() & of_dump.keys()
    # Two weeks lie between the files: tokens of contracts that expired were given away again.
    same = [t for t in joined if of_day[t].expiry == of_dump[t].expiry]
    assert len(same) > 29_500
    # Between the files a bonus issue halved all strikes of one share.
    moved = [t for t in same if of_day[t].symbol != of_dump[t].symbol]
    assert {of_day[token].underlying for token in moved} == {"PIDILITIND"}
    assert all(of_day[token].strike == 2 * of_dump[token].strike for token in moved)


def test_close_outside_the_days_range_is_the_exchanges_own(shared_data, reader):
    february = by_symbol(reader.read_all(shared_data(FO_FEBRUARY)).table)
    august = by_symbol(reader.read_all(shared_data(CM_UDIFF)).table)

    assert february["NFO:SJVN25APRFUT"]["close"] < february["NFO:SJVN25APRFUT"]["low"]
    assert august["NSE:IDEA-T0"]["close"] < august["NSE:IDEA-T0"]["low"]


def test_old_derivatives_get_their_lots_from_the_turnover(shared_data, reader):
    path = shared_data(FO_OLD)

    table = reader.read_all(path).table

    # What NSE's circulars said for August 2019, of the underlyings everybody knows.
    known = {"NIFTY": 75, "BANKNIFTY": 20, "RELIANCE": 500, "SBIN": 3000, "TCS": 250, "MRF": 10}
    lots = {spec.underlying: spec.lot_size for spec in table.specs}
    assert {name: lots[name] for name in known} == known
    bars, rows = by_symbol(table), read_rows(path)
    first = rows[0]
    assert (first["SYMBOL"], first["CONTRACTS"]) == ("BANKNIFTY", "214569.0")
    assert bars["NFO:BANKNIFTY19AUGFUT"]["volume"] == 214_569 * 20
    assert bars["NFO:BANKNIFTY19AUGFUT"]["oi"] == 1_675_780
    assert table.unknown_volume_count == 0
    assert "NFO:BANKNIFTY1980828500CE" in bars
    assert len(bars) == len(rows) == 1_000


def test_bse_shares_go_by_their_code_and_find_their_day_in_the_name(shared_data, reader):
    path = shared_data(BSE_OLD)

    table = reader.read_all(path).table

    bars, first = by_symbol(table), read_rows(path)[0]
    assert (first["SC_CODE"], first["SC_NAME"]) == ("500002", "ABB LTD.")
    bar = bars["BSE:500002"]
    assert [bar[field] for field in ("open", "close", "volume")] == [1365.0, 1359.75, 9277.0]
    assert bar["ts_ns"] == from_date(date(2019, 8, 16))
    spec = next(spec for spec in table.specs if spec.tradingsymbol == "500002")
    assert spec.name == "ABB LTD."
    assert {"500002", "ABB LTD."} <= {name for _, _, name in table.aliases}


def test_old_equities_keep_their_isin(shared_data, reader):
    table = reader.read_all(shared_data(CM_OLD)).table

    isins = {spec.tradingsymbol: spec.isin for spec in table.specs}
    assert isins["20MICRONS"] == "INE144J01027"
    assert by_symbol(table)["NSE:20MICRONS"]["ts_ns"] == from_date(date(2020, 7, 13))


def test_dump_gives_the_brokers_columns(shared_data, reader):
    path = shared_data(KITE_NFO)

    table = reader.read_all(path).table

    assert isinstance(table, InstrumentTable)
    names = {(at, source): name for at, source, name in table.aliases}
    for at, (spec, row) in enumerate(zip(table.specs, read_rows(path), strict=True)):
        assert spec.symbol == f"{row['exchange']}:{row['tradingsymbol']}"
        assert spec.underlying == row["name"]
        assert spec.expiry == date.fromisoformat(row["expiry"])
        assert (spec.strike or 0.0) == float(row["strike"])
        assert (spec.lot_size, spec.tick_size) == (int(row["lot_size"]), float(row["tick_size"]))
        assert names[at, "kite:token"] == row["instrument_token"]
        assert names[at, "nfo:token"] == row["exchange_token"]


def test_dump_of_all_exchanges_knows_shares_and_contracts_without_a_name(shared_data, reader):
    table = reader.read_all(shared_data(KITE_MOCK)).table

    specs = {spec.symbol: spec for spec in table.specs}
    assert specs["NSE:CENTRALBK-BE"].kind is InstrumentKind.EQUITY
    assert specs["NFO:BANKNIFTY18JAN23500CE"].underlying == "BANKNIFTY"
    assert specs["NFO:BANKNIFTY18JAN23500CE"].expiry == date(2018, 1, 25)
    assert not isinstance(table, BarTable)
