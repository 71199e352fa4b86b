"""Bars as JSON rows, CSV, Parquet and Arrow."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from strikewire.core.bars import BarFlag, Source, name_statuses
from strikewire.core.instants import format_rfc3339

JSON: Final = "application/json"
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"

_NUMBERS: Final = ("open", "high", "low", "close", "volume", "oi")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def guard_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula (S20): a quote in front of one."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def name_flags(flags: int) -> list[str]:
    """Return the names of a bar's flags, as the API says them."""
    return [str(flag.name).lower() for flag in BarFlag(flags)]


def name_sources(bars: npt.NDArray[np.void]) -> list[str]:
    """Return the name of each bar's source."""
    names = {int(source): source.label for source in Source}
    return [names[each] for each in bars["source"].tolist()]


def encode_rows(bars: npt.NDArray[np.void]) -> bytes:
    """Write bars as a JSON array of objects; NaN is null."""
    flags = {each: name_flags(each) for each in np.unique(bars["flags"]).tolist()}
    rows = zip(
        bars["ts_ns"].tolist(), *(bars[name].tolist() for name in _NUMBERS),
        name_sources(bars), bars["tick_count"].tolist(), bars["revision"].tolist(),
        name_statuses(bars), bars["flags"].tolist(),
        strict=True,
    )  # fmt: skip
    return orjson.dumps(
        [
            {
                "ts": format_rfc3339(ts_ns), "open": o, "high": h, "low": lo, "close": c,
                "volume": volume, "oi": oi, "source": source, "tick_count": tick_count,
                "revision": revision, "status": status, "flags": flags[bits],
            }
            for ts_ns, o, h, lo, c, volume, oi, source, tick_count, revision, status, bits in rows
        ]
    )  # fmt: skip


def _build_table(bars: npt.NDArray[np.void], symbol: str, ts: pa.Array[Any]) -> pa.Table:
    columns: dict[str, Any] = {
        "symbol": pa.array([symbol] * len(bars), pa.string()),
        "ts": ts,
        # from_pandas makes NaN a null, which is what unknown is outside.
        **{name: pa.array(np.ascontiguousarray(bars[name]), from_pandas=True) for name in _NUMBERS},
        "source": pa.array(name_sources(bars), pa.string()),
        "tick_count": pa.array(np.ascontiguousarray(bars["tick_count"])),
        "revision": pa.array(np.ascontiguousarray(bars["revision"])),
        "status": pa.array(name_statuses(bars), pa.string()),
        "flags": pa.array(
            [" ".join(name_flags(each)) for each in bars["flags"].tolist()], pa.string()
        ),
    }
    return pa.table(columns)


def _build_typed_table(bars: npt.NDArray[np.void], symbol: str) -> pa.Table:
    instants = pa.array(np.ascontiguousarray(bars["ts_ns"])).cast(pa.timestamp("ns", "UTC"))
    return _build_table(bars, symbol, instants)


def encode_csv(bars: npt.NDArray[np.void], symbol: str) -> bytes:
    """Write bars as CSV with a header; an empty cell is unknown."""
    ts = pa.array([format_rfc3339(each) for each in bars["ts_ns"].tolist()], pa.string())
    sink = io.BytesIO()
    pyarrow.csv.write_csv(_build_table(bars, guard_cell(symbol), ts), sink)
    return sink.getvalue()


def encode_parquet(bars: npt.NDArray[np.void], symbol: str) -> bytes:
    """Write bars as one Parquet file; `ts` is a timestamp in UTC."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(_build_typed_table(bars, symbol), sink, compression="zstd")
    return sink.getvalue()


def encode_arrow(bars: npt.NDArray[np.void], symbol: str) -> bytes:
    """Write bars as an Arrow IPC stream; `ts` is a timestamp in UTC."""
    table = _build_typed_table(bars, symbol)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
