"""Which price of an option its volatility is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.rows import Floats, Reason


@dataclass(frozen=True, slots=True)
class OptionQuotes:
    """What the market says of options, row by row.

    Parameters
    ----------
    ltps : float64 (n,), last traded prices, rupees; NaN where nothing was traded.
    ages_s : float64 (n,), seconds since that trade; NaN where it is not known.
    bids, asks : float64 (n,), best prices, rupees; NaN or 0 where nobody quotes that side.
    """

    ltps: Floats
    ages_s: Floats
    bids: Floats
    asks: Floats


def choose_premiums(
    quotes: OptionQuotes, *, age_max_s: float
) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Take the middle of the book, else the last trade if it is young enough.

    Parameters
    ----------
    quotes : of n options.
    age_max_s : how old a trade may be, seconds.

    Returns
    -------
    premiums : float64 (n,), NaN where there is none.
    reasons : uint8 (n,), of `Reason`: CROSSED where the bid is above the offer, whatever was traded
        before; STALE where nobody quotes both sides and the trade is too old, or nobody knows how
        old; NO_PREMIUM where there was none. Else NONE.
    """
    has_book = (quotes.bids > 0) & (quotes.asks > 0)
    is_crossed = has_book & (quotes.bids > quotes.asks)
    has_trade = quotes.ltps > 0
    is_young = quotes.ages_s <= age_max_s
    premiums = np.where(
        is_crossed | ~(has_book | (has_trade & is_young)),
        np.nan,
        np.where(has_book, 0.5 * (quotes.bids + quotes.asks), quotes.ltps),
    )
    reasons = np.select(
        [is_crossed, has_book, ~has_trade, ~is_young],
        [Reason.CROSSED, Reason.NONE, Reason.NO_PREMIUM, Reason.STALE],
        Reason.NONE,
    ).astype(np.uint8)
    return premiums, reasons


def merge_reasons(
    implied: npt.NDArray[np.uint8], premiums: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """Say why a premium is missing where that is why a volatility is.

    Parameters
    ----------
    implied : uint8 (n,), of `Implied.reasons`.
    premiums : uint8 (n,), of `choose_premiums`.
    """
    return np.where(implied == Reason.NO_PREMIUM, premiums, implied)
