"""What a running session adds to history, and what it takes out of the page cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import InstrumentId
from strikewire.engine.view import EngineView
from strikewire.live.recorder import Recorder
from strikewire.reference.sessions import SessionCalendar
from strikewire.store.pages import PageCache

_NO_SESSION: Final = -1


class SessionBars:
    """The bars of a session that the store may not have: on their way to it, or still forming."""

    def __init__(self, *, view: EngineView, recorder: Recorder) -> None:
        self._view = view
        self._recorder = recorder

    def find_pending(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:
        """Return BAR_DTYPE (n,), oldest first: closed, and on their way to the store."""
        return self._recorder.find_pending(instrument_id)

    def recent_bars(self, instrument_id: InstrumentId) -> npt.NDArray[np.void]:
        """Return BAR_DTYPE (n,), oldest first: what ticks can still change."""
        return self._view.recent_bars(instrument_id)


class PageInvalidator:
    """Makes the cache forget the days of bars that were committed.

    Parameters
    ----------
    venues : the venue of every instrument of the session.
    find_calendar : the sessions of a venue.
    """

    def __init__(
        self,
        *,
        pages: PageCache,
        venues: Mapping[int, str],
        find_calendar: Callable[[str], SessionCalendar],
    ) -> None:
        self._pages = pages
        self._find_calendar = find_calendar
        self.replace(venues)

    def replace(self, venues: Mapping[int, str]) -> None:
        """Name the venue of every instrument anew: another day has others."""
        self._venues = sorted(set(venues.values()))
        self._venue_of = np.full(max(venues, default=0) + 1, _NO_SESSION)
        for instrument_id, venue in venues.items():
            self._venue_of[instrument_id] = self._venues.index(venue)

    def on_committed(self, bars: npt.NDArray[np.void]) -> None:
        """Forget every day of every instrument in BAR_DTYPE (n,)."""
        venue_of_bar = self._venue_of[bars["instrument_id"]]
        for index, venue in enumerate(self._venues):
            mine = bars[venue_of_bar == index]
            calendar = self._find_calendar(venue)
            sessions = calendar.find(mine["ts_ns"])
            pairs = np.stack([mine["instrument_id"], sessions], axis=1)[sessions != _NO_SESSION]
            for instrument_id, session in np.unique(pairs, axis=0).tolist():
                self._pages.invalidate(InstrumentId(instrument_id), int(calendar.days_ns[session]))
