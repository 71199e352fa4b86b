"""Settlements: what contracts that are over were worth in the end, as far as is recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.expiry_day import SettlementWindow, estimate_settlement
from strikewire.core.errors import NotFoundError, UnknownSymbolError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentKind, InstrumentSpec
from strikewire.core.marks import Mark, MarkSource
from strikewire.core.money import Pips, to_pips
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.settlement import find_settlement_window
from strikewire.reference.underlyings import find_spot_symbol

#: Of an auction, or where a window's minutes are not recorded, the price before it counts.
_BEFORE_NS: Final = 60 * MINUTE_NS

#: Returns the minute bars of an instrument in `[from, to)`, BAR_DTYPE (n,), oldest first.
LoadMinutes: TypeAlias = Callable[[Instrument, int, int], Awaitable[npt.NDArray[np.void]]]


class Settlements:
    """What a unit of a contract is worth once it is over.

    As `estimate_settlement` has it of the underlying's whole window; where none of its minutes is
    recorded, or an auction makes the price, the last one of the hour before.

    Parameters
    ----------
    find_instrument : returns the instrument that goes by a symbol; raises UnknownSymbolError.
    """

    def __init__(
        self,
        *,
        rules: RuleBook,
        find_instrument: Callable[[str], Awaitable[Instrument]],
        load_minutes: LoadMinutes,
    ) -> None:
        self._rules = rules
        self._find_instrument = find_instrument
        self._load_minutes = load_minutes

    async def find(self, instrument: Instrument, now_ns: int) -> Mark | None:
        """Return a contract's last mark; None while it is not over, or where nobody knows.

        Parameters
        ----------
        now_ns : the market's time.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        found = self._find_window(instrument.spec, now_ns)
        if found is None:
            return None
        symbol, window = found
        try:
            spot = await self._find_instrument(symbol)
        except UnknownSymbolError:
            return None
        level = await self._estimate(spot, window)
        if level is None:
            return None
        return Mark(_settle(instrument.spec, level), window.end_ns, MarkSource.SETTLEMENT)

    def _find_window(
        self, spec: InstrumentSpec, now_ns: int
    ) -> tuple[str, SettlementWindow] | None:
        """Return what a contract that is over was settled by, and when."""
        if spec.expiry is None or spec.underlying is None:
            return None
        try:
            (cutoff_ns,) = find_cutoffs(self._rules.calendar(spec.exchange), [spec.expiry]).tolist()
        except NotFoundError:
            # A venue without market rules is not heard, and has no bars.
            return None
        window = find_settlement_window(self._rules.current, spec.exchange, spec.expiry)
        symbol = find_spot_symbol(spec.exchange, spec.underlying)
        if window is None or symbol is None or max(cutoff_ns, window[1]) > now_ns:
            return None
        return symbol, SettlementWindow(*window)

    async def _estimate(self, spot: Instrument, window: SettlementWindow) -> float | None:
        """Return what the underlying was settled at, rupees to the paisa as it is published."""
        bars = await self._load_minutes(spot, window.start_ns - _BEFORE_NS, window.end_ns)
        closes = bars["close"][np.isfinite(bars["close"])]
        if not len(closes):
            return None
        estimate = estimate_settlement(
            bars["ts_ns"], bars["close"], bars["volume"],
            window=window, as_of_ns=window.end_ns, level=float(closes[-1]),
        )  # fmt: skip
        return round(estimate.price, 2)


def _settle(spec: InstrumentSpec, level: float) -> Pips:
    """Return what a unit of a contract pays where its underlying was settled at a level."""
    if spec.strike is None:
        return to_pips(level)
    inner = level - spec.strike if spec.kind is InstrumentKind.CALL else spec.strike - level
    return to_pips(round(max(inner, 0.0), 2))
