"""What margin is reckoned from: contracts as they are priced now, and what things cost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from strikewire.analytics.margin import UnderlyingMarket
from strikewire.core.instruments import Instrument
from strikewire.core.money import Pips, to_pips
from strikewire.live.quotes import QuoteBoard
from strikewire.live.strategy_legs import LegWish
from strikewire.live.strategy_market import StrategyMarket

#: Margin asks nobody what was paid.
_NO_ENTRY: Final = Decimal(0)


class MarginMarket:
    """Chains and futures, heard or recorded, for whoever reckons margin."""

    def __init__(self, *, market: StrategyMarket, quotes: QuoteBoard) -> None:
        self._market = market
        self._quotes = quotes

    async def load_contracts(self, instruments: Sequence[Instrument]) -> UnderlyingMarket:
        """Return contracts on one underlying, in the order in which they were asked for.

        Raises
        ------
        InvalidInputError : a contract is over; they are on several underlyings.
        NothingRecordedError : nothing is known of a chain, or of the futures.
        NoPriceError : a future has no price, or a chain no volatility.
        DependencyError : the store was needed and did not answer.
        """
        wishes = [LegWish(each.symbol, 0, _NO_ENTRY) for each in instruments]
        priced = await self._market.price(wishes)
        return UnderlyingMarket(priced.to_legs(), priced.horizon_vol, priced.as_of_ns)

    async def find_last(self, instrument: Instrument) -> Pips | None:
        """Return what was paid last; None where nobody knows.

        Raises
        ------
        DependencyError : the store was needed and did not answer.
        """
        quote = await self._quotes.find(instrument)
        return None if quote is None or not np.isfinite(quote.last) else to_pips(quote.last)
