"""The tables of chains: what each closed minute left behind.

Series like the bars (see `schema`): NaN is unknown, every column NOT NULL, partitioned by month.
Their columns are those of `core.chain_rows`, in that order, `ts` in the place of `ts_ns`.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    Identity,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from strikewire.core.chain_rows import (
    EXPIRY_METRICS_DTYPE,
    FUTURES_BAR_DTYPE,
    STRIKE_BAR_DTYPE,
)
from strikewire.core.ticks import DEPTH_DTYPE, DEPTH_LEVELS
from strikewire.store.schema_base import Base, metadata

_TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "<i2": SmallInteger(),
    "<i4": Integer(),
    "<i8": BigInteger(),
    "<f8": Double(),
}


class ExpiryRow(Base):
    """`fo_expiries`: every chain that rows were written of; they hold its id for its name."""

    __tablename__ = "fo_expiries"
    __table_args__ = (UniqueConstraint("exchange", "underlying", "expiry"),)

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    exchange: Mapped[str] = mapped_column(Text)
    underlying: Mapped[str] = mapped_column(Text)
    expiry: Mapped[date] = mapped_column(Date)


def _list_levels() -> list[tuple[str, str]]:
    """Return a book's fields one by one, level after level: a table has no arrays of them."""
    flat: list[tuple[str, str]] = []
    for name in DEPTH_DTYPE.names or ():
        kind, shape = DEPTH_DTYPE[name].base.str, DEPTH_DTYPE[name].shape
        levels = [f"{name}_{level}" for level in range(1, DEPTH_LEVELS + 1)] if shape else [name]
        flat += [(each, kind) for each in levels]
    return flat


#: The rows of `fo_depth_minutes`: those of DEPTH_MINUTE_DTYPE, level by level.
FLAT_DEPTH_DTYPE: Final = np.dtype([("instrument_id", "<i4"), ("ts_ns", "<i8"), *_list_levels()])


def _make_table(name: str, dtype: np.dtype[np.void], key: tuple[str, ...]) -> Table:
    columns: list[Column[Any]] = []
    for field in dtype.names or ():
        if field == "ts_ns":
            columns.append(Column("ts", DateTime(timezone=True), primary_key=True))
            continue
        is_key = field in key
        columns.append(
            Column(
                field,
                _TYPES[dtype[field].str],
                primary_key=is_key,
                autoincrement=False,
                nullable=False,
            )
        )
    return Table(name, metadata, *columns, postgresql_partition_by="RANGE (ts)")


#: One strike of one expiry each minute: its call and its put.
fo_option_strike_bars = _make_table(
    "fo_option_strike_bars", STRIKE_BAR_DTYPE, ("expiry_id", "strike")
)

#: One expiry each minute.
fo_expiry_metrics = _make_table("fo_expiry_metrics", EXPIRY_METRICS_DTYPE, ("expiry_id",))

#: One future each minute.
futures_bars = _make_table("futures_bars", FUTURES_BAR_DTYPE, ("instrument_id",))

#: The five best levels of tracked contracts each minute.
fo_depth_minutes = _make_table("fo_depth_minutes", FLAT_DEPTH_DTYPE, ("instrument_id",))
