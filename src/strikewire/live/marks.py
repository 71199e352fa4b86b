"""Marks: the last price of what somebody holds, now or then, and what contracts were settled at."""

from __future__ import annotations

import numpy as np

from strikewire.core.clock import Clock
from strikewire.core.errors import NotFoundError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument
from strikewire.core.marks import Mark, MarkSource
from strikewire.core.money import to_pips
from strikewire.engine.view import EngineView
from strikewire.live.history import BarHistory, BarRange
from strikewire.live.settlements import Settlements
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.sessions import SessionCalendar


class MarkBoard:
    """What units are worth: the engine's price where it is of this session, else the last bar's.

    Parameters
    ----------
    view : None when nobody hears ticks.
    settlements : what contracts that are over were worth.
    clock : the market's time.
    """

    def __init__(
        self,
        *,
        history: BarHistory,
        view: EngineView | None,
        settlements: Settlements,
        rules: RuleBook,
        clock: Clock,
    ) -> None:
        self._history = history
        self._view = view
        self._settlements = settlements
        self._rules = rules
        self._clock = clock

    async def find(self, instrument: Instrument, as_of_ns: int | None = None) -> Mark | None:
        """Return what a unit is worth; None where no price was ever heard of.

        Parameters
        ----------
        as_of_ns : None is now. Of then, minutes count that were over; now the forming one too.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        now_ns = self._clock.now_ns() if as_of_ns is None else as_of_ns
        try:
            calendar = self._rules.calendar(instrument.spec.exchange)
        except NotFoundError:
            # A venue without market rules is not heard, and has no bars.
            return None
        settled = await self._settlements.find(instrument, now_ns)
        if settled is not None:
            return settled
        opened_ns = _find_session_open(calendar, now_ns)
        if as_of_ns is None and self._view is not None:
            quote = self._view.find_quote(instrument.id)
            if quote is not None and quote.ltp > 0.0 and quote.ts_event_ns >= opened_ns:
                return Mark(to_pips(quote.ltp), quote.ts_event_ns, MarkSource.LAST_PRICE)
        to_ns = None if as_of_ns is None else as_of_ns - MINUTE_NS + 1
        found = await self._history.load(instrument, BarRange(limit=1, to_ns=to_ns))
        bars = found.to_array()
        if not len(bars) or not bars["close"][-1] > 0.0:
            return None
        is_stale = int(bars["ts_ns"][-1]) < opened_ns
        return Mark(
            to_pips(float(bars["close"][-1])),
            found.as_of_ns,
            MarkSource.STALE if is_stale else MarkSource.LAST_PRICE,
        )


def _find_session_open(calendar: SessionCalendar, now_ns: int) -> int:
    """Return when the session began that is on, or that was the last one."""
    place = int(np.searchsorted(calendar.opens_ns, now_ns, side="right")) - 1
    return int(calendar.opens_ns[max(place, 0)])
