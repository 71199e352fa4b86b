"""Series of any structure: arrays in by COPY, arrays out as one value, what is there stays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    Column,
    ColumnElement,
    CursorResult,
    FromClause,
    LargeBinary,
    MetaData,
    Select,
    Table,
    delete,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import Insert, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.schema import CreateTable

from strikewire.store.copy import CopyLayout, WireType, copy_in, from_postgres_us, to_postgres_us
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.partitions import ensure_partitions_of

_WIRES: Final = {
    "<i2": WireType.INT2,
    "<i4": WireType.INT4,
    "<i8": WireType.TIMESTAMPTZ,
    "<f8": WireType.FLOAT8,
}
_SENDERS: Final = {
    "<i2": "int2send",
    "<i4": "int4send",
    "<i8": "int8send",
    "<f8": "float8send",
}


@dataclass(frozen=True, slots=True)
class Series:
    """A table whose rows are a NumPy structure: `ts` there is `ts_ns` here.

    Parameters
    ----------
    table : partitioned by `ts`, all columns NOT NULL.
    dtype : a field for each column, in its order.
    """

    table: Table
    dtype: np.dtype[np.void]

    @property
    def key(self) -> list[str]:
        """The columns of the primary key."""
        return [column.name for column in self.table.primary_key.columns]

    def make_layout(self) -> CopyLayout:
        """Return how rows travel to the server."""
        return CopyLayout({_name(field): self._find_wire(field) for field in self._fields})

    @property
    def _fields(self) -> tuple[str, ...]:
        return self.dtype.names or ()

    def _find_wire(self, field: str) -> WireType:
        return WireType.TIMESTAMPTZ if field == "ts_ns" else _WIRES[self.dtype[field].str]

    def list_columns(self, rows: npt.NDArray[np.void]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that the layout wants."""
        return {
            _name(field): to_postgres_us(rows[field]) if field == "ts_ns" else rows[field]
            for field in self._fields
        }

    def pack(self, rows: FromClause) -> ColumnElement[bytes]:
        """Return a row's bytes as the server sends them, one column after the other."""
        return reduce(
            lambda sent, each: sent.concat(each),
            (self._send(rows.c[_name(field)], field) for field in self._fields),
        )

    def _send(self, column: ColumnElement[Any], field: str) -> ColumnElement[bytes]:
        name = "timestamptz_send" if field == "ts_ns" else _SENDERS[self.dtype[field].str]
        sent: ColumnElement[bytes] = getattr(func, name)(column, type_=LargeBinary)
        return sent

    def unpack(self, found: bytes) -> npt.NDArray[np.void]:
        """Return the rows of what `pack` gave, one after the other."""
        swapped = np.dtype([(field, self.dtype[field].newbyteorder(">")) for field in self._fields])
        sent = np.frombuffer(found, swapped)
        rows = np.empty(len(sent), self.dtype)
        for field in self._fields:
            rows[field] = from_postgres_us(sent[field]) if field == "ts_ns" else sent[field]
        return rows


async def append_rows(session: WriteSession, series: Series, rows: npt.NDArray[np.void]) -> None:
    """Write rows that are known to be new, by a straight COPY.

    Raises
    ------
    ConflictError : one of them was there already; nothing is written.
    """
    if len(rows):
        await ensure_partitions_of(session, series.table, rows["ts_ns"])
        await _copy(session, series, series.table.name, rows)


async def add_rows(session: WriteSession, series: Series, rows: npt.NDArray[np.void]) -> int:
    """Write those rows whose keys are not there; return how many that were."""
    if not len(rows):
        return 0
    await ensure_partitions_of(session, series.table, rows["ts_ns"])
    insert = await _stage(session, series, rows)
    result = await session.execute(insert.on_conflict_do_nothing())
    return cast("CursorResult[Any]", result).rowcount


async def put_rows(session: WriteSession, series: Series, rows: npt.NDArray[np.void]) -> None:
    """Write rows, in the place of those with the same keys; each key once."""
    if not len(rows):
        return
    await ensure_partitions_of(session, series.table, rows["ts_ns"])
    insert = await _stage(session, series, rows)
    key = series.key
    values = [each.name for each in series.table.columns if each.name not in key]
    changed = or_(
        *(series.table.c[name].is_distinct_from(insert.excluded[name]) for name in values)
    )
    await session.execute(
        insert.on_conflict_do_update(
            index_elements=key, set_={name: insert.excluded[name] for name in values}, where=changed
        )
    )


async def _stage(session: WriteSession, series: Series, rows: npt.NDArray[np.void]) -> Insert:
    """Send rows to a temporary table; return what inserts them, in the order of their keys."""
    stage = _make_stage(series)
    await session.execute(CreateTable(stage, if_not_exists=True))
    await session.execute(delete(stage))
    await _copy(session, series, stage.name, rows)
    key = [stage.c[name] for name in series.key]
    return pg_insert(series.table).from_select(
        [column.name for column in stage.columns], select(stage).order_by(*key)
    )


async def load_rows(
    session: ReadSession | WriteSession, series: Series, query: Select[Any]
) -> npt.NDArray[np.void]:
    """Return what a query over the series' own table finds, in key order, as one value."""
    rows = query.subquery()
    nothing = literal_column("''::bytea", LargeBinary)
    order = [rows.c[name] for name in series.key]
    joined = func.string_agg(series.pack(rows), aggregate_order_by(nothing, *order))
    found = (await session.execute(select(joined))).scalar_one()
    return series.unpack(found or b"")


async def _copy(
    session: WriteSession, series: Series, table_name: str, rows: npt.NDArray[np.void]
) -> None:
    layout = series.make_layout()
    await copy_in(
        session, table_name, layout.names, layout.encode_blocks(series.list_columns(rows))
    )


def _make_stage(series: Series) -> Table:
    """Return where rows wait: a temporary table, emptied at each commit."""
    return Table(
        f"{series.table.name}_stage",
        MetaData(),
        *(Column(column.name, column.type, nullable=False) for column in series.table.columns),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DELETE ROWS",
    )


def _name(field: str) -> str:
    return "ts" if field == "ts_ns" else field
