"""Corrections: candles into the store by precedence, and whoever showed something else told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.core.bars import Timeframe
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument
from strikewire.live.bar_streams import BarStreams
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.bars import BarStore
from strikewire.store.database import WriteSession
from strikewire.store.pages import PageCache


@dataclass(frozen=True, slots=True)
class Readers:
    """Who shows bars, and has to be told where they changed.

    Parameters
    ----------
    pages : forget the days that changed.
    streams : tell whoever listens.
    tell : called behind these with an instrument and its bars that changed, for what rests on them.
    """

    pages: PageCache
    streams: BarStreams
    tell: Callable[[Instrument, npt.NDArray[np.void]], None]


class Corrections:
    """Writes bars over what is stored, as far as they may.

    Parameters
    ----------
    find_calendar : the sessions of a venue.
    readers : of this program; None where it shows nothing, as in a command.
    """

    def __init__(
        self,
        *,
        bars: BarStore,
        find_calendar: Callable[[str], SessionCalendar],
        readers: Readers | None,
    ) -> None:
        self._bars = bars
        #: The sessions of a venue.
        self.find_calendar = find_calendar
        self._readers = readers

    async def store(
        self, session: WriteSession, instrument: Instrument, bars: npt.NDArray[np.void]
    ) -> npt.NDArray[np.void]:
        """Merge minutes of one instrument; return those that are others now, as they are.

        Parameters
        ----------
        bars : BAR_DTYPE (n,), oldest first.

        Returns
        -------
        BAR_DTYPE (m,), oldest first, for `publish` once the transaction is committed.
        """
        if not len(bars):
            return bars
        span = int(bars["ts_ns"][0]), int(bars["ts_ns"][-1]) + MINUTE_NS
        before = await self._bars.load(session, instrument.id, *span)
        await self._bars.merge(session, bars, timeframe=Timeframe.M1)
        after = await self._bars.load(session, instrument.id, *span)
        known = {bar.tobytes() for bar in before}
        return after[[bar.tobytes() not in known for bar in after]]

    def publish(self, instrument: Instrument, bars: npt.NDArray[np.void]) -> None:
        """Have what changed forgotten where it is kept, and told where it is listened to."""
        if self._readers is None or not len(bars):
            return
        calendar = self.find_calendar(instrument.spec.exchange)
        sessions = calendar.find(bars["ts_ns"])
        for session in np.unique(sessions[sessions >= 0]).tolist():
            self._readers.pages.invalidate(instrument.id, int(calendar.days_ns[session]))
        self._readers.streams.revise(bars)
        self._readers.tell(instrument, bars)
