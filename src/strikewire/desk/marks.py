"""Marks: what a unit of something that is held is worth, and how old that is."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.expiry_day import SettlementWindow, estimate_settlement
from strikewire.core.errors import UnknownSymbolError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind
from strikewire.core.money import Pips, to_pips
from strikewire.core.orders import MarketMoment
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.settlement import find_settlement_window
from strikewire.reference.underlyings import find_spot_symbol

#: Of one moment of the market everything counts: who asks is not in the midst of a step.
_LAST_SEQ: Final = 2**63 - 1
#: Of an auction, or where a window's minutes are not recorded, the price before it counts.
_BEFORE_NS: Final = 60 * MINUTE_NS


class PriceOfDay(Protocol):
    """The last price and its day, rupees. NaN is unknown."""

    @property
    def as_of_ns(self) -> int:
        """When the price was made."""
        ...

    @property
    def last(self) -> float:
        """The price."""
        ...

    @property
    def previous_close(self) -> float:
        """Of the trading day before."""
        ...


@dataclass(frozen=True, slots=True)
class MarketInstant:
    """Where the market stands.

    Parameters
    ----------
    now_ns : its time.
    as_of_ns : the latest exchange time that was heard; None where nothing is: then all counts that
        was ever traded.
    """

    now_ns: int
    as_of_ns: int | None

    @property
    def moment(self) -> MarketMoment | None:
        """The moment up to which things are in effect."""
        return None if self.as_of_ns is None else MarketMoment(self.as_of_ns, _LAST_SEQ)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a unit of an instrument is worth.

    Parameters
    ----------
    price : None where nobody knows.
    as_of_ns : when that price was made; None where there is none.
    previous_close : what it was worth at the end of the trading day before; None where nobody
        knows.
    is_stale : the price is older than the market's day.
    is_settled : the contract has ended, at this price.
    """

    price: Pips | None = None
    as_of_ns: int | None = None
    previous_close: Pips | None = None
    is_stale: bool = False
    is_settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSources:
    """Where prices come from.

    Parameters
    ----------
    find_now : returns where the market stands.
    find_quote : returns the latest price of an instrument; None when nothing was ever heard of it.
    find_instrument : returns the instrument that goes by a symbol; raises UnknownSymbolError.
    load_minutes : returns the minute bars of an instrument in `[from, to)`, BAR_DTYPE (n,).
    """

    find_now: Callable[[], MarketInstant]
    find_quote: Callable[[Instrument], Awaitable[PriceOfDay | None]]
    find_instrument: Callable[[str], Awaitable[Instrument]]
    load_minutes: Callable[[Instrument, int, int], Awaitable[npt.NDArray[np.void]]]


class Marks:
    """Marks what is held: at the last price, and a contract that has ended at its settlement.

    It has to be bound before it is asked: what is held is older than the market that is heard.
    """

    def __init__(self, *, rules: RuleBook) -> None:
        self._rules = rules
        self._bound: MarkSources | None = None

    def bind(self, sources: MarkSources) -> None:
        """Say where prices come from."""
        self._bound = sources

    @property
    def _sources(self) -> MarkSources:
        assert self._bound is not None, "marks were asked for before they were bound"
        return self._bound

    def find_now(self) -> MarketInstant:
        """Return where the market stands."""
        return self._sources.find_now()

    async def load(
        self, instruments: Iterable[Instrument], *, now_ns: int, day_ns: int
    ) -> dict[InstrumentId, Mark]:
        """Return a mark of each instrument.

        Parameters
        ----------
        now_ns : the market's time.
        day_ns : when its day began.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        return {each.id: await self._mark(each, now_ns, day_ns) for each in instruments}

    async def _mark(self, instrument: Instrument, now_ns: int, day_ns: int) -> Mark:
        quote = await self._sources.find_quote(instrument)
        last = None if quote is None else _read(quote.last)
        as_of_ns = None if quote is None or last is None else quote.as_of_ns
        before = None if quote is None else _read(quote.previous_close)
        end_ns = self._find_end(instrument)
        is_over = end_ns is not None and end_ns <= now_ns
        if is_over:
            settled = await self._settle(instrument)
            last, as_of_ns = (last, as_of_ns) if settled is None else (settled, end_ns)
        is_stale = as_of_ns is not None and as_of_ns < day_ns
        # What was last worth something before the day is worth as much as when the day began.
        return Mark(last, as_of_ns, last if is_stale else before, is_stale, is_settled=is_over)

    def _find_end(self, instrument: Instrument) -> int | None:
        spec = instrument.spec
        if spec.expiry is None:
            return None
        return int(find_cutoffs(self._rules.calendar(spec.exchange), [spec.expiry])[0])

    async def _settle(self, instrument: Instrument) -> Pips | None:
        """Return what a contract that has ended was settled at; None where nobody knows."""
        spec = instrument.spec
        if spec.expiry is None or spec.underlying is None:
            return None
        window = find_settlement_window(self._rules.current, spec.exchange, spec.expiry)
        symbol = find_spot_symbol(spec.exchange, spec.underlying)
        if window is None or symbol is None:
            return None
        try:
            spot = await self._sources.find_instrument(symbol)
        except UnknownSymbolError:
            return None
        made = SettlementWindow(*window)
        bars = await self._sources.load_minutes(
            spot, made.start_ns - _BEFORE_NS, made.end_ns + MINUTE_NS
        )
        closes = bars["close"][np.isfinite(bars["close"])]
        if not len(closes):
            return None
        estimate = estimate_settlement(
            bars["ts_ns"], bars["close"], bars["volume"],
            window=made, as_of_ns=made.end_ns, level=float(closes[-1]),
        )  # fmt: skip
        # The exchanges publish it to the paisa.
        return _compute_payoff(instrument, to_pips(round(estimate.price, 2)))


def _compute_payoff(instrument: Instrument, settlement: Pips) -> Pips:
    """Return what a unit of a contract pays, of what its underlying was settled at."""
    strike = to_pips(instrument.spec.strike or 0.0)
    match instrument.spec.kind:
        case InstrumentKind.CALL:
            return Pips(max(settlement - strike, 0))
        case InstrumentKind.PUT:
            return Pips(max(strike - settlement, 0))
        case _:
            return settlement


def _read(price: float) -> Pips | None:
    return to_pips(price) if math.isfinite(price) else None
