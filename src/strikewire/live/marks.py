"""Marks: the last price of what somebody holds, now or then, and what contracts were settled at."""

from __future__ import annotations

from typing import Final

import numpy as np

from strikewire.analytics.options.expiry_day import SettlementWindow, estimate_settlement
from strikewire.core.clock import Clock
from strikewire.core.errors import NotFoundError, UnknownSymbolError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.core.marks import Mark, MarkSource
from strikewire.core.money import Pips, to_pips
from strikewire.engine.view import EngineView
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.history import BarHistory, BarRange
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.sessions import SessionCalendar
from strikewire.reference.settlement import find_settlement_window
from strikewire.reference.underlyings import find_spot_symbol

#: Of an auction, or where a window's minutes are not recorded, the price before it counts.
_BEFORE_NS: Final = 60 * MINUTE_NS
_SETTLED: Final = MarkSource.SETTLEMENT


class MarkBoard:
    """What units are worth: the engine's price where it is of this session, else the last bar's.

    Parameters
    ----------
    view : None when nobody hears ticks.
    clock : the market's time.
    """

    def __init__(
        self,
        *,
        history: BarHistory,
        view: EngineView | None,
        instruments: InstrumentDirectory,
        rules: RuleBook,
        clock: Clock,
    ) -> None:
        self._history = history
        self._view = view
        self._instruments = instruments
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
        settled = await self._find_settlement(instrument, calendar, now_ns)
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

    async def _find_settlement(
        self, instrument: Instrument, calendar: SessionCalendar, now_ns: int
    ) -> Mark | None:
        """Return what a contract that is over was settled at, as far as its underlying is known.

        As `estimate_settlement` has it of the whole window; where none of its minutes is recorded,
        or an auction makes the price, the last one of the hour before.
        """
        spec = instrument.spec
        if spec.expiry is None or spec.underlying is None:
            return None
        (cutoff_ns,) = find_cutoffs(calendar, [spec.expiry]).tolist()
        if cutoff_ns > now_ns:
            return None
        window = find_settlement_window(self._rules.current, spec.exchange, spec.expiry)
        symbol = find_spot_symbol(spec.exchange, spec.underlying)
        if window is None or symbol is None or window[1] > now_ns:
            return None
        try:
            spot = await self._instruments.get(symbol)
        except UnknownSymbolError:
            return None
        made = SettlementWindow(*window)
        wanted = BarRange(
            limit=(_BEFORE_NS + made.end_ns - made.start_ns) // MINUTE_NS,
            from_ns=made.start_ns - _BEFORE_NS,
            to_ns=made.end_ns,
        )
        bars = (await self._history.load(spot, wanted)).to_array()
        closes = bars["close"][np.isfinite(bars["close"])]
        if not len(closes):
            return None
        estimate = estimate_settlement(
            bars["ts_ns"], bars["close"], bars["volume"],
            window=made, as_of_ns=made.end_ns, level=float(closes[-1]),
        )  # fmt: skip
        # The exchanges publish it to the paisa.
        return Mark(_settle(instrument, round(estimate.price, 2)), made.end_ns, _SETTLED)


def _find_session_open(calendar: SessionCalendar, now_ns: int) -> int:
    """Return when the session began that is on, or that was the last one."""
    place = int(np.searchsorted(calendar.opens_ns, now_ns, side="right")) - 1
    return int(calendar.opens_ns[max(place, 0)])


def _settle(instrument: Instrument, level: float) -> Pips:
    """Return what a unit of a contract is worth where its underlying was settled at a level."""
    spec = instrument.spec
    if spec.kind is InstrumentKind.FUTURE or spec.strike is None:
        return to_pips(level)
    inner = level - spec.strike if spec.kind is InstrumentKind.CALL else spec.strike - level
    return to_pips(round(max(inner, 0.0), 2))
