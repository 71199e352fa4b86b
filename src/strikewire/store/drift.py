"""Drift: how a database differs from the schema that the program was written for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from strikewire.store.schema import metadata


def find_drift(connection: Connection) -> list[str]:
    """Return what would have to be done to the database; empty when it is as it should be.

    Each entry is one step: `add column minute_bars.vwap`. Partitions are not looked at, nor is any
    schema but the connection's own.
    """
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(_describe(compare_metadata(context, metadata)))


def _describe(differences: Iterable[Any]) -> Iterable[str]:
    """Yield what Alembic found, in words; it gives tuples, those of one column in a list."""
    for difference in differences:
        if isinstance(difference, list):
            yield from _describe(difference)
            continue
        kind, *parts = difference
        words = kind.replace("_", " ")
        if kind in ("add_column", "remove_column"):
            yield f"{words} {parts[1]}.{parts[2].name}"
        elif kind.startswith("modify_"):
            yield f"{words} of {parts[1]}.{parts[2]} from {parts[-2]} to {parts[-1]}"
        elif getattr(parts[0], "table", None) is not None:
            yield f"{words} {parts[0].name} of {parts[0].table.name}"
        else:
            yield f"{words} {parts[0].name}"
