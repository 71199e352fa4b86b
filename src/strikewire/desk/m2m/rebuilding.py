"""Candles of minutes that nobody marked: out of the ledger, and of the bars of what is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument
from strikewire.core.m2m_rows import M2M_CANDLE_DTYPE, M2mFlag
from strikewire.core.orders import StrategyEntry
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.expired import Seeds
from strikewire.desk.m2m.listener import Crossing
from strikewire.desk.m2m.venues import Venues
from strikewire.engine.view import Update
from strikewire.reference.sessions import SessionCalendar


class _Collector:
    """An `M2mListener` that keeps candles."""

    def __init__(self) -> None:
        self.candles: list[npt.NDArray[np.void]] = []

    def on_step(self, rows: npt.NDArray[np.int64]) -> None:
        """Look away."""

    def on_candles(self, candles: npt.NDArray[np.void]) -> None:
        """Keep them."""
        self.candles.append(candles)

    def on_crossing(self, crossing: Crossing) -> None:
        """Look away: what is told late is not told."""

    def on_restart(self) -> None:
        """Look away: nothing goes backwards here."""


def rebuild_candles(
    instruments: Iterable[Instrument],
    entries: Sequence[StrategyEntry],
    bars: npt.NDArray[np.void],
    seeds: Seeds,
    stretch: tuple[int, int],
    find_calendar: Callable[[str], SessionCalendar],
) -> npt.NDArray[np.void]:
    """Return candles of strategies for a stretch of the past, M2M_CANDLE_DTYPE (n,).

    By the same engine that marks live, which is told of nothing but ended minutes: high and low are
    those of a candle's two ends. Of options nothing but their prices is known, so that what they
    made is residual. They are flagged REBUILT.

    Parameters
    ----------
    bars : BAR_DTYPE (n,), of the instruments in the stretch.
    seeds : what each cost before it, and what those were settled at that are over by its end.
    stretch : `[from, to)`, whole minutes.
    """
    from_ns, to_ns = stretch
    closed_ns, told = from_ns, _Collector()
    m2m = M2mEngine(find_calendar=find_calendar)
    m2m.bind(view=None, find_closed=lambda: closed_ns)
    m2m.listen(told)
    known = list(instruments)
    m2m.learn(known)
    m2m.seed(seeds.closes)
    m2m.settle(seeds.settlements)
    m2m.load(entries)
    venues = Venues(find_calendar)
    venues.learn(known)
    for each in known:
        venues.find_bit(each.id)
    minutes = np.union1d(venues.list_minutes(from_ns, to_ns), bars["ts_ns"])
    none = np.zeros(0, np.int32)
    m2m.on_update(Update(seq=1, as_of_ns=from_ns, last_seq=1, dirty=none, bars=bars[:0]))
    for seq, minute_ns in enumerate(minutes.tolist(), 2):
        closed_ns = minute_ns + MINUTE_NS
        own = bars[bars["ts_ns"] == minute_ns]
        as_of_ns = minute_ns + MINUTE_NS - 1
        m2m.on_update(Update(seq=seq, as_of_ns=as_of_ns, last_seq=seq, dirty=none, bars=own))
    m2m.capture()
    candles = np.concatenate([np.zeros(0, M2M_CANDLE_DTYPE), *told.candles])
    candles["flags"] |= M2mFlag.REBUILT
    return candles
