"""Bars as JSON rows, and as the columns of any other form of a table."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from strikewire.api.table_formats import Columns
from strikewire.core.bars import TRAVELLING_FLAGS, BarFlag, Source, name_statuses
from strikewire.core.instants import format_rfc3339

_NUMBERS: Final = ("open", "high", "low", "close", "volume", "oi")


def name_flags(flags: int) -> list[str]:
    """Return the names of a bar's flags, as the API says them."""
    return [str(flag.name).lower() for flag in BarFlag(flags) & ~TRAVELLING_FLAGS]


def name_sources(bars: npt.NDArray[np.void]) -> list[str]:
    """Return the name of each bar's source."""
    names = {int(source): source.label for source in Source}
    return [names[each] for each in bars["source"].tolist()]


def encode_rows(bars: npt.NDArray[np.void]) -> bytes:
    """Write bars as a JSON array of objects; NaN is null.

    Beside `table_formats.encode_rows`, because here flags are a list, and because an answer may be
    50,000 bars: a dictionary that is spelled out is made in half the time.
    """
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


def list_columns(bars: npt.NDArray[np.void], symbol: str) -> Columns:
    """Return the columns of a table of bars: the instrument's symbol, then what the rows say."""
    return {
        "symbol": [symbol] * len(bars),
        "ts": bars["ts_ns"].astype("datetime64[ns]"),
        **{name: bars[name] for name in _NUMBERS},
        "source": name_sources(bars),
        "tick_count": bars["tick_count"],
        "revision": bars["revision"],
        "status": name_statuses(bars),
        "flags": [" ".join(name_flags(each)) for each in bars["flags"].tolist()],
    }
