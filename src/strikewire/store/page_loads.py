"""Filling pages: rows of the store, rolled up, cut by page, and encoded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from strikewire.analytics.rollups import roll_up
from strikewire.core.bars import BAR_DTYPE, Timeframe
from strikewire.core.instruments import InstrumentId
from strikewire.store.encoding import Page, encode_page
from strikewire.store.shelves import Shelf, Span

#: Load the bars of an instrument in `[from_ns, to_ns)`, oldest first: 1m or 1d rows of the store.
LoadBars: TypeAlias = Callable[[InstrumentId, int, int, Timeframe], Awaitable[npt.NDArray[np.void]]]

#: Two years of minutes, 190,000 rows: no query asks for more at once.
_MAX_SESSIONS: Final = 512
#: Encoding takes 0.12 ms a page; so long may everybody else wait.
_PAGES_BETWEEN_PAUSES: Final = 8


async def load_pages(
    load_bars: LoadBars,
    instrument_id: InstrumentId,
    timeframe: Timeframe,
    shelf: Shelf,
    spans: Sequence[Span],
) -> dict[int, Page]:
    """Load pages by one query (1d: two) over all of them, and return them by `Span.key_ns`.

    Parameters
    ----------
    spans : of `shelf`, oldest first, at least one; what lies between them is loaded too, and thrown
        away.
    """
    pages: dict[int, Page] = {}
    empty = encode_page(np.empty(0, BAR_DTYPE))
    rest = list(spans)
    while rest:
        window = [span for span in rest if span.stop <= rest[0].first + _MAX_SESSIONS]
        rest = rest[len(window) :]
        bars = await _load_window(load_bars, instrument_id, timeframe, shelf, window)
        starts = np.searchsorted(bars["ts_ns"], [span.start_ns for span in window])
        stops = np.searchsorted(bars["ts_ns"], [span.stop_ns for span in window])
        for i, span in enumerate(window):
            # A span without a bar costs no encoding: illiquid instruments have many.
            is_empty = starts[i] == stops[i]
            pages[span.key_ns] = empty if is_empty else encode_page(bars[starts[i] : stops[i]])
            if i % _PAGES_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)
    return pages


async def load_outside(
    load_bars: LoadBars,
    instrument_id: InstrumentId,
    from_ns: int,
    to_ns: int,
    timeframe: Timeframe,
) -> Page:
    """Load bars of a time without sessions: the rows as they are; no rollups, for want of them."""
    if timeframe in (Timeframe.M1, Timeframe.D1):
        return encode_page(await load_bars(instrument_id, from_ns, to_ns, timeframe))
    return encode_page(np.empty(0, BAR_DTYPE))


async def _load_window(
    load_bars: LoadBars,
    instrument_id: InstrumentId,
    timeframe: Timeframe,
    shelf: Shelf,
    spans: Sequence[Span],
) -> npt.NDArray[np.void]:
    """Return all bars between the first and the last of the spans."""
    first, stop = spans[0].first, spans[-1].stop
    minutes = await load_bars(
        instrument_id,
        int(shelf.minute_cuts_ns[first]),
        int(shelf.minute_cuts_ns[stop]),
        Timeframe.M1,
    )
    if timeframe is Timeframe.M1:
        return minutes
    calendar = shelf.calendar
    rolled = roll_up(
        minutes,
        timeframe,
        days_ns=calendar.days_ns[first:stop],
        opens_ns=calendar.opens_ns[first:stop],
        closes_ns=calendar.closes_ns[first:stop],
    )
    if timeframe is not Timeframe.D1:
        return rolled
    days = await load_bars(instrument_id, spans[0].start_ns, spans[-1].stop_ns, Timeframe.D1)
    days = days[~np.isin(days["ts_ns"], rolled["ts_ns"])]
    both = np.concatenate([days, rolled])
    return both[np.argsort(both["ts_ns"])]
