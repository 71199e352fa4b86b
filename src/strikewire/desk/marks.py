"""Marks: what a unit of something that is held is worth, and how old that is."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from strikewire.core import marks
from strikewire.core.instruments import Instrument, InstrumentId
from strikewire.core.money import Pips, to_pips
from strikewire.core.orders import MarketMoment
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.rule_book import RuleBook


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
        """The moment up to which things are in effect: who asks is not in the midst of a step."""
        return None if self.as_of_ns is None else MarketMoment.end_of(self.as_of_ns)


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
    find_settlement : returns what a contract was worth when it was over, by the market's time; None
        where nobody knows.
    """

    find_now: Callable[[], MarketInstant]
    find_quote: Callable[[Instrument], Awaitable[PriceOfDay | None]]
    find_settlement: Callable[[Instrument, int], Awaitable[marks.Mark | None]]


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
            settled = await self._sources.find_settlement(instrument, now_ns)
            if settled is not None:
                last, as_of_ns = settled.price, settled.as_of_ns
        is_stale = as_of_ns is not None and as_of_ns < day_ns
        # What was last worth something before the day is worth as much as when the day began.
        return Mark(last, as_of_ns, last if is_stale else before, is_stale, is_settled=is_over)

    def _find_end(self, instrument: Instrument) -> int | None:
        spec = instrument.spec
        if spec.expiry is None:
            return None
        return int(find_cutoffs(self._rules.calendar(spec.exchange), [spec.expiry])[0])


def _read(price: float) -> Pips | None:
    return to_pips(price) if math.isfinite(price) else None
