"""Tables as JSON rows, CSV, Parquet and Arrow: one writer for every route that answers in rows."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from strikewire.core.instants import format_instants

JSON: Final = "application/json"
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
MEDIA_TYPES: Final = (JSON, CSV, PARQUET, ARROW_STREAM)

#: One column. `datetime64[ns]` is an instant in UTC, NaT none; a float is a number, NaN unknown; a
#: list holds texts, None where there is none; for what is neither there are Arrow's own arrays.
#: In quotes, because an array of Arrow takes no parameter while the program runs.
Column: TypeAlias = "npt.NDArray[Any] | Sequence[str | None] | pa.Array[Any]"
#: Columns of one length, in order.
Columns: TypeAlias = "Mapping[str, Column]"

_INSTANT: Final = pa.timestamp("ns", "UTC")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def build_table(columns: Columns) -> pa.Table:
    """Return columns as a typed table: unknown is null, an instant a timestamp in UTC."""
    return pa.table({name: _build_array(values) for name, values in columns.items()})


def _build_array(values: Column) -> pa.Array[Any]:
    if isinstance(values, pa.Array):
        return values
    if not isinstance(values, np.ndarray):
        return pa.array(values, pa.string())
    # from_pandas makes NaN and NaT a null, which is what unknown is outside.
    array: pa.Array[Any] = pa.array(np.ascontiguousarray(values), from_pandas=True)
    return array.cast(_INSTANT) if values.dtype.kind == "M" else array


def join_tables(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the rows of several tables with the same columns, one below the other.

    Parameters
    ----------
    tables : at least one, of arrays and lists.
    """
    return {
        name: np.concatenate([each[name] for each in tables])
        if isinstance(first, np.ndarray)
        else [value for each in tables for value in each[name]]
        for name, first in tables[0].items()
    }


def encode_rows(columns: Columns) -> bytes:
    """Write columns as a JSON array of objects; what is unknown is null."""
    names = list(columns)
    rows = zip(*(list_values(each) for each in columns.values()), strict=True)
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows])


def list_values(values: Column) -> Sequence[Any]:
    """Return a column as JSON has it, but for NaN, which the writer makes null."""
    if isinstance(values, pa.Array):
        return values.to_pylist()
    if not isinstance(values, np.ndarray):
        return values
    return format_instants(values) if values.dtype.kind == "M" else values.tolist()


def encode_csv(columns: Columns) -> bytes:
    """Write columns as CSV with a header: empty is unknown, a list words, an instant RFC 3339."""
    sink = io.BytesIO()
    pyarrow.csv.write_csv(pa.table({k: _build_cells(v) for k, v in columns.items()}), sink)
    return sink.getvalue()


def _build_cells(values: Column) -> pa.Array[Any]:
    if isinstance(values, np.ndarray):
        if values.dtype.kind != "M":
            return _build_array(values)
        texts: Iterable[str | None] = format_instants(values)
    elif isinstance(values, pa.Array):
        if not pa.types.is_list(values.type):
            return values
        texts = (None if each is None else " ".join(each) for each in values.to_pylist())
    else:
        texts = values
    return pa.array([guard_cell(each) for each in texts], pa.string())


def guard_cell(text: str | None) -> str | None:
    """Return a text that no spreadsheet takes for a formula (S20): a quote in front of one."""
    return f"'{text}" if text and text.startswith(_FORMULA_STARTS) else text


def encode_parquet(columns: Columns) -> bytes:
    """Write columns as one Parquet file."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(build_table(columns), sink, compression="zstd")
    return sink.getvalue()


def encode_arrow(columns: Columns) -> bytes:
    """Write columns as an Arrow IPC stream."""
    table = build_table(columns)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


_ENCODERS: Final[Mapping[str, Callable[[Columns], bytes]]] = MappingProxyType(
    {JSON: encode_rows, CSV: encode_csv, PARQUET: encode_parquet, ARROW_STREAM: encode_arrow}
)


def encode_table(columns: Columns, media_type: str) -> bytes:
    """Write columns in one of `MEDIA_TYPES`."""
    return _ENCODERS[media_type](columns)
