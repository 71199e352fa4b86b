"""Rows of chains in the store: written once per minute, read by minute or as series."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    ARRAY,
    BindParameter,
    DateTime,
    Integer,
    Select,
    Table,
    and_,
    any_,
    bindparam,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from strikewire.core.chain_rows import (
    DEPTH_MINUTE_DTYPE,
    EXPIRY_METRICS_DTYPE,
    FUTURES_BAR_DTYPE,
    STRIKE_BAR_DTYPE,
)
from strikewire.core.instants import from_datetime
from strikewire.core.ticks import DEPTH_DTYPE
from strikewire.store.chain_schema import (
    FLAT_DEPTH_DTYPE,
    ExpiryRow,
    fo_depth_minutes,
    fo_expiry_metrics,
    fo_option_strike_bars,
    futures_bars,
)
from strikewire.store.copy import make_bound
from strikewire.store.database import ReadSession, WriteSession
from strikewire.store.series import Series, add_rows, append_rows, load_rows

_STRIKES: Final = Series(fo_option_strike_bars, STRIKE_BAR_DTYPE)
_METRICS: Final = Series(fo_expiry_metrics, EXPIRY_METRICS_DTYPE)
_FUTURES: Final = Series(futures_bars, FUTURES_BAR_DTYPE)
_DEPTH: Final = Series(fo_depth_minutes, FLAT_DEPTH_DTYPE)

#: Names a chain: exchange, underlying, expiry.
ExpiryName = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class ChainRows:
    """What minutes leave behind; see `core.chain_rows`.

    Parameters
    ----------
    strikes : STRIKE_BAR_DTYPE (n,).
    metrics : EXPIRY_METRICS_DTYPE (e,).
    futures : FUTURES_BAR_DTYPE (f,).
    depth : DEPTH_MINUTE_DTYPE (b,).
    """

    strikes: npt.NDArray[np.void]
    metrics: npt.NDArray[np.void]
    futures: npt.NDArray[np.void]
    depth: npt.NDArray[np.void]

    def __len__(self) -> int:
        """Return the number of rows of all kinds."""
        return len(self.strikes) + len(self.metrics) + len(self.futures) + len(self.depth)


class ChainRowStore:
    """Rows of chains. Holds nothing: every method works in the caller's transaction."""

    async def register(
        self, session: WriteSession, names: Collection[ExpiryName]
    ) -> dict[ExpiryName, int]:
        """Return the ids of chains, given to those that have none."""
        found = await self.find_ids(session, names)
        missing = sorted(set(names) - found.keys())
        if not missing:
            return found
        values = [
            {"exchange": exchange, "underlying": underlying, "expiry": expiry}
            for exchange, underlying, expiry in missing
        ]
        await session.execute(pg_insert(ExpiryRow).values(values).on_conflict_do_nothing())
        return await self.find_ids(session, names)

    async def find_ids(
        self, session: ReadSession | WriteSession, names: Collection[ExpiryName]
    ) -> dict[ExpiryName, int]:
        """Return the ids of those chains that rows were written of."""
        row = ExpiryRow
        query = select(row.exchange, row.underlying, row.expiry, row.id).where(
            tuple_(row.exchange, row.underlying, row.expiry).in_(list(names))
        )
        found = (await session.execute(query)).all()
        return {(each[0], each[1], each[2]): each[3] for each in found}

    async def append(self, session: WriteSession, rows: ChainRows) -> None:
        """Write rows that are known to be new.

        Raises
        ------
        ConflictError : one of them was there already; nothing is written.
        """
        for series, each in _split(rows):
            await append_rows(session, series, each)

    async def add(self, session: WriteSession, rows: ChainRows) -> int:
        """Write those rows that are not there; the ones that are stay. Return how many were new."""
        return sum([await add_rows(session, series, each) for series, each in _split(rows)])

    # -- by minute ------------------------------------------------------------------------------

    async def find_minute(self, session: ReadSession, expiry_id: int, until_ns: int) -> int | None:
        """Return the newest minute of a chain that opened before an instant; None without one."""
        table = fo_expiry_metrics
        query = select(func.max(table.c.ts)).where(
            table.c.expiry_id == expiry_id, table.c.ts < make_bound(until_ns)
        )
        found = (await session.execute(query)).scalar_one_or_none()
        return None if found is None else from_datetime(found)

    async def load_minute(
        self, session: ReadSession, expiry_id: int, minute_ns: int
    ) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
        """Return STRIKE_BAR_DTYPE (n,) and EXPIRY_METRICS_DTYPE (1,) of a chain's minute."""
        found = []
        for series in (_STRIKES, _METRICS):
            table = series.table
            query = select(table).where(
                table.c.expiry_id == expiry_id, table.c.ts == make_bound(minute_ns)
            )
            found.append(await load_rows(session, series, query))
        return found[0], found[1]

    async def load_last_futures(
        self, session: ReadSession, ids: Sequence[int], until_ns: int
    ) -> npt.NDArray[np.void]:
        """Return each future's newest row that opened before an instant, FUTURES_BAR_DTYPE (f,)."""
        query = _select_newest(futures_bars, ids, until_ns)
        return await load_rows(session, _FUTURES, query)

    async def load_last_book(
        self, session: ReadSession, instrument_id: int, until_ns: int
    ) -> npt.NDArray[np.void]:
        """Return a contract's newest book before an instant, DEPTH_MINUTE_DTYPE (0 or 1,)."""
        query = _select_newest(fo_depth_minutes, [instrument_id], until_ns)
        return _to_books(await load_rows(session, _DEPTH, query))

    # -- as series ------------------------------------------------------------------------------

    async def load_metrics(
        self, session: ReadSession, expiry_ids: Sequence[int], from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        """Return EXPIRY_METRICS_DTYPE (n,) of chains in `[from_ns, to_ns)`, by chain and time."""
        query = _select_span(fo_expiry_metrics, "expiry_id", expiry_ids, (from_ns, to_ns))
        return await load_rows(session, _METRICS, query)

    async def load_last_metrics(
        self,
        session: ReadSession,
        lives_ns: Mapping[int, tuple[int, int]],
        spans_ns: Sequence[tuple[int, int]],
    ) -> npt.NDArray[np.void]:
        """Return the newest row of each chain in each span, by chain and time.

        Cost: one look into one partition's index for each chain and span, some 10 us where nothing
        is read from the disk. A year of an underlying with weekly options is 8,000 of them, less
        than a tenth of a second.

        Parameters
        ----------
        lives_ns : of each chain, by id, `[from, to)`: it is looked for in the spans that begin
            then.
        spans_ns : `[from, to)`, none over another.

        Returns
        -------
        EXPIRY_METRICS_DTYPE (n,): where nothing was recorded there is no row.
        """
        query = _select_last_of_spans(fo_expiry_metrics, lives_ns, spans_ns)
        return await load_rows(session, _METRICS, query)

    async def load_strikes(
        self, session: ReadSession, expiry_ids: Sequence[int], from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        """Return STRIKE_BAR_DTYPE (n,) of chains, by chain, time and strike."""
        query = _select_span(fo_option_strike_bars, "expiry_id", expiry_ids, (from_ns, to_ns))
        return await load_rows(session, _STRIKES, query)

    async def load_futures(
        self, session: ReadSession, ids: Sequence[int], from_ns: int, to_ns: int
    ) -> npt.NDArray[np.void]:
        """Return FUTURES_BAR_DTYPE (n,) of futures, by future and time."""
        query = _select_span(futures_bars, "instrument_id", ids, (from_ns, to_ns))
        return await load_rows(session, _FUTURES, query)


def _split(rows: ChainRows) -> list[tuple[Series, npt.NDArray[np.void]]]:
    return [
        (_METRICS, rows.metrics),
        (_STRIKES, rows.strikes),
        (_FUTURES, rows.futures),
        (_DEPTH, _from_books(rows.depth)),
    ]


def _select_span(
    table: Table, key: str, ids: Sequence[int], span_ns: tuple[int, int]
) -> Select[Any]:
    first, end = map(make_bound, span_ns)
    return select(table).where(_is_one_of(table, key, ids), table.c.ts >= first, table.c.ts < end)


def _select_newest(table: Table, ids: Sequence[int], until_ns: int) -> Select[Any]:
    """Select the newest row of each contract before an instant: one look into the index each."""
    bound = bindparam(None, list(ids), type_=ARRAY(Integer))
    wanted = func.unnest(bound).table_valued("id", name="wanted").render_derived()
    one = (
        select(table)
        .where(table.c.instrument_id == wanted.c.id, table.c.ts < make_bound(until_ns))
        .order_by(table.c.ts.desc())
        .limit(1)
        .lateral()
    )
    return select(one).select_from(wanted.join(one, true()))


def _select_last_of_spans(
    table: Table, lives_ns: Mapping[int, tuple[int, int]], spans_ns: Sequence[tuple[int, int]]
) -> Select[Any]:
    """Select the newest row of each chain in each span of its life; as `_select_newest`."""
    ids = bindparam(None, list(lives_ns), type_=ARRAY(Integer))
    chains = (
        func.unnest(ids, *_bind_spans(lives_ns.values()))
        .table_valued("id", "first", "end", name="chains")
        .render_derived()
    )
    spans = (
        func.unnest(*_bind_spans(spans_ns))
        .table_valued("first", "end", name="spans")
        .render_derived()
    )
    is_alive = and_(spans.c.first >= chains.c.first, spans.c.first < chains.c.end)
    one = (
        select(table)
        .where(
            table.c.expiry_id == chains.c.id,
            table.c.ts >= spans.c.first,
            table.c.ts < spans.c.end,
        )
        .order_by(table.c.ts.desc())
        .limit(1)
        .lateral()
    )
    return select(one).select_from(chains.join(spans, is_alive).join(one, true()))


def _bind_spans(spans_ns: Collection[tuple[int, int]]) -> Iterator[BindParameter[Any]]:
    """Return all firsts, and all ends."""
    for side in range(2):
        bounds = [make_bound(span[side]) for span in spans_ns]
        yield bindparam(None, bounds, type_=ARRAY(DateTime(timezone=True)))


def _is_one_of(table: Table, key: str, ids: Sequence[int]) -> Any:
    return table.c[key] == any_(bindparam(None, list(ids), type_=ARRAY(Integer)))


def _from_books(rows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Return books level by level, as the table has them."""
    flat = np.empty(len(rows), FLAT_DEPTH_DTYPE)
    flat["instrument_id"], flat["ts_ns"] = rows["instrument_id"], rows["ts_ns"]
    for name in DEPTH_DTYPE.names or ():
        values = rows["book"][name]
        if values.ndim == 1:
            flat[name] = values
            continue
        for level in range(values.shape[1]):
            flat[f"{name}_{level + 1}"] = values[:, level]
    return flat


def _to_books(flat: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    rows = np.zeros(len(flat), DEPTH_MINUTE_DTYPE)
    rows["instrument_id"], rows["ts_ns"] = flat["instrument_id"], flat["ts_ns"]
    for name in DEPTH_DTYPE.names or ():
        values = rows["book"][name]
        if values.ndim == 1:
            rows["book"][name] = flat[name]
            continue
        for level in range(values.shape[1]):
            rows["book"][name][:, level] = flat[f"{name}_{level + 1}"]
    return rows
