"""Futures side by side: as they are now, and as a minute left them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from strikewire.analytics.futures import classify_build_up, compute_bases
from strikewire.analytics.options.expiry_time import compute_taus
from strikewire.core.chain_rows import FUTURES_BAR_DTYPE
from strikewire.core.instants import MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.engine.chains.layout import NOBODY
from strikewire.engine.chains.table import Floats
from strikewire.engine.chains.valuation import ChainTerms
from strikewire.engine.view import QuoteColumns
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.underlyings import find_spot_symbol


@dataclass(frozen=True, slots=True, eq=False)
class FutureLayout:
    """Futures by venue, underlying and expiry.

    Parameters
    ----------
    instruments : f of them; a continuous one has no expiry, and comes first.
    ids, spot_ids : int32 (f,); NOBODY where the spot is not known.
    cutoffs_ns : int64 (f,); 0 without an expiry.
    """

    instruments: tuple[Instrument, ...]
    ids: npt.NDArray[np.int32]
    spot_ids: npt.NDArray[np.int32]
    cutoffs_ns: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of futures."""
        return len(self.instruments)

    def find(self, exchange: str, underlying: str) -> npt.NDArray[np.intp]:
        """Return the places of the futures on an underlying."""
        wanted = exchange, underlying
        return np.flatnonzero([_name(each) == wanted for each in self.instruments])

    def list_quoted(self) -> npt.NDArray[np.int32]:
        """Return the ids that quotes are wanted of: int32 (2 * f,), futures and then spots."""
        return np.concatenate([self.ids, self.spot_ids])


@dataclass(frozen=True, slots=True, eq=False)
class FutureTable:
    """Futures at one instant: float64 (f,), NaN where unknown.

    Parameters
    ----------
    spots : rupees, young enough to go by.
    ltps, changes : rupees, last traded, and since the close of the session before.
    bids, asks : rupees, the best prices.
    volumes : units traded in the session.
    oi, oi_changes : units of open interest, and what it gained since the session before.
    taus : years to the cut-off; NaN without an expiry.
    ts_ns : int64 (f,), of the last trade; 0 where there was none.
    """

    as_of_ns: int
    layout: FutureLayout
    spots: Floats
    ltps: Floats
    changes: Floats
    bids: Floats
    asks: Floats
    volumes: Floats
    oi: Floats
    oi_changes: Floats
    taus: Floats
    ts_ns: npt.NDArray[np.int64]


def lay_out_futures(
    instruments: Iterable[Instrument], find_calendar: Callable[[str], SessionCalendar]
) -> FutureLayout:
    """Put the futures among instruments side by side.

    Raises
    ------
    UnknownVenueError : as `find_calendar` raises it.
    """
    given = list(instruments)
    spots = {
        each.symbol: int(each.id)
        for each in given
        if each.spec.kind in (InstrumentKind.INDEX, InstrumentKind.EQUITY)
    }
    futures = sorted(
        (each for each in given if each.spec.kind is InstrumentKind.FUTURE),
        key=lambda each: (_name(each), each.spec.expiry or date.min, each.symbol),
    )
    return FutureLayout(
        instruments=tuple(futures),
        ids=np.array([int(each.id) for each in futures], np.int32),
        spot_ids=np.array(
            [spots.get(find_spot_symbol(*_name(each)) or "", NOBODY) for each in futures], np.int32
        ),
        cutoffs_ns=np.array(
            [
                0
                if each.spec.expiry is None
                else int(find_cutoffs(find_calendar(each.spec.exchange), [each.spec.expiry])[0])
                for each in futures
            ],
            np.int64,
        ),
    )


def make_future_table(
    layout: FutureLayout, quotes: QuoteColumns, as_of_ns: int, terms: ChainTerms
) -> FutureTable:
    """Put together what is known of futures; `quotes` are of `layout.list_quoted()`."""
    count = len(layout)
    age_max_ns = int(terms.age_max_s * SECOND_NS)
    spots = np.where(as_of_ns - quotes.ts_ns[count:] <= age_max_ns, quotes.ltps[count:], np.nan)
    ltps, oi = quotes.ltps[:count], quotes.oi[:count]
    taus = np.where(layout.cutoffs_ns > 0, compute_taus(layout.cutoffs_ns, as_of_ns), np.nan)
    return FutureTable(
        as_of_ns=as_of_ns,
        layout=layout,
        spots=spots,
        ltps=ltps,
        changes=ltps - quotes.closes_before[:count],
        bids=quotes.bids[:count],
        asks=quotes.asks[:count],
        volumes=quotes.volumes[:count],
        oi=oi,
        oi_changes=oi - quotes.oi_before[:count],
        taus=taus,
        ts_ns=quotes.ts_ns[:count],
    )


def make_future_rows(table: FutureTable, bars: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Return FUTURES_BAR_DTYPE (b,) of the futures that have a bar in a minute.

    Parameters
    ----------
    table : as of the minute's end.
    bars : BAR_DTYPE (n,), of that minute; other instruments' are passed over.
    """
    layout = table.layout
    order = np.argsort(layout.ids)
    found = np.searchsorted(layout.ids[order], bars["instrument_id"])
    is_mine = found < len(layout)
    is_mine[is_mine] = layout.ids[order[found[is_mine]]] == bars["instrument_id"][is_mine]
    mine, places = bars[is_mine], order[found[is_mine]]
    rows = np.empty(len(mine), FUTURES_BAR_DTYPE)
    for name in ("instrument_id", "open", "high", "low", "close", "volume"):
        rows[name] = mine[name]
    rows["ts_ns"] = table.as_of_ns - MINUTE_NS
    rows["oi"] = table.oi[places]
    rows["day_volume"] = table.volumes[places]
    rows["spot"] = table.spots[places]
    rows["basis"], rows["carry"] = compute_bases(rows["close"], rows["spot"], table.taus[places])
    rows["change"] = table.changes[places]
    rows["oi_change"] = table.oi_changes[places]
    rows["build_up"] = classify_build_up(rows["change"], rows["oi_change"])
    return rows


def _name(future: Instrument) -> tuple[str, str]:
    """Return where a future trades, and on what."""
    spec = future.spec
    return spec.exchange, spec.underlying or spec.tradingsymbol
