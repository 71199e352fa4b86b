"""Settlement: when the price is made that contracts are settled at."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Final

from strikewire.core.instants import MINUTE_NS, from_datetime
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.market_rules import MarketRules
from strikewire.reference.underlyings import CASH_VENUES

#: The closing price of a share, of which an index's is made, is the average of the trades of the
#: session's last half hour, by their volume: so both exchanges where there is no closing auction.
_AVERAGED_NS: Final = 30 * MINUTE_NS


def find_settlement_window(rules: MarketRules, exchange: str, day: date) -> tuple[int, int] | None:
    """Return when the settlement price of a day's contracts is made, `[start, end)`, UTC.

    Parameters
    ----------
    exchange : where the contracts trade, `NFO`.
    day : on which they expire; without a session, by the hours of the last one before, as cut-offs.

    Returns
    -------
    The last half hour of the cash market's session; where that ends in an auction, which makes one
    price, twice the auction's end. None where the venue's underlyings have no cash market here.
    """
    venue = CASH_VENUES.get(exchange)
    if venue is None:
        return None
    calendar = rules.calendar(venue)
    auction = rules.find_closing_auction(venue, day)
    if auction is None:
        (close_ns,) = find_cutoffs(calendar, [day]).tolist()
        return close_ns - _AVERAGED_NS, close_ns
    hours, minutes = divmod(auction.close_min, 60)
    end_ns = from_datetime(datetime.combine(day, time(hours, minutes), calendar.zone))
    return end_ns, end_ns
