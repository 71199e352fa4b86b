"""Chain history: chains as they are now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from strikewire.core.clock import Clock
from strikewire.core.errors import NotFoundError, NothingRecordedError
from strikewire.core.instants import to_datetime
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_board import ChainBoard
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.underlyings import split_underlying
from strikewire.store.chains import ChainStore, ListedUnderlying
from strikewire.store.database import Database


class ChainHistory:
    """Finds chains: which there are, and what was said of them.

    Parameters
    ----------
    board : live chains; None when nobody hears ticks.
    find_calendar : the sessions of a venue.
    clock : the market's time.
    """

    def __init__(
        self,
        *,
        database: Database,
        store: ChainStore,
        board: ChainBoard | None,
        find_calendar: Callable[[str], SessionCalendar],
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = store
        self._board = board
        self._find_calendar = find_calendar
        self._clock = clock

    # -- which there are ------------------------------------------------------------------------

    async def list_underlyings(self) -> list[ListedUnderlying]:
        """Return every underlying that has options, by venue and name.

        Raises
        ------
        DependencyError : the store did not answer; likewise below.
        """
        async with self._database.read() as session:
            return await self._store.list_underlyings(session)

    async def find_underlying(self, text: str) -> tuple[str, str]:
        """Return venue and name of an underlying, given as `NFO:NIFTY` or `NIFTY`.

        Raises
        ------
        NotFoundError : it has no options.
        """
        exchange, underlying = split_underlying(text)
        if exchange is None:
            async with self._database.read() as session:
                exchange = await self._store.find_venue(session, underlying)
        return exchange, underlying

    async def list_expiries(
        self, exchange: str, underlying: str, as_of_ns: int | None = None
    ) -> list[ChainKey]:
        """Return the chains that had not ended at an instant (None: now), nearest first.

        Raises
        ------
        NotFoundError : the venue has no market rules.
        """
        calendar = self._find_calendar(exchange)
        now_ns = self._limit(as_of_ns)
        today = to_datetime(now_ns).astimezone(calendar.zone).date()
        async with self._database.read() as session:
            days = await self._store.list_expiries(session, exchange, underlying, from_day=today)
        cutoffs_ns = find_cutoffs(calendar, days)
        return [
            ChainKey(exchange, underlying, day)
            for day, cutoff_ns in zip(days, cutoffs_ns.tolist(), strict=True)
            if cutoff_ns > now_ns
        ]

    async def find_key(
        self, text: str, expiry: date | None = None, as_of_ns: int | None = None
    ) -> ChainKey:
        """Return the chain of an underlying's expiry, by default of the nearest not yet ended.

        Raises
        ------
        NotFoundError : the underlying has no options, or none that goes on.
        """
        exchange, underlying = await self.find_underlying(text)
        if expiry is not None:
            return ChainKey(exchange, underlying, expiry)
        keys = await self.list_expiries(exchange, underlying, as_of_ns)
        if not keys:
            msg = f"no options on {underlying} at {exchange} end after that instant"
            raise NotFoundError(msg, underlying=underlying)
        return keys[0]

    def _limit(self, as_of_ns: int | None) -> int:
        """Return an instant, or the market's now where it is later: nobody sees ahead."""
        now_ns = self._clock.now_ns()
        return now_ns if as_of_ns is None else min(as_of_ns, now_ns)

    # -- what was said --------------------------------------------------------------------------

    async def chain_at(self, key: ChainKey) -> ChainTable:
        """Return a chain as it is now.

        Raises
        ------
        NothingRecordedError : nothing was heard of it.
        """
        table = None if self._board is None else self._board.find(key)
        if table is None:
            msg = f"nothing is known of the chain {key.subject}"
            raise NothingRecordedError(msg, chain=key.subject)
        return table
