"""Candles of the past, made out of ledgers and bars where the store has none, or others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import BAR_DTYPE, BarFlag
from strikewire.core.instants import DAY_NS, MINUTE_NS
from strikewire.core.instruments import Instrument
from strikewire.core.m2m_rows import M2mFlag
from strikewire.core.orders import StrategyEntry, StrategyId
from strikewire.desk.m2m.prices import UnheardPrices
from strikewire.desk.m2m.rebuilding import rebuild_candles
from strikewire.desk.m2m.timetable import Timetable
from strikewire.observability.logs import get_logger
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.database import Database
from strikewire.store.desk_ledgers import LedgerStore
from strikewire.store.desk_m2m import M2mCandleStore
from strikewire.store.instruments import InstrumentStore

_log: Final = get_logger("m2m")
#: Returns minute bars: of what, from and until when.
LoadBars: TypeAlias = Callable[[Instrument, int, int], Awaitable[npt.NDArray[np.void]]]


class CandleMaker:
    """Makes candles of minutes that nobody marked, or that were marked by what has changed since.

    Parameters
    ----------
    prices : what things cost before what is made, and were settled at.
    find_calendar : the sessions of a venue.
    """

    def __init__(
        self,
        *,
        database: Database,
        prices: UnheardPrices,
        find_calendar: Callable[[str], SessionCalendar],
    ) -> None:
        self._database = database
        self._prices = prices
        self._find_calendar = find_calendar
        self._load_bars: LoadBars | None = None
        self._flush: Callable[[], Awaitable[None]] | None = None
        self._ledgers = LedgerStore()
        self._instruments = InstrumentStore()
        self._candles = M2mCandleStore()

    def bind(self, *, load_bars: LoadBars, flush: Callable[[], Awaitable[None]]) -> None:
        """Name where bars are from, and who stores the candles that are on their way."""
        self._load_bars, self._flush = load_bars, flush

    async def find_holes(
        self, strategy_ids: Collection[StrategyId], until_ns: int
    ) -> dict[StrategyId, int]:
        """Return since when strategies have had no candle before an instant: nobody listened then.

        Raises
        ------
        DependencyError : the store is away.
        """
        async with self._database.read() as session:
            last = await self._candles.find_last(session, strategy_ids, until_ns)
            entries = await self._ledgers.load_entries(session, strategy_ids)
        first: dict[StrategyId, int] = {}
        for each in entries:
            at_ns = each.moment.as_of_ns
            first[each.strategy_id] = min(first.get(each.strategy_id, at_ns), at_ns)
        first.update((each, stamp_ns + MINUTE_NS) for each, stamp_ns in last.items())
        return {each: from_ns for each, from_ns in first.items() if from_ns < until_ns}

    async def make(
        self, strategy_id: StrategyId, stretch: tuple[int, int], *, is_changed: bool
    ) -> None:
        """Make the candles of a stretch.

        Parameters
        ----------
        stretch : `[from, until)`, whole minutes.
        is_changed : also where there are some; else what is there stays.

        Raises
        ------
        DependencyError : the store is away.
        """
        entries = await self._load_entries(strategy_id)
        candles = await self._make(entries, stretch)
        async with self._database.write() as session:
            if is_changed:
                await self._candles.delete(session, strategy_id, *stretch)
            await self._candles.fill(session, candles)
        _log.info(
            "candles of M2M were made anew", strategy_id=int(strategy_id), candles=len(candles)
        )

    async def correct(
        self, strategy_id: StrategyId, bars: npt.NDArray[np.void], until_ns: int
    ) -> int | None:
        """Make candles that rest on bars which were others, or were not there: `find_others`.

        Parameters
        ----------
        bars : BAR_DTYPE (n,), of whatever instruments, as they are now.
        until_ns : the minute under way.

        Returns
        -------
        The stamp of the last candle, if it is another one now: see `close_seam`.

        Raises
        ------
        DependencyError : the store is away.
        """
        entries = await self._load_entries(strategy_id)
        bars = bars[(bars["ts_ns"] < until_ns) & find_held_minutes(entries, bars)]
        if not len(bars):
            return None
        is_filled = (bars["flags"] & BarFlag.RECONCILED) == 0
        stretch = int(bars["ts_ns"].min()), until_ns
        return await self._replace(entries, stretch, np.unique(bars["ts_ns"][is_filled]))

    async def close_seam(self, strategy_id: StrategyId, from_ns: int, until_ns: int) -> int | None:
        """Make candles that begin with another close than the one before them has now.

        They were under way when that was made, or nobody knew yet what would come behind it.

        Parameters
        ----------
        from_ns, until_ns : the stamp that `correct` returned, and the minute under way.

        Returns
        -------
        As `correct`.

        Raises
        ------
        DependencyError : the store is away.
        """
        entries = await self._load_entries(strategy_id)
        return await self._replace(entries, (from_ns, until_ns), np.zeros(0, np.int64))

    async def _replace(
        self,
        entries: Sequence[StrategyEntry],
        stretch: tuple[int, int],
        filled: npt.NDArray[np.int64],
    ) -> int | None:
        made = await self._make(entries, stretch)
        strategy_id = entries[0].strategy_id
        async with self._database.write() as session:
            stored = await self._candles.load(session, strategy_id, *stretch)
            others = find_others(stored, made, filled)
            await self._candles.put(session, others)
        _log.info(
            "candles of M2M rest on other bars", strategy_id=int(strategy_id), candles=len(others)
        )
        is_open = len(others) and others["ts_ns"][-1] == made["ts_ns"][-1]
        return int(others["ts_ns"][-1]) if is_open else None

    async def _load_entries(self, strategy_id: StrategyId) -> list[StrategyEntry]:
        async with self._database.read() as session:
            return await self._ledgers.load_entries(session, [strategy_id])

    async def _make(
        self, entries: Sequence[StrategyEntry], stretch: tuple[int, int]
    ) -> npt.NDArray[np.void]:
        assert self._load_bars is not None, "bind comes first"
        assert self._flush is not None, "bind comes first"
        from_ns, until_ns = stretch
        # From before the day's first session: its peak belongs to every candle of it.
        begin_ns = from_ns // DAY_NS * DAY_NS
        async with self._database.read() as session:
            ids = sorted({each.instrument_id for each in entries})
            instruments: list[Instrument] = await self._instruments.get_by_ids(session, ids)
            seeds = await self._prices.load_seeds(session, instruments, begin_ns, until_ns)
        bars = [await self._load_bars(each, begin_ns, until_ns) for each in instruments]
        # What was marked by what has changed is not to be written behind what is made here.
        await self._flush()
        candles = await asyncio.to_thread(
            rebuild_candles,
            instruments,
            entries,
            np.concatenate([np.zeros(0, BAR_DTYPE), *bars]),
            seeds,
            (begin_ns, until_ns),
            self._find_calendar,
        )
        return candles[candles["ts_ns"] >= from_ns]


def find_held_minutes(
    entries: Sequence[StrategyEntry], bars: npt.NDArray[np.void]
) -> npt.NDArray[np.bool_]:
    """Say of which bars' instruments something was held in their minutes, or came or went.

    Parameters
    ----------
    entries : of one strategy.
    bars : BAR_DTYPE (n,).

    Returns
    -------
    bool (n,).
    """
    counting = [each for each in Timetable().add(entries) if each.reverses_id is None]
    is_held = np.zeros(len(bars), np.bool_)
    for instrument_id in np.unique(bars["instrument_id"]).tolist():
        own = [each for each in counting if each.instrument_id == instrument_id]
        moments_ns = np.array([each.moment.as_of_ns for each in own], np.int64)
        units = np.cumsum([0, *(each.quantity for each in own)])
        is_own = bars["instrument_id"] == instrument_id
        stamps_ns = bars["ts_ns"][is_own]
        before = np.searchsorted(moments_ns, stamps_ns)
        by_end = np.searchsorted(moments_ns, stamps_ns + MINUTE_NS)
        is_held[is_own] = (units[before] != 0) | (by_end > before)
    return is_held


def find_others(
    stored: npt.NDArray[np.void], made: npt.NDArray[np.void], filled: npt.NDArray[np.int64]
) -> npt.NDArray[np.void]:
    """Return which candles of those that were made out of bars count, and not what is stored.

    What was marked as it was heard stays, for it knows more of its minute than bars do. But not
    where the minute was not all heard and ended otherwise, nor behind that where it begins with
    another close than the one before it: candles have no seams.

    Parameters
    ----------
    stored, made : M2M_CANDLE_DTYPE, of one strategy and one stretch, oldest first.
    filled : int64, minutes of which some bar was not there, or not whole.
    """
    known = {int(each["ts_ns"]): each for each in stored}
    is_filled = np.isin(made["ts_ns"], filled)
    is_other = np.zeros(len(made), np.bool_)
    close: int | None = None
    for place, candle in enumerate(made):
        kept = known.get(int(candle["ts_ns"]))
        is_other[place] = (
            kept is None
            or bool(kept["flags"] & M2mFlag.REBUILT)
            or (is_filled[place] and kept["close_paise"] != candle["close_paise"])
            or (close is not None and kept["open_paise"] != close)
        )
        close = int(candle["close_paise"]) if is_other[place] else None
    return made[is_other]
