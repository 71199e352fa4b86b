"""The market in which orders are placed: its hour, its instruments, and what they cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from strikewire.core.errors import NotFoundError
from strikewire.core.instants import to_datetime
from strikewire.core.instruments import Instrument
from strikewire.core.money import Pips
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.trading_days import find_trading_day


@dataclass(frozen=True, slots=True)
class MarketNow:
    """A market that is heard, here or by another program.

    Parameters
    ----------
    mode : `live`, `replay` or `simulated`.
    now_ns : its time.
    """

    mode: str
    now_ns: int


#: Returns the market as it stands; None while none is heard, or when it is over.
FindNow: TypeAlias = Callable[[], MarketNow | None]
#: Returns what was paid last for an instrument, as far as anybody knows.
FindLast: TypeAlias = Callable[[Instrument], Awaitable[Pips | None]]


class OrderMarket:
    """What orders ask of the market. Until it is bound nothing is heard.

    Parameters
    ----------
    find_instrument : returns the instrument that goes by a name; raises UnknownSymbolError.
    """

    def __init__(
        self, *, rules: RuleBook, find_instrument: Callable[[str], Awaitable[Instrument]]
    ) -> None:
        self.rules = rules
        self.find_instrument = find_instrument
        self._find_now: FindNow = lambda: None
        self._find_last: FindLast | None = None

    def bind(self, *, find_now: FindNow, find_last: FindLast) -> None:
        """Name who knows what is heard, which is built after what listens to it."""
        self._find_now = find_now
        self._find_last = find_last

    def find_now(self) -> MarketNow | None:
        """Return the market as it stands; None while none is heard, or when it is over."""
        return self._find_now()

    async def find_last(self, instrument: Instrument) -> Pips | None:
        """Return what was paid last for an instrument, as far as anybody knows.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        return None if self._find_last is None else await self._find_last(instrument)

    def find_day(self, venue: str, now_ns: int) -> date:
        """Return the trading day that goes on at a venue, or comes next.

        Of a venue whose sessions nobody knows, or that trades no more, the day in Greenwich.
        """
        try:
            return find_trading_day([self.rules.calendar(venue)], now_ns).day
        except NotFoundError:
            return to_datetime(now_ns).date()
