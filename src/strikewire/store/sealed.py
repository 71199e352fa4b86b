"""Sealed columns: which there are, and their values in batches, for whoever changes the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    ColumnElement,
    Dialect,
    LargeBinary,
    MetaData,
    Text,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.types import TypeDecorator

from strikewire.core.sealed import KEY_ID_BYTES, SEALED_PREFIX, SealedBytes, SealedPlace
from strikewire.store.database import ReadSession, WriteSession


class Sealed(TypeDecorator[SealedBytes]):
    """The type of a column for sealed values; it takes nothing else.

    A migration writes it as `sa.LargeBinary()`. The table needs a primary key of one column.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: SealedBytes | None, dialect: Dialect) -> bytes | None:
        """Refuse what is not sealed, before it gets to the server or into its log."""
        del dialect
        if value is not None and not value.startswith(SEALED_PREFIX):
            msg = "a sealed value was wanted, and what came is not sealed"
            raise ValueError(msg)
        return value

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> SealedBytes | None:
        """Return what is stored."""
        del dialect
        return None if value is None else SealedBytes(value)


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value, and where it stands."""

    place: SealedPlace
    sealed: SealedBytes


class SealedStore:
    """The sealed values of every table, as the schema declares them.

    Parameters
    ----------
    metadata : the schema.
    """

    def __init__(self, metadata: MetaData) -> None:
        self._columns = {
            f"{table.name}.{column.name}": column
            for table in metadata.sorted_tables
            for column in table.columns
            if isinstance(column.type, Sealed)
        }

    @property
    def columns(self) -> Sequence[str]:
        """Every sealed column, as `table.column`."""
        return tuple(self._columns)

    async def count_by_key(self, session: ReadSession | WriteSession, name: str) -> dict[str, int]:
        """Return how many values of a column are sealed under each key, by the keys' ids."""
        column = self._columns[name]
        key_id = func.encode(_read_key_id(column), "hex")
        query = select(key_id, func.count()).where(column.is_not(None)).group_by(key_id)
        return {str(found): int(count) for found, count in await session.execute(query)}

    async def lock_under_other_keys(
        self, session: WriteSession, name: str, key_id: str, *, limit: int
    ) -> list[SealedValue]:
        """Return some values of a column that are not sealed under a key, their rows locked."""
        column = self._columns[name]
        row_id = cast(_find_key(column), Text)
        query = (
            select(row_id, column)
            .where(column.is_not(None), _read_key_id(column) != bytes.fromhex(key_id))
            .order_by(_find_key(column))
            .limit(limit)
            .with_for_update()
        )
        return [
            SealedValue(SealedPlace(column.table.name, column.name, found), sealed)
            for found, sealed in await session.execute(query)
        ]

    async def replace(self, session: WriteSession, values: Sequence[SealedValue]) -> None:
        """Put values in the places of those that stand there."""
        for each in values:
            column = self._columns[f"{each.place.table}.{each.place.column}"]
            await session.execute(
                update(column.table)
                .where(cast(_find_key(column), Text) == each.place.row_id)
                .values({column: each.sealed})
            )


def _find_key(column: Column[SealedBytes]) -> Column[object]:
    (key,) = column.table.primary_key.columns
    return key


def _read_key_id(column: Column[SealedBytes]) -> ColumnElement[bytes]:
    return func.substring(
        cast(column, LargeBinary), len(SEALED_PREFIX) + 1, KEY_ID_BYTES, type_=LargeBinary
    )
