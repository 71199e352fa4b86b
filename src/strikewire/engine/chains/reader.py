"""Reading chains out of the engine: as they are now, and as a minute left them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from strikewire.core.chain_rows import DEPTH_MINUTE_DTYPE
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.engine.chains.futures import (
    FutureLayout,
    FutureTable,
    lay_out_futures,
    make_future_rows,
    make_future_table,
)
from strikewire.engine.chains.layout import NOBODY, ChainLayout, lay_out_chains
from strikewire.engine.chains.table import ChainSource, ChainTable
from strikewire.engine.chains.tracking import find_tracked
from strikewire.engine.chains.valuation import ChainInstant, ChainTerms, list_quoted, value_chains
from strikewire.engine.engine import Engine
from strikewire.engine.view import QuoteColumns
from strikewire.reference.sessions import SessionCalendar


@dataclass(frozen=True, slots=True, eq=False)
class SessionBefore:
    """How instruments ended the session before a recording began.

    Parameters
    ----------
    ids : int32 (n,), each once.
    closes, oi : float64 (n,), NaN where unknown.
    """

    ids: npt.NDArray[np.int32]
    closes: npt.NDArray[np.float64]
    oi: npt.NDArray[np.float64]


class ChainReader:
    """The chains of the instruments of one engine.

    Parameters
    ----------
    engine : knows quotes, books and bars.
    find_calendar : the sessions of a venue.
    terms : by which everything is valued.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        find_calendar: Callable[[str], SessionCalendar],
        terms: ChainTerms,
    ) -> None:
        self._engine = engine
        self._find_calendar = find_calendar
        self._terms = terms
        self.clear()

    def clear(self) -> None:
        """Forget whose chains there are, and how they ended before: another recording begins."""
        self._instruments: tuple[Instrument, ...] = ()
        # By id; the last place, which NOBODY finds, stays unknown.
        self._closes_before = self._oi_before = np.full(1, np.nan)
        self._lay_out()

    @property
    def engine(self) -> Engine:
        """Whose chains these are."""
        return self._engine

    @property
    def layout(self) -> ChainLayout:
        """Every chain there is."""
        return self._layout

    @property
    def futures(self) -> FutureLayout:
        """Every future there is."""
        return self._futures

    def register(self, instruments: Iterable[Instrument]) -> None:
        """Have these instruments' chains, and no others."""
        self._instruments = tuple(instruments)
        self._lay_out()

    def reload_calendars(self) -> None:
        """Take changed market rules over: other hours, other cut-offs."""
        self._lay_out()

    def list_quoted(self) -> dict[str, list[int]]:
        """Return the ids of the options and futures of each venue."""
        found: dict[str, list[int]] = {}
        for each in self._instruments:
            if each.spec.kind.is_option or each.spec.kind is InstrumentKind.FUTURE:
                found.setdefault(each.spec.exchange, []).append(int(each.id))
        return found

    def find_session(self, venue: str, instant_ns: int) -> int:
        """Return the open of a venue's session that is under way at an instant, or of the next."""
        calendar = self._find_calendar(venue)
        place = int(np.searchsorted(calendar.closes_ns, instant_ns, side="right"))
        return int(calendar.opens_ns[place]) if place < len(calendar.opens_ns) else instant_ns

    def seed(self, before: SessionBefore) -> None:
        """Say how the session before the engine's first one ended, of some instruments."""
        room = max(int(before.ids.max(initial=0)) + 2, len(self._oi_before))
        closes, oi = np.full(room, np.nan), np.full(room, np.nan)
        closes[: len(self._oi_before)] = self._closes_before
        oi[: len(self._oi_before)] = self._oi_before
        closes[before.ids], oi[before.ids] = before.closes, before.oi
        self._closes_before, self._oi_before = closes, oi

    def _lay_out(self) -> None:
        self._layout = lay_out_chains(self._instruments, self._find_calendar)
        self._futures = lay_out_futures(self._instruments, self._find_calendar)
        venues = sorted({key.exchange for key in self._layout.keys})
        self._calendars = [self._find_calendar(venue) for venue in venues]
        self._venue_of = np.array(
            [venues.index(key.exchange) for key in self._layout.keys], np.int64
        )

    def read(self, places: Sequence[int]) -> ChainTable:
        """Value some expiries from the latest quotes, in the order given."""
        layout = self._layout.cut(places)
        as_of_ns = self._engine.as_of_ns
        opens_ns, _ = self._find_sessions(as_of_ns)
        quotes = self._read_quotes(list_quoted(layout))
        instant = ChainInstant(as_of_ns, opens_ns[np.asarray(places, np.int64)], ChainSource.LIVE)
        return value_chains(layout, quotes, instant, self._terms)

    def read_minute(self, minute_ns: int) -> ChainTable | None:
        """Value the expiries of which an option or the future traded in a minute just closed.

        None where there is none. A minute outside its venue's session is nobody's.
        """
        layout, end_ns = self._layout, minute_ns + MINUTE_NS
        if not len(layout):
            return None
        quotes = self._read_closed(list_quoted(layout), minute_ns)
        is_fresh = quotes.ts_ns == end_ns
        total, count = len(layout.strikes), len(layout)
        traded = np.logical_or.reduceat(
            is_fresh[:total] | is_fresh[total : 2 * total], layout.starts[:-1]
        )
        traded |= is_fresh[2 * total : 2 * total + count]
        opens_ns, closes_ns = self._find_sessions(minute_ns)
        places = np.flatnonzero(traded & (opens_ns <= minute_ns) & (minute_ns < closes_ns))
        if not len(places):
            return None
        if len(places) < count:
            quotes = _take(quotes, _find_rows(layout, places))
            layout = layout.cut(places)
        instant = ChainInstant(end_ns, opens_ns[places], ChainSource.MINUTE)
        return value_chains(layout, quotes, instant, self._terms)

    def read_futures(self) -> FutureTable:
        """Return every future as it is now."""
        quotes = self._read_quotes(self._futures.list_quoted())
        return make_future_table(self._futures, quotes, self._engine.as_of_ns, self._terms)

    def read_futures_minute(
        self, minute_ns: int, bars: npt.NDArray[np.void]
    ) -> npt.NDArray[np.void]:
        """Return what a minute just closed leaves of futures, FUTURES_BAR_DTYPE (f,).

        Parameters
        ----------
        bars : BAR_DTYPE (n,), of that minute; other instruments' are passed over.
        """
        ids = self._futures.list_quoted()
        quotes = self._read_closed(ids, minute_ns)
        table = make_future_table(self._futures, quotes, minute_ns + MINUTE_NS, self._terms)
        return make_future_rows(table, bars)

    def read_books(self, table: ChainTable | None, minute_ns: int) -> npt.NDArray[np.void]:
        """Return the books that changed in a minute just closed, DEPTH_MINUTE_DTYPE (b,).

        Of every future, and of the options around the money of the expiries of a table that are the
        nearest: what all the others would take, nobody would ever ask for.
        """
        ids = self._futures.ids
        if table is not None:
            ids = np.concatenate([ids, find_tracked(table)])
        books, ts_ns = self._engine.read_books(ids, minute_ns)
        is_fresh = ts_ns >= minute_ns
        rows = np.empty(int(is_fresh.sum()), DEPTH_MINUTE_DTYPE)
        rows["instrument_id"], rows["ts_ns"] = ids[is_fresh], minute_ns
        rows["book"] = books[is_fresh]
        return rows

    def _find_sessions(
        self, instant_ns: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return open and close of each expiry's session that began last, int64 (e,) each."""
        opens_ns, closes_ns = np.zeros((2, len(self._calendars)), np.int64)
        for number, calendar in enumerate(self._calendars):
            place = int(np.searchsorted(calendar.opens_ns, instant_ns, side="right")) - 1
            if place >= 0:
                opens_ns[number] = calendar.opens_ns[place]
                closes_ns[number] = calendar.closes_ns[place]
        return opens_ns[self._venue_of], closes_ns[self._venue_of]

    def _read_quotes(self, ids: npt.NDArray[np.int32]) -> QuoteColumns:
        return self._add_seeds(ids, self._engine.read_quotes(ids))

    def _read_closed(self, ids: npt.NDArray[np.int32], minute_ns: int) -> QuoteColumns:
        return self._add_seeds(ids, self._engine.read_closed(ids, minute_ns))

    def _add_seeds(self, ids: npt.NDArray[np.int32], quotes: QuoteColumns) -> QuoteColumns:
        """Put in what the engine cannot know: how the session before its first one ended."""
        places = np.where(ids < len(self._oi_before) - 1, ids, NOBODY)
        closes, oi = quotes.closes_before, quotes.oi_before
        return replace(
            quotes,
            closes_before=np.where(np.isnan(closes), self._closes_before[places], closes),
            oi_before=np.where(np.isnan(oi), self._oi_before[places], oi),
        )


def _find_rows(layout: ChainLayout, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where in `list_quoted(layout)` the rows of some expiries are, in its order."""
    total, count = len(layout.strikes), len(layout)
    is_wanted = np.zeros(count, np.bool_)
    is_wanted[places] = True
    strikes = np.flatnonzero(np.repeat(is_wanted, np.diff(layout.starts)))
    return np.concatenate(
        [strikes, total + strikes, 2 * total + places, 2 * total + count + places]
    )


def _take(quotes: QuoteColumns, rows: npt.NDArray[np.int64]) -> QuoteColumns:
    return QuoteColumns(
        *(getattr(quotes, name)[rows] for name in QuoteColumns.__dataclass_fields__)
    )
