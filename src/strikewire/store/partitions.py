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

from strikewire.store.chain_schema import (
    fo_depth_minutes,
    fo_expiry_metrics,
    fo_option_strike_bars,
    futures_bars,
)
from strikewire.store.database import WriteSession
from strikewire.store.schema import (
    PARTITION_SCHEMA,
    daily_bars,
    minute_bars,
    strategy_m2m_candles,
)

#: Minutes by month: 3,000 instruments make 24 million rows. Days by year: a million.
_PERIODS: Final = {
    minute_bars.name: "M",
    daily_bars.name: "Y",
    fo_option_strike_bars.name: "M",
    fo_expiry_metrics.name: "M",
    futures_bars.name: "M",
    fo_depth_minutes.name: "M",
    strategy_m2m_candles.name: "M",
}

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
    table : `daily_bars` (a partition per year), or a table of minutes (per month), UTC.

    Raises
    ------
    DatabaseBusyError : another transaction was making partitions for longer than the lock timeout.
    """
    if from_ns < to_ns:
        first, last = _count_periods(table, np.array([from_ns, to_ns - 1])).tolist()
        await _ensure(session, table, range(first, last + 1))


async def ensure_partitions_of(
    session: WriteSession, table: Table, instants_ns: npt.NDArray[np.int64]
) -> None:
    """Make the missing partitions that rows with these stamps need: `ensure_partitions` with gaps.

    Parameters
    ----------
    instants_ns : int64 (n,), in any order.
    """
    await _ensure(session, table, np.unique(_count_periods(table, instants_ns)).tolist())


async def _ensure(session: WriteSession, table: Table, periods: Iterable[int]) -> None:
    wanted = {f"{table.name}_{_name_period(table, each)}": each for each in periods}
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


async def _attach(session: WriteSession, table: Table, name: str, period: int) -> None:
    """Make a partition beside the table, then attach it. Names are made of our own and a date."""
    bounds = [f"{_find_start(table, each)} 00:00:00+00" for each in (period, period + 1)]
    await session.execute(
        text(f"CREATE TABLE {PARTITION_SCHEMA}.{name} (LIKE {table.name} INCLUDING ALL)")
    )
    await session.execute(
        text(
            f"ALTER TABLE {table.name} ATTACH PARTITION {PARTITION_SCHEMA}.{name} "
            f"FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')"
        )
    )


def _count_periods(table: Table, instants_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the month or the year of each instant, counted from 1970."""
    periods = instants_ns.astype("M8[ns]").astype(f"M8[{_PERIODS[table.name]}]")
    return periods.astype(np.int64)


def _name_period(table: Table, period: int) -> str:
    """Return `2022_12` for a month, `2022` for a year."""
    return str(np.array(period).astype(f"M8[{_PERIODS[table.name]}]")).replace("-", "_")


def _find_start(table: Table, period: int) -> str:
    """Return the first day of a month or a year, `2022-12-01`."""
    return str(np.array(period).astype(f"M8[{_PERIODS[table.name]}]").astype("M8[D]"))
