"""Chain history: chains as they are now, and as each recorded minute left them.

A minute's record says how things stood at its end, so it answers for every instant from then until
the end of the next one. Nothing past the market's time is ever shown: a replay that was sought
backwards knows its future, and does not tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.core.chain_rows import EXPIRY_METRICS_DTYPE, FUTURES_BAR_DTYPE, STRIKE_BAR_DTYPE
from strikewire.core.clock import Clock
from strikewire.core.errors import NothingRecordedError
from strikewire.core.instants import MINUTE_NS, to_datetime
from strikewire.core.instruments import Instrument
from strikewire.engine.chains.layout import ChainKey, lay_out_chains
from strikewire.engine.chains.records import (
    ChainMinute,
    make_metric_rows,
    make_strike_rows,
    read_table,
)
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_board import ChainBoard
from strikewire.live.chain_contracts import ChainContracts
from strikewire.live.chain_rollups import keep_last, keep_last_of_days, roll_futures
from strikewire.live.daily_vols import TradingDays
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.chain_contracts import load_futures
from strikewire.store.chain_rows import ChainRowStore
from strikewire.store.database import Database, ReadSession

#: In the place of an id of the store's, where rows are of one chain.
_OWN: Final = np.zeros(1, np.int32)


class ChainHistory:
    """What was said of chains.

    Parameters
    ----------
    contracts : of the chains that were recorded.
    board : live chains; None when nobody hears ticks.
    find_pending : returns the records that are on their way to the store, oldest first.
    find_calendar : the sessions of a venue.
    clock : the market's time.
    """

    def __init__(
        self,
        *,
        database: Database,
        contracts: ChainContracts,
        board: ChainBoard | None,
        find_pending: Callable[[], Sequence[ChainMinute]],
        find_calendar: Callable[[str], SessionCalendar],
        clock: Clock,
    ) -> None:
        self._database = database
        # It holds nothing: there is nothing to choose.
        self._store = ChainRowStore()
        self._contracts = contracts
        self._board = board
        self._find_pending = find_pending
        self._find_calendar = find_calendar
        self._clock = clock

    # -- one instant ----------------------------------------------------------------------------

    async def chain_at(self, key: ChainKey, as_of_ns: int | None = None) -> ChainTable:
        """Return a chain as it is now (None), or as the newest minute over by an instant left it.

        Now is the newest record where nobody hears the chain.

        Raises
        ------
        NothingRecordedError : nothing was recorded of it by then.
        DependencyError : the store was needed and did not answer; likewise below.
        """
        found = await self.chains_at([key], as_of_ns)
        if not found:
            msg = f"nothing is known of the chain {key.subject}"
            raise NothingRecordedError(msg, chain=key.subject)
        return found[0]

    async def chains_at(
        self, keys: Sequence[ChainKey], as_of_ns: int | None = None
    ) -> list[ChainTable]:
        """Return chains as `chain_at` does, without those of which nothing is known."""
        found: dict[ChainKey, ChainTable] = {}
        if as_of_ns is None and self._board is not None:
            live = {key: self._board.find(key) for key in keys}
            found = {key: table for key, table in live.items() if table is not None}
        until_ns = self._find_until(as_of_ns)
        pending = self._list_pending(until_ns)
        for key in keys:
            if key not in found and (told := _pick_minutes(pending, key)):
                found[key] = told[-1][0]
        missing = [key for key in keys if key not in found]
        if missing:
            async with self._database.read() as session:
                found |= await self._load_tables(session, missing, until_ns)
        return [found[key] for key in keys if key in found]

    async def futures_at(
        self, exchange: str, underlying: str, as_of_ns: int | None = None
    ) -> tuple[list[Instrument], npt.NDArray[np.void]]:
        """Return the futures of an underlying that go on, and each one's newest record by then.

        FUTURES_BAR_DTYPE (f,), nearest expiry first; those of which nothing is known are left out.
        """
        until_ns = self._find_until(as_of_ns)
        pending = self._list_pending(until_ns)
        async with self._database.read() as session:
            futures = await self._find_futures(session, exchange, underlying, until_ns)
            ids = [int(each.id) for each in futures]
            stored = await self._store.load_last_futures(session, ids, until_ns)
        rows = np.concatenate([stored, *(each.futures for each in pending)])
        newest = {int(row["instrument_id"]): row for row in rows}
        known = [each for each in futures if int(each.id) in newest]
        return known, np.array([newest[int(each.id)] for each in known], FUTURES_BAR_DTYPE)

    async def book_at(
        self, instrument: Instrument, as_of_ns: int | None = None
    ) -> tuple[int, npt.NDArray[np.void]] | None:
        """Return the end of the newest minute by an instant that left a book, and the book.

        DEPTH_DTYPE (1,); None where none was recorded.
        """
        until_ns = self._find_until(as_of_ns)
        pending = self._list_pending(until_ns)
        async with self._database.read() as session:
            stored = await self._store.load_last_book(session, int(instrument.id), until_ns)
        mine = [each.books[each.books["instrument_id"] == instrument.id] for each in pending]
        found = np.concatenate([stored, *mine])
        if not len(found):
            return None
        return int(found["ts_ns"][-1]) + MINUTE_NS, found["book"][-1:]

    # -- series ---------------------------------------------------------------------------------

    async def metrics(
        self,
        keys: Sequence[ChainKey],
        from_ns: int,
        to_ns: int,
        timeframe: Timeframe = Timeframe.M1,
    ) -> npt.NDArray[np.void]:
        """Return the metrics of chains in `[from_ns, to_ns)`, by chain and time.

        EXPIRY_METRICS_DTYPE (n,), where `expiry_id` is the chain's place in `keys`. In a wider
        timeframe each bucket says what its last minute said.
        """
        pending = self._list_pending(self._find_until(None))
        span = (from_ns, min(to_ns, self._find_until(None)))
        async with self._database.read() as session:
            ids = await self._store.find_ids(session, [key.name for key in keys])
            stored = await self._store.load_metrics(session, list(ids.values()), *span)
        series = [np.zeros(0, EXPIRY_METRICS_DTYPE)]
        for place, key in enumerate(keys):
            mine = stored[stored["expiry_id"] == ids.get(key.name, -1)]
            fresh = [
                make_metric_rows(table, variances, _OWN)
                for table, variances in _pick_minutes(pending, key)
            ]
            rows = _join(mine, fresh, span)
            rows["expiry_id"] = place
            series.append(keep_last(rows, timeframe, self._find_calendar(key.exchange)))
        return np.concatenate(series)

    async def last_metrics(
        self, keys: Sequence[ChainKey], days: TradingDays, *, reach_ns: int, as_of_ns: int
    ) -> npt.NDArray[np.void]:
        """Return the metrics with which chains ended each day, of the day of `as_of_ns` by then.

        EXPIRY_METRICS_DTYPE (n,), by chain and time, where `expiry_id` is the chain's place in
        `keys`.

        Parameters
        ----------
        keys : of one venue.
        days : of the venue, at least one.
        reach_ns : a day is told of those chains that were not over at its beginning and end no
            later than so long after it.
        """
        until_ns = self._find_until(as_of_ns)
        pending = self._list_pending(until_ns)
        spans_ns = [(first, min(end, until_ns)) for first, end in days.spans_ns.tolist()]
        ends_ns = find_cutoffs(
            self._find_calendar(keys[0].exchange), [key.expiry for key in keys]
        ).tolist()
        lives_ns = [(end_ns - reach_ns, end_ns) for end_ns in ends_ns]
        async with self._database.read() as session:
            ids = await self._store.find_ids(session, [key.name for key in keys])
            places = {ids[key.name]: at for at, key in enumerate(keys) if key.name in ids}
            stored = await self._store.load_last_metrics(
                session, {each: lives_ns[place] for each, place in places.items()}, spans_ns
            )
        stored["expiry_id"] = [places[each] for each in stored["expiry_id"].tolist()]
        fresh = [
            make_metric_rows(table, variances, np.full(1, place, np.int32))
            for place, key in enumerate(keys)
            for table, variances in _pick_minutes(pending, key)
        ]
        rows = keep_last_of_days(np.concatenate([stored, *fresh]), days)
        # Of what is pending all there is was taken.
        firsts_ns = days.spans_ns[days.find(rows["ts_ns"]), 0]
        since_ns, till_ns = np.array(lives_ns)[rows["expiry_id"]].T
        kept: npt.NDArray[np.void] = rows[(firsts_ns >= since_ns) & (firsts_ns < till_ns)]
        return kept

    async def strikes(
        self, key: ChainKey, from_ns: int, to_ns: int, timeframe: Timeframe = Timeframe.M1
    ) -> npt.NDArray[np.void]:
        """Return a chain's strikes, STRIKE_BAR_DTYPE (n,), by time and strike; as `metrics`."""
        pending = self._list_pending(self._find_until(None))
        span = (from_ns, min(to_ns, self._find_until(None)))
        stored = np.zeros(0, STRIKE_BAR_DTYPE)
        async with self._database.read() as session:
            ids = await self._store.find_ids(session, [key.name])
            if ids:
                stored = await self._store.load_strikes(session, list(ids.values()), *span)
        fresh = [make_strike_rows(table, _OWN) for table, _ in _pick_minutes(pending, key)]
        rows = _join(stored, fresh, span)
        rows["expiry_id"] = 0
        return keep_last(rows, timeframe, self._find_calendar(key.exchange))

    async def futures(
        self, future: Instrument, from_ns: int, to_ns: int, timeframe: Timeframe = Timeframe.M1
    ) -> npt.NDArray[np.void]:
        """Return a future's bars with basis, carry and build-up, FUTURES_BAR_DTYPE (n,).

        In a wider timeframe prices and volume are those of the bucket, the rest that of its end.
        """
        pending = self._list_pending(self._find_until(None))
        span = (from_ns, min(to_ns, self._find_until(None)))
        async with self._database.read() as session:
            stored = await self._store.load_futures(session, [int(future.id)], *span)
        fresh = [each.futures[each.futures["instrument_id"] == future.id] for each in pending]
        rows = _join(stored, fresh, span)
        return roll_futures(rows, timeframe, self._find_calendar(future.spec.exchange))

    # -- helpers --------------------------------------------------------------------------------

    def _find_until(self, as_of_ns: int | None) -> int:
        """Return what a minute must have opened before to be over by an instant.

        By the market's now where that is earlier: nobody sees ahead.
        """
        now_ns = self._clock.now_ns()
        return (now_ns if as_of_ns is None else min(as_of_ns, now_ns)) - MINUTE_NS + 1

    def _list_pending(self, until_ns: int) -> list[ChainMinute]:
        """Return the records that are on their way to the store, oldest first.

        Asked for before the store is: what is committed meanwhile is found twice and not never.
        """
        return [each for each in self._find_pending() if each.minute_ns < until_ns]

    async def _find_futures(
        self, session: ReadSession, exchange: str, underlying: str, until_ns: int
    ) -> list[Instrument]:
        zone = self._find_calendar(exchange).zone
        today = to_datetime(until_ns + MINUTE_NS - 1).astimezone(zone).date()
        return await load_futures(session, exchange, underlying, from_day=today)

    async def _load_tables(
        self, session: ReadSession, keys: Sequence[ChainKey], until_ns: int
    ) -> dict[ChainKey, ChainTable]:
        ids = await self._store.find_ids(session, [key.name for key in keys])
        tables: dict[ChainKey, ChainTable] = {}
        for key in keys:
            expiry_id = ids.get(key.name)
            minute_ns = (
                None
                if expiry_id is None
                else await self._store.find_minute(session, expiry_id, until_ns)
            )
            if expiry_id is None or minute_ns is None:
                continue
            strikes, metrics = await self._store.load_minute(session, expiry_id, minute_ns)
            contracts = await self._contracts.load(
                session, key, strikes=set(strikes["strike"].tolist())
            )
            layout = lay_out_chains(contracts, self._find_calendar)
            tables[key] = read_table(layout, strikes, metrics)
        return tables


def _pick_minutes(
    minutes: Sequence[ChainMinute], key: ChainKey
) -> list[tuple[ChainTable, npt.NDArray[np.float64]]]:
    """Return what minutes say of one chain, those that do: its table, and its variance (1,)."""
    return [
        (each.table.pick(place), each.variances[place : place + 1])
        for each in minutes
        if each.table is not None and (place := each.table.layout.find(key)) is not None
    ]


def _join(
    stored: npt.NDArray[np.void], fresh: Sequence[npt.NDArray[np.void]], span: tuple[int, int]
) -> npt.NDArray[np.void]:
    """Return what is stored and, of the minutes that are not, what is on its way there."""
    rows = np.concatenate([stored[:0], *fresh])
    is_new = (rows["ts_ns"] >= span[0]) & (rows["ts_ns"] < span[1])
    is_new &= ~np.isin(rows["ts_ns"], stored["ts_ns"])
    joined = np.concatenate([stored, rows[is_new]])
    return joined[np.argsort(joined["ts_ns"], kind="stable")]
