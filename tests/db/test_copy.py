from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.errors import ConflictError
from strikewire.core.instants import MICROSECOND_NS, parse_rfc3339
from strikewire.store.copy import (
    BAR_LAYOUT,
    copy_in,
    decode_bars,
    encode_bars,
    list_bar_columns,
)
from strikewire.store.database import driver_connection
from strikewire.store.partitions import ensure_partitions_of
from strikewire.store.schema import daily_bars, minute_bars
from tests.arrays import assert_same_bars

NOON = parse_rfc3339("2022-12-30T12:00:00Z")
any_float = st.floats(width=64)
bar_rows = st.tuples(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**31 - 1),
    st.integers(-(10**14), 10**15).map(lambda us: us * MICROSECOND_NS),
    *[any_float] * 6,
    st.integers(0, 2**15 - 1),
    st.integers(1, 3),
    st.integers(0, 7),
)


def make_bars(count: int) -> np.ndarray:
    bars = np.zeros(count, BAR_DTYPE)
    bars["instrument_id"] = 1
    bars["ts_ns"] = NOON + np.arange(count) * 60_000_000_000
    bars["close"] = np.arange(count) / 20
    bars["oi"] = np.nan
    bars["source"] = 1
    return bars


@given(st.lists(bar_rows, max_size=30))
def test_encoded_bars_decode_to_themselves(rows):
    bars = np.array(rows, BAR_DTYPE)

    assert_same_bars(decode_bars(encode_bars(bars)), bars)


@pytest.mark.parametrize(
    "damage",
    [
        lambda buffer: buffer[:-1],
        lambda buffer: buffer[1:],
        lambda buffer: buffer[:0],
        lambda buffer: buffer[:19] + b"\0\x0b" + buffer[21:],
        lambda buffer: buffer.replace(b"\0\0\0\x08", b"\0\0\0\x04", 1),
    ],
)
def test_buffer_of_something_else_is_refused(damage):
    buffer = damage(encode_bars(make_bars(3)))

    with pytest.raises(ValueError, match=r"was wanted|must be"):
        decode_bars(buffer)


@pytest.mark.parametrize("table", [minute_bars, daily_bars], ids=str)
def test_layout_is_the_tables(table):
    # COPY goes by position, and `LIKE` makes partitions in the table's order.
    assert BAR_LAYOUT.names == tuple(table.columns.keys())


async def test_postgres_reads_and_writes_the_same_bytes(database):
    # More than one block of rows.
    bars = make_bars(5_000)
    written = bytearray()

    async def collect(data: bytes) -> None:
        written.extend(data)

    async with database.write() as session:
        await ensure_partitions_of(session, minute_bars, bars["ts_ns"])
        blocks = BAR_LAYOUT.encode_blocks(list_bar_columns(bars))
        await copy_in(session, "minute_bars", BAR_LAYOUT.names, blocks)
        first = (
            await session.execute(text("SELECT ts, close, oi FROM minute_bars ORDER BY ts LIMIT 1"))
        ).one()
        connection = await driver_connection(session)
        await connection.copy_from_query(
            "SELECT * FROM minute_bars ORDER BY ts", output=collect, format="binary"
        )

    assert first.ts.isoformat() == "2022-12-30T12:00:00+00:00"
    assert (first.close, str(first.oi)) == (0.0, "nan")
    assert written == encode_bars(bars)


async def test_copy_of_a_row_that_is_there_is_a_conflict(database):
    bars = make_bars(1)

    async def write() -> None:
        async with database.write() as session:
            await ensure_partitions_of(session, minute_bars, bars["ts_ns"])
            await copy_in(session, "minute_bars", BAR_LAYOUT.names, [encode_bars(bars)])

    await write()
    with pytest.raises(ConflictError, match="already exists"):
        await write()
