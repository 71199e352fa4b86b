"""Binary COPY: arrays in, arrays out, no Python object per row.

Every column here is NOT NULL and of fixed width, so a row is a packed structure and a table is an
array. Format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final

import asyncpg
import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.errors import ConflictError
from strikewire.core.instants import MICROSECOND_NS, POSTGRES_EPOCH_NS, to_datetime
from strikewire.store.database import WriteSession, driver_connection

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
_TRAILER: Final = b"\xff\xff"

#: Rows encoded at a time: a quarter of a megabyte stays in the cache, and takes the event loop a
#: tenth of a millisecond.
_BLOCK_ROWS: Final = 2_048


class WireType(Enum):
    """A PostgreSQL type of fixed width, as NumPy reads its bytes."""

    INT2 = ">i2"
    INT4 = ">i4"
    FLOAT8 = ">f8"
    #: Microseconds since 2000-01-01T00:00Z; a bigint travels the same way.
    TIMESTAMPTZ = ">i8"


class CopyLayout:
    """The columns of a COPY, and the structure of its rows.

    Parameters
    ----------
    columns : name and type of each column, in the order they are sent.
    """

    def __init__(self, columns: Mapping[str, WireType]) -> None:
        self.columns = dict(columns)
        self.names = tuple(columns)
        fields = [("field_count", ">i2")]
        for name, wire in columns.items():
            fields += [(f"{name}_length", ">i4"), (name, wire.value)]
        #: A row as it travels: the count of fields, then length and value of each.
        self.row_dtype = np.dtype(fields)
        self._template = np.zeros((), self.row_dtype)
        self._template["field_count"] = len(self.names)
        for name in self.names:
            self._template[f"{name}_length"] = self.row_dtype[name].itemsize

    def encode_blocks(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Iterator[bytes]:
        """Yield the buffer piece by piece: header, rows, trailer.

        Parameters
        ----------
        arrays : one array (n,) per column; timestamps as int64 microseconds since 2000-01-01.
        """
        yield _HEADER
        row_count = len(arrays[self.names[0]])
        for start in range(0, row_count, _BLOCK_ROWS):
            stop = min(start + _BLOCK_ROWS, row_count)
            # Repeating bytes takes 5 ns a row, np.full of a structure 65: most of the whole.
            rows = np.frombuffer(
                bytearray(self._template.tobytes()) * (stop - start), self.row_dtype
            )
            for name in self.names:
                rows[name] = arrays[name][start:stop]
            yield rows.tobytes()
        yield _TRAILER

    def decode(self, buffer: bytes | bytearray | memoryview) -> npt.NDArray[np.void]:
        """Return the rows of a whole buffer, `row_dtype` (n,), as a view of it.

        Raises
        ------
        ValueError : the buffer is cut off, or holds other columns than these.
        """
        size = len(buffer) - len(_HEADER) - len(_TRAILER)
        count, rest = divmod(size, self.row_dtype.itemsize)
        if size < 0 or rest or bytes(buffer[: len(_HEADER)]) != _HEADER:
            msg = (
                f"a binary COPY with rows of {self.row_dtype.itemsize} bytes was wanted, "
                f"found {len(buffer)} bytes starting with {bytes(buffer[:11])!r}"
            )
            raise ValueError(msg)
        rows = np.frombuffer(buffer, self.row_dtype, count, len(_HEADER))
        for name in ("field_count", *(f"{name}_length" for name in self.names)):
            if (rows[name] != self._template[name]).any():
                msg = f"{name} must be {self._template[name]} in every row, was another in some"
                raise ValueError(msg)
        return rows


#: The bar tables, in the order of `schema.minute_bars` and `schema.daily_bars`.
BAR_LAYOUT: Final = CopyLayout(
    {
        "instrument_id": WireType.INT4,
        "ts": WireType.TIMESTAMPTZ,
        "open": WireType.FLOAT8,
        "high": WireType.FLOAT8,
        "low": WireType.FLOAT8,
        "close": WireType.FLOAT8,
        "volume": WireType.FLOAT8,
        "oi": WireType.FLOAT8,
        "tick_count": WireType.INT4,
        "revision": WireType.INT2,
        "source": WireType.INT2,
        "flags": WireType.INT2,
    }
)


def list_bar_columns(bars: npt.NDArray[np.void]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays `BAR_LAYOUT` wants of BAR_DTYPE (n,), views where they can be."""
    columns = {name: bars[name] for name in BAR_LAYOUT.names if name != "ts"}
    return columns | {"ts": to_postgres_us(bars["ts_ns"])}


def encode_bars(bars: npt.NDArray[np.void]) -> bytes:
    """Encode BAR_DTYPE (n,) as one buffer for `COPY ... (FORMAT binary)`."""
    return b"".join(BAR_LAYOUT.encode_blocks(list_bar_columns(bars)))


def decode_bars(buffer: bytes | bytearray | memoryview) -> npt.NDArray[np.void]:
    """Decode what `encode_bars` or a `COPY ... TO` of a bar table wrote, as BAR_DTYPE (n,).

    Raises
    ------
    ValueError : the buffer is cut off, or holds other columns.
    """
    rows = BAR_LAYOUT.decode(buffer)
    bars = np.empty(len(rows), BAR_DTYPE)
    for name in BAR_LAYOUT.names:
        if name != "ts":
            bars[name] = rows[name]
    bars["ts_ns"] = from_postgres_us(rows["ts"])
    return bars


def to_postgres_us(instants_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Convert instants to PostgreSQL's timestamps, cut to the microsecond."""
    return (instants_ns - POSTGRES_EPOCH_NS) // MICROSECOND_NS


def from_postgres_us(timestamps_us: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Convert PostgreSQL's timestamps to instants."""
    return timestamps_us.astype(np.int64) * MICROSECOND_NS + POSTGRES_EPOCH_NS


def make_bound(instant_ns: int) -> datetime:
    """Return the first timestamp not before an instant: the database counts microseconds."""
    return to_datetime(-(-instant_ns // MICROSECOND_NS) * MICROSECOND_NS)


async def copy_in(
    session: WriteSession,
    table_name: str,
    columns: Sequence[str],
    blocks: Iterable[bytes],
) -> None:
    """COPY a binary buffer into a table, on the session's own connection and in its transaction.

    Parameters
    ----------
    columns : the table's columns, in the order of the buffer.
    blocks : the buffer in pieces; the server is never more than one piece behind.

    Raises
    ------
    ConflictError : a row with the same key is there already; the transaction can only be rolled
        back.
    """

    async def send() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    connection = await driver_connection(session)
    try:
        await connection.copy_to_table(
            table_name, source=send(), columns=list(columns), format="binary"
        )
    except asyncpg.UniqueViolationError as error:
        msg = f"rows new to {table_name} were wanted: {error.detail or error}"
        raise ConflictError(msg, table=table_name) from error
