"""Native range partitions, made when the first row for them arrives.

They live in a schema of their own and are made with ATTACH: unlike `CREATE TABLE ... PARTITION OF`,
which locks everybody out of the whole table, it lets readers and writers go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Table, text

from strikewire.store.database import WriteSession
from strikewire.store.schema import PARTITION_SCHEMA, daily_bars, minute_bars

#: Minutes by month: 3,000 instruments make 24 million rows. Days by year: a million.
_PERIODS: Final = {minute_bars.name: "M", daily_bars.name: "Y"}

#: One transaction makes partitions at a time; "STRIKE" in ASCII, and a number of our own.
_LOCK_KEY: Final = 0x5354_5249_4B45_0001
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:key)")

#: A table that TimescaleDB has taken over is not partitioned in this sense: it needs nothing of us.
_LIST_PARTITIONS: Final = text(
    """
    SELECT child.relname
    FROM pg_class AS parent
    LEFT JOIN pg_inherits ON pg_inherits.inhparent = parent.oid
    LEFT JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
    WHERE parent.oid = to_regclass(:table_name) AND parent.relkind = 'p'
    """
)


async def ensure_partitions(session: WriteSession, table: Table, from_ns: int, to_ns: int) -> None:
    """Make the partitions for `[from_ns, to_ns)` that are missing, in the session's transaction.

    One query where none is missing. Where two transactions want the same one, the second waits for
    the first to end.

    Parameters
    ----------
    table : `minute_bars` (a partition per month) or `daily_bars` (per year), UTC.

    Raises
    ------
    DatabaseBusyError : another transaction was making partitions for longer than the lock timeout.
    """
    unit = _PERIODS[table.name]
    first, last = _find_period(from_ns, unit), _find_period(to_ns - 1, unit)
    await _ensure(session, table, np.arange(first, last + 1) if from_ns < to_ns else [])


async def ensure_partitions_of(
    session: WriteSession, table: Table, instants_ns: npt.NDArray[np.int64]
) -> None:
    """Make the missing partitions that rows with these stamps need: `ensure_partitions` with gaps.

    Parameters
    ----------
    instants_ns : int64 (n,), in any order.
    """
    unit = _PERIODS[table.name]
    await _ensure(session, table, np.unique(instants_ns.view("M8[ns]").astype(f"M8[{unit}]")))


async def _ensure(session: WriteSession, table: Table, periods: Iterable[np.datetime64]) -> None:
    wanted = {f"{table.name}_{period}".replace("-", "_"): period for period in periods}
    if not await _find_missing(session, table, wanted):
        return
    await session.execute(_LOCK, {"key": _LOCK_KEY})
    # Asked again: while we waited, another transaction may have made them.
    for name in await _find_missing(session, table, wanted):
        await _attach(session, table, name, wanted[name])


async def _find_missing(session: WriteSession, table: Table, names: Iterable[str]) -> list[str]:
    """Return those of the names that are no partition yet; none if the table has no partitions."""
    found = (await session.execute(_LIST_PARTITIONS, {"table_name": table.name})).scalars().all()
    return sorted(set(names) - set(found)) if found else []


async def _attach(session: WriteSession, table: Table, name: str, period: np.datetime64) -> None:
    """Make a partition beside the table, then attach it. Names are made of our own and a date."""
    following = (period.astype(np.int64) + 1).astype(period.dtype)
    bounds = [_format_bound(period), _format_bound(following)]
    await session.execute(
        text(f"CREATE TABLE {PARTITION_SCHEMA}.{name} (LIKE {table.name} INCLUDING ALL)")
    )
    await session.execute(
        text(
            f"ALTER TABLE {table.name} ATTACH PARTITION {PARTITION_SCHEMA}.{name} "
            f"FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
        )
    )


def _find_period(instant_ns: int, unit: str) -> np.datetime64:
    return np.datetime64(np.datetime64(instant_ns, "ns"), unit)


def _format_bound(period: np.datetime64) -> str:
    return f"{period.astype('M8[D]')} 00:00:00+00"
