from __future__ import annotations

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from strikewire.api.bar_formats import encode_rows, list_columns
from strikewire.api.table_formats import ARROW_STREAM, CSV, PARQUET, encode_table
from strikewire.core.bars import BAR_DTYPE, BarFlag, Source
from strikewire.core.instants import MINUTE_NS, SECOND_NS

SYMBOL = "NFO:BANKNIFTY-I"


@pytest.fixture
def bars():
    made = np.zeros(3, BAR_DTYPE)
    made["ts_ns"] = 1_672_371_900 * SECOND_NS + np.arange(3) * MINUTE_NS
    made["open"], made["high"], made["low"], made["close"] = 100.05, 101.0, 99.95, 100.5
    made["volume"] = [25.0, np.nan, 0.0]
    made["oi"] = [1_000.0, 1_025.0, np.nan]
    made["source"] = [Source.TICKS, Source.BROKER, Source.FILE]
    made["tick_count"] = [3, 2, 0]
    made["revision"] = [0, 1, 1]
    made["flags"] = [0, 0, BarFlag.PARTIAL | BarFlag.AFTER_CLOSE]
    return made


def test_rows_say_everything_of_a_bar(bars):
    rows = json.loads(encode_rows(bars))

    assert rows[1] == {
        "ts": "2022-12-30T03:46:00Z",
        "open": 100.05,
        "high": 101.0,
        "low": 99.95,
        "close": 100.5,
        "volume": None,
        "oi": 1025.0,
        "source": "broker",
        "tick_count": 2,
        "revision": 1,
        "status": "revised",
        "flags": [],
    }
    assert [row["status"] for row in rows] == ["complete", "revised", "partial"]
    assert rows[2]["flags"] == ["partial", "after_close"]


def test_csv_has_empty_cells_where_unknown(bars):
    rows = list(csv.DictReader(io.StringIO(encode_table(list_columns(bars, SYMBOL), CSV).decode())))

    assert [row["volume"] for row in rows] == ["25", "", "0"]
    assert rows[0]["ts"] == "2022-12-30T03:45:00Z"
    assert float(rows[0]["open"]) == 100.05
    assert {row["symbol"] for row in rows} == {SYMBOL}


@pytest.mark.parametrize("media_type", [PARQUET, ARROW_STREAM])
def test_typed_forms_keep_numbers_times_and_nulls(bars, media_type):
    body = encode_table(list_columns(bars, SYMBOL), media_type)
    if media_type == PARQUET:
        table = pyarrow.parquet.read_table(io.BytesIO(body))
    else:
        table = pa.ipc.open_stream(body).read_all()

    assert table.schema.field("ts").type == pa.timestamp("ns", "UTC")
    assert table["ts"].cast(pa.int64()).to_pylist() == bars["ts_ns"].tolist()
    assert table["volume"].to_pylist() == [25.0, None, 0.0]
    assert table["close"].to_pylist() == bars["close"].tolist()
    assert table["source"].to_pylist() == ["ticks", "broker", "file"]
    assert table["flags"].to_pylist() == ["", "", "partial after_close"]


def test_no_bars_are_written_as_none():
    none = np.zeros(0, BAR_DTYPE)

    assert encode_rows(none) == b"[]"
    assert encode_table(list_columns(none, SYMBOL), CSV).count(b"\n") == 1
