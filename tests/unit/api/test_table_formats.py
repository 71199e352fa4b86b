from __future__ import annotations

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from strikewire.api.table_formats import (
    ARROW_STREAM,
    CSV,
    JSON,
    MEDIA_TYPES,
    PARQUET,
    encode_table,
)
from strikewire.core.instants import MINUTE_NS, SECOND_NS

OPEN_NS = 1_672_371_900 * SECOND_NS
STAMPS = np.array([OPEN_NS, OPEN_NS + MINUTE_NS, OPEN_NS], "datetime64[ns]")


@pytest.fixture
def columns():
    stamps = STAMPS.copy()
    stamps[2] = "NaT"
    return {
        "ts": stamps,
        "text": ["a", None, "=1+1"],
        "value": np.array([0.1, np.nan, -3.0]),
        "count": np.array([1, 2, 3]),
        "is_known": np.array([True, False, True]),
        "days": pa.array([0, None, 5], pa.int64()),
        "names": pa.array([["W1"], ["M1", "Q1"], []], pa.list_(pa.string())),
    }


def test_rows_are_objects_and_unknown_is_null(columns):
    assert json.loads(encode_table(columns, JSON)) == [
        {
            "ts": "2022-12-30T03:45:00Z", "text": "a", "value": 0.1, "count": 1, "is_known": True,
            "days": 0, "names": ["W1"],
        },
        {
            "ts": "2022-12-30T03:46:00Z", "text": None, "value": None, "count": 2,
            "is_known": False, "days": None, "names": ["M1", "Q1"],
        },
        {
            "ts": None, "text": "=1+1", "value": -3.0, "count": 3, "is_known": True,
            "days": 5, "names": [],
        },
    ]  # fmt: skip


def test_csv_has_empty_cells_where_unknown(columns):
    rows = list(csv.DictReader(io.StringIO(encode_table(columns, CSV).decode())))

    assert [row["ts"] for row in rows] == ["2022-12-30T03:45:00Z", "2022-12-30T03:46:00Z", ""]
    assert [row["value"] for row in rows] == ["0.1", "", "-3"]
    assert [row["text"] for row in rows][:2] == ["a", ""]
    assert [row["days"] for row in rows] == ["0", "", "5"]
    assert [row["names"] for row in rows] == ["W1", "M1 Q1", ""]


@pytest.mark.parametrize("media_type", [PARQUET, ARROW_STREAM])
def test_typed_forms_keep_types_and_nulls(columns, media_type):
    body = encode_table(columns, media_type)
    if media_type == PARQUET:
        table = pyarrow.parquet.read_table(io.BytesIO(body))
    else:
        table = pa.ipc.open_stream(body).read_all()

    assert table.schema.names == list(columns)
    assert table.schema.field("ts").type == pa.timestamp("ns", "UTC")
    assert table["ts"].cast(pa.int64()).to_pylist() == [OPEN_NS, OPEN_NS + MINUTE_NS, None]
    assert table["text"].to_pylist() == ["a", None, "=1+1"]
    assert table["value"].to_pylist() == [0.1, None, -3.0]
    assert table["is_known"].to_pylist() == [True, False, True]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_table_without_rows_can_be_written(columns, media_type):
    body = encode_table({name: each[:0] for name, each in columns.items()}, media_type)

    assert body == b"[]" if media_type == JSON else body


@pytest.mark.promise("S20")
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_cell_cannot_start_a_formula(text):
    body = encode_table({"symbol": [text, "NFO:BANKNIFTY-I"]}, CSV).decode()
    rows = [row["symbol"] for row in csv.DictReader(io.StringIO(body, newline=""))]

    assert rows == [f"'{text}", "NFO:BANKNIFTY-I"]
