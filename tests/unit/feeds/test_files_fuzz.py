"""Whatever stands in a file, reading it ends in rows, faults, or one kind of error."""

import string
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.errors import FileLayoutError
from strikewire.feeds.files import BarTable, FileLimits, FileReader
from strikewire.feeds.files.catalogue import LAYOUTS
from strikewire.reference.market_rules import MarketRules, load_packaged_rules

READER = FileReader(
    rules=MarketRules(load_packaged_rules(), through=date(2026, 12, 31)),
    limits=FileLimits(max_expanded_bytes=1_000_000),
)
DAY = date(2025, 1, 1)

odd = st.sampled_from(
    [
        *("", " ", "-", "nan", "inf", "-inf", "1e400", "1e-400", "0x1F", "1_000", "\u0661\u0662"),
        *("None", '"', '""', '"a', 'a"b"', "\r", "\x00", "\ufeff", "=1+1", "NSE:", ":", "a:b:c"),
        *("../../etc/passwd", "9" * 40, "-9223372036854775808", "1e18", "0", "-0.0", "X" * 100),
        *("1969-12-31", "2262-04-12T00:00:00Z", "9999-12-31", "24:00", "23:59:60", "2025-02-30"),
        *("0001-01-01T00:00:00+14:00", "31-FEB-2025", "2025-01-01T09:15+99:99"),
    ]
)
plausible = st.sampled_from(
    [
        *("NIFTY", "BANKNIFTY05JAN2336500PE", "RELIANCE", "NFO", "NSE", "MCX", "EQ", "CE", "XX"),
        *("STO", "FO", "CM", "100", "99.5", "1", "75", "2025-01-01", "2025-01-01T09:15:00"),
        *("09:15", "OPTIDX", "2025-01-01T09:15:00+05:30", "1735703100", "1735703100000"),
        *("29-Aug-2019", "01-AUG-2019"),
    ]
)
cell = st.one_of(plausible, plausible, odd, st.text(string.printable, max_size=12))


@st.composite
def csv_files(draw):
    """Return the text of a file that has the columns of a layout, and rows of anything."""
    layout = draw(st.sampled_from(LAYOUTS))
    names = [spellings[0] for spellings in layout.columns.values()]
    if draw(st.booleans()):
        names = [name for name in names if name in layout.required] or names
    draw(st.randoms(use_true_random=False)).shuffle(names)
    width = len(names)
    rows = draw(
        st.lists(
            st.one_of(
                st.lists(cell, min_size=width, max_size=width), st.lists(cell, max_size=width + 2)
            ),
            max_size=12,
        )
    )
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join([",".join(names), *(",".join(row) for row in rows)])


@pytest.mark.promise("S26")
@given(csv_files())
def test_csv_of_anything_gives_rows_and_faults(text):
    _read_or_refuse(text.encode())


@pytest.mark.promise("S26")
@given(st.binary(max_size=400), st.sampled_from(LAYOUTS))
def test_bytes_of_any_kind_under_a_header(data, layout):
    header = ",".join(spellings[0] for spellings in layout.columns.values())
    _read_or_refuse(header.encode() + b"\n" + data)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda b: b"PAR1" + b)))
def test_bytes_of_any_kind_alone(data):
    with pytest.raises(FileLayoutError):
        _read(data)


@given(st.sampled_from([b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"PK\x03\x04"]), st.binary(max_size=200))
def test_bytes_that_claim_to_be_an_archive(magic, data):
    with pytest.raises(FileLayoutError):
        _read(magic + data)


def _read_or_refuse(data):
    """Read; a file may be refused as a whole, but in no other way than this."""
    with suppress(FileLayoutError):
        _read(data)


def _read(data):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "anything.csv"
        path.write_bytes(data)
        _check(list(READER.read_chunks(path, day=DAY)))


def _check(chunks):
    for chunk in chunks:
        table = chunk.table
        assert chunk.row_count == len(table) + len(chunk.faults)
        assert [fault.line for fault in chunk.faults] == sorted({f.line for f in chunk.faults})
        if isinstance(table, BarTable):
            _check_bars(table)


def _check_bars(table):
    bars = table.bars
    assert bars.dtype == BAR_DTYPE
    assert np.isfinite(bars["close"]).all()
    assert not np.any(bars["high"] < bars["low"])
    assert not np.any(bars["volume"] < 0)
    assert not np.any(bars["oi"] < 0)
    assert {table.specs[at].exchange for at in bars["instrument_id"]} <= {
        "NSE",
        "BSE",
        "NFO",
        "BFO",
        "CDS",
        "BCD",
        "MCX",
    }


INT64 = st.integers(-(2**63), 2**63 - 1)
DAYS = st.integers(-100_000, 100_000)
FLOATS = st.sampled_from([0.0, -1.0, 1.5, float("nan"), float("inf"), 1_735_703_100.5])
TYPES = {
    pa.string(): cell,
    pa.large_string(): cell,
    pa.dictionary(pa.int8(), pa.string()): cell,
    pa.binary(): st.binary(max_size=4),
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.int64(): INT64,
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float32(): FLOATS,
    pa.float64(): st.one_of(FLOATS, st.floats()),
    pa.decimal128(18, 4): st.decimals(-(10**9), 10**9, places=4),
    pa.date32(): DAYS,
    pa.timestamp("ms"): INT64,
    pa.timestamp("us", "UTC"): INT64,
    pa.timestamp("ns"): INT64,
    pa.time64("ns"): st.integers(0, 86_400 * 10**9 - 1),
    pa.duration("ms"): INT64,
    pa.null(): st.none(),
}
columns = st.sampled_from(list(TYPES)).flatmap(
    lambda kind: st.lists(st.one_of(st.none(), TYPES[kind]), min_size=3, max_size=3).map(
        lambda values: pa.array(values, kind)
    )
)


@pytest.mark.promise("S26")
@given(st.sampled_from(LAYOUTS), st.data())
def test_parquet_of_any_types_gives_rows_and_faults(layout, data):
    names = [layout.columns[name][0] for name in sorted(layout.required)]
    table = pa.table({name: data.draw(columns) for name in names})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "anything.parquet"
        pq.write_table(table, path)
        with suppress(FileLayoutError):
            _check(list(READER.read_chunks(path, day=DAY)))
