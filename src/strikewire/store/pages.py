"""The page cache: closed sessions in memory, ready to be sent, in front of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from strikewire.core.bars import Timeframe
from strikewire.core.clock import Clock
from strikewire.core.instants import DAY_NS, SECOND_NS, from_date, to_date
from strikewire.core.instruments import InstrumentId
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.encoding import Page, PageSlice, cut_pages, drop_first
from strikewire.store.page_loads import LoadBars, load_outside, load_pages
from strikewire.store.page_lru import PageKey, PageLru
from strikewire.store.shelves import END_OF_TIME_NS, Shelf, Span

#: Spans with less than an eighth of the bars they have room for are taken for an instrument's
#: beginning, or for years without a trade: then the store is asked where its bars are.
_SPARSE: Final = 8

#: Find the stamp of the last bar before an instant, in the store.
FindBarBefore: TypeAlias = Callable[[InstrumentId, int, Timeframe], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class PageCacheConfig:
    """How much is kept, and for how long.

    Parameters
    ----------
    max_bytes : memory of all pages together; a page of 375 minutes takes 63 kB.
    ttl_s : how long a page is believed. Other programs may import into the same database, and
        nobody tells us.
    settle_s : how long after a session's last minute its bars may still be on their way; until then
        the session counts as open.
    """

    max_bytes: int = 256 * 1024 * 1024
    ttl_s: float = 300.0
    settle_s: float = 120.0


@dataclass(frozen=True, slots=True)
class PageCacheStatistics:
    """What the cache did since the start, and what it holds.

    `hits` and `misses` count pages, `loads` the queries' worth of ranges that were loaded.
    """

    hits: int
    misses: int
    loads: int
    evictions: int
    invalidations: int
    page_count: int
    nbytes: int
    max_bytes: int


_Load: TypeAlias = asyncio.Task[dict[int, Page]]


class PageCache:
    """Pages of closed sessions, loaded once and kept while there is room.

    The open session is never here: its bars are the engine's and the store's business, from
    `find_open_ns` on. A 1d bar is rolled up from the day's minutes where the store has any, else it
    is the row that came from an exchange's end-of-day file.

    Concurrent readers of the same pages share one load; a reader that goes away does not stop it.

    Parameters
    ----------
    config : bounds.
    load_bars : loads 1m or 1d rows of the store.
    find_bar_before : finds the last 1m (1d) bar before an instant; lets `read_last` jump over the
        years in which an instrument did not trade.
    clock : says which sessions are over, and how old a page is.
    """

    def __init__(
        self,
        *,
        config: PageCacheConfig,
        load_bars: LoadBars,
        find_bar_before: FindBarBefore,
        clock: Clock,
    ) -> None:
        self._config = config
        self._load_bars = load_bars
        self._find_bar_before = find_bar_before
        self._clock = clock
        self._ttl_ns = int(config.ttl_s * SECOND_NS)
        self._pages = PageLru(max_bytes=config.max_bytes)
        self._loads: dict[PageKey, tuple[Span, _Load]] = {}
        self._tasks: set[_Load] = set()
        self._starts: dict[tuple[InstrumentId, Timeframe], tuple[int, int]] = {}
        # Everybody of whom there may be a page or a start: invalidating another one costs nothing,
        # and each minute invalidates every instrument that traded.
        self._asked: set[InstrumentId] = set()
        self._shelves: dict[tuple[str, bool], Shelf] = {}
        self._hits = self._misses = self._load_count = self._invalidations = 0

    def find_open_ns(
        self, calendar: SessionCalendar, timeframe: Timeframe, *, now_ns: int | None = None
    ) -> int:
        """Return where the open session starts: the pages hold nothing stamped from there on.

        The middle of the night before the session; 00:00 UTC of its day for `Timeframe.D1`; the
        end of time where every session of the calendar is over.

        Parameters
        ----------
        now_ns : the instant at which it is open, in place of the clock's.
        """
        shelf = self._find_shelf(calendar, timeframe)
        return shelf.find_open_ns(self._clock.now_ns() if now_ns is None else now_ns)

    async def read(
        self,
        instrument_id: InstrumentId,
        from_ns: int,
        to_ns: int,
        timeframe: Timeframe,
        *,
        calendar: SessionCalendar,
    ) -> list[PageSlice]:
        """Return the bars of `[from_ns, to_ns)` in closed sessions, oldest first.

        Parameters
        ----------
        calendar : the sessions of the instrument's venue. Hand over the same object while nothing
            changes: how it is cut into pages is worked out once per object.

        Raises
        ------
        DependencyError : pages were missing and the store did not answer.
        """
        self._asked.add(instrument_id)
        shelf = self._find_shelf(calendar, timeframe)
        now_ns = self._clock.now_ns()
        to_ns = min(to_ns, shelf.find_open_ns(now_ns))
        if from_ns >= to_ns:
            return []
        spans = shelf.list_spans(from_ns, to_ns, now_ns)
        pages = await self._read_spans(instrument_id, timeframe, shelf, spans) if spans else []
        if from_ns < shelf.start_ns:
            stop_ns = min(to_ns, shelf.start_ns)
            before = load_outside(self._load_bars, instrument_id, from_ns, stop_ns, timeframe)
            pages.insert(0, await before)
        if to_ns > shelf.stop_ns:
            start_ns = max(from_ns, shelf.stop_ns)
            after = load_outside(self._load_bars, instrument_id, start_ns, to_ns, timeframe)
            pages.append(await after)
        return cut_pages(pages, from_ns, to_ns)

    async def read_last(
        self,
        instrument_id: InstrumentId,
        before_ns: int,
        count: int,
        timeframe: Timeframe,
        *,
        calendar: SessionCalendar,
    ) -> list[PageSlice]:
        """Return the last `count` bars before an instant in closed sessions, oldest first.

        Fewer only where the instrument has no more.

        Raises
        ------
        DependencyError : pages were missing and the store did not answer.
        """
        shelf = self._find_shelf(calendar, timeframe)
        now_ns = self._clock.now_ns()
        stop_ns = min(before_ns, shelf.find_open_ns(now_ns))
        # Outside the calendar there are rows, but nothing to roll them up by.
        is_rolled_up = timeframe not in (Timeframe.M1, Timeframe.D1)
        floor_ns = max(
            self._find_start_ns((instrument_id, timeframe), now_ns),
            shelf.start_ns if is_rolled_up else -END_OF_TIME_NS,
        )
        found: list[PageSlice] = []
        missing = count
        per_span = shelf.count_bars(timeframe.width_ns)
        step = count // per_span + 1
        while missing > 0 and stop_ns > floor_ns:
            start_ns = max(shelf.step_back(stop_ns, step), floor_ns)
            pieces = await self.read(instrument_id, start_ns, stop_ns, timeframe, calendar=calendar)
            got = sum(map(len, pieces))
            found = pieces + found
            missing -= got
            stop_ns = start_ns
            if got * _SPARSE >= step * per_span:
                # As many spans as it takes if it goes on like this.
                step = min(4 * step, missing * step // got + 1)
                continue
            step *= 2
            if missing > 0 and stop_ns > floor_ns:
                # Years without a trade are jumped over, and the start of all bars is remembered:
                # most options are younger than the charts that show them. One query is cheaper
                # than the empty pages of as many sessions again.
                source = Timeframe.D1 if shelf.is_daily else Timeframe.M1
                last_ns = await self._find_bar_before(instrument_id, stop_ns, source)
                if last_ns is None:
                    first_ns = int(found[0].bars["ts_ns"][0]) if found else stop_ns
                    self._starts[instrument_id, timeframe] = first_ns, now_ns + self._ttl_ns
                    break
                stop_ns = min(stop_ns, last_ns + (DAY_NS if shelf.is_daily else 1))
        return drop_first(found, -missing)

    def invalidate(self, instrument_id: InstrumentId, day_ns: int) -> None:
        """Forget a trading day of an instrument, in every timeframe: its bars have changed.

        A load that is under way still answers those who wait for it, and is not kept.

        Parameters
        ----------
        day_ns : 00:00 UTC of the trading day.
        """
        self._invalidations += 1
        if instrument_id not in self._asked:
            return
        month_ns = from_date(to_date(day_ns).replace(day=1))
        for timeframe in Timeframe:
            key = (instrument_id, timeframe, month_ns if timeframe is Timeframe.D1 else day_ns)
            self._starts.pop((instrument_id, timeframe), None)
            self._loads.pop(key, None)
            self._pages.drop(key)

    def compute_statistics(self) -> PageCacheStatistics:
        """Return the counters."""
        return PageCacheStatistics(
            hits=self._hits,
            misses=self._misses,
            loads=self._load_count,
            evictions=self._pages.evictions,
            invalidations=self._invalidations,
            page_count=len(self._pages),
            nbytes=self._pages.nbytes,
            max_bytes=self._config.max_bytes,
        )

    async def aclose(self) -> None:
        """Stop what is being loaded, and forget all pages."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loads.clear()
        self._starts.clear()
        self._pages.clear()
        self._asked.clear()

    def _find_shelf(self, calendar: SessionCalendar, timeframe: Timeframe) -> Shelf:
        key = calendar.venue, timeframe is Timeframe.D1
        shelf = self._shelves.get(key)
        if shelf is None or shelf.calendar is not calendar:
            settle_ns = int(self._config.settle_s * SECOND_NS)
            shelf = Shelf(calendar, is_daily=timeframe is Timeframe.D1, settle_ns=settle_ns)
            self._shelves[key] = shelf
        return shelf

    def _find_start_ns(self, key: tuple[InstrumentId, Timeframe], now_ns: int) -> int:
        """Return an instant before which the store has no bar; the start of time if unknown."""
        start_ns, expires_ns = self._starts.get(key, (0, 0))
        return start_ns if now_ns < expires_ns else -END_OF_TIME_NS

    async def _read_spans(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        shelf: Shelf,
        spans: Sequence[Span],
    ) -> list[Page]:
        """Return one page per span, kept or loaded."""
        now_ns = self._clock.now_ns()
        pages: dict[int, Page] = {}
        missing: list[Span] = []
        for span in spans:
            page = self._pages.find((instrument_id, timeframe, span.key_ns), span, now_ns)
            if page is not None:
                pages[span.key_ns] = page
            else:
                missing.append(span)
        self._hits += len(pages)
        self._misses += len(missing)
        for task in self._start_loads(instrument_id, timeframe, shelf, missing):
            # Shielded: the load is everybody's, this reader may be cancelled.
            pages |= await asyncio.shield(task)
        return [pages[span.key_ns] for span in spans]

    def _start_loads(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        shelf: Shelf,
        spans: Sequence[Span],
    ) -> list[_Load]:
        """Return the loads that will bring the spans: those under way, and one for the rest."""
        tasks: dict[_Load, None] = {}
        rest: list[Span] = []
        for span in spans:
            loading, task = self._loads.get((instrument_id, timeframe, span.key_ns), (None, None))
            if task is not None and loading == span:
                tasks[task] = None
            else:
                rest.append(span)
        if rest:
            task = asyncio.create_task(
                self._load(instrument_id, timeframe, shelf, rest),
                name=f"pages-{instrument_id}-{timeframe}",
            )
            self._tasks.add(task)
            task.add_done_callback(self._finish_load)
            for span in rest:
                self._loads[instrument_id, timeframe, span.key_ns] = span, task
            tasks[task] = None
        return list(tasks)

    async def _load(
        self,
        instrument_id: InstrumentId,
        timeframe: Timeframe,
        shelf: Shelf,
        spans: Sequence[Span],
    ) -> dict[int, Page]:
        """Load pages and keep those that nobody invalidated meanwhile."""
        self._load_count += 1
        expires_ns = self._clock.now_ns() + self._ttl_ns
        this = asyncio.current_task()
        keys = [(instrument_id, timeframe, span.key_ns) for span in spans]
        try:
            pages = await load_pages(self._load_bars, instrument_id, timeframe, shelf, spans)
            for key, span in zip(keys, spans, strict=True):
                if self._loads.get(key, (None, None))[1] is this:
                    self._pages.keep(key, span, pages[span.key_ns], expires_ns)
            return pages
        finally:
            for key in keys:
                if self._loads.get(key, (None, None))[1] is this:
                    del self._loads[key]

    def _finish_load(self, task: _Load) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Whoever waited has seen the error; if nobody did, the next reader asks again.
            task.exception()
