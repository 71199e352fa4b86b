"""The book behind each tick: five levels either side of a trade."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.core.ticks import DEPTH_DTYPE, DEPTH_LEVELS

#: A spread is one tick wider for so many strikes from the money, ...
_STRIKES_PER_TICK: Final = 5
#: ... for so much of the price, as market makers hedge with a future that has a spread too, ...
_PRICE_PER_TICK: Final = 400
#: ... and never more than this share of the price: who bids for what costs a tick?
_SPREAD_SHARE: Final = 3
#: The whole book holds so many times what its first five levels show, at least.
_BOOK_FACTOR: Final = 6


def compute_spreads(
    prices_ticks: npt.NDArray[np.int64],
    distances: npt.NDArray[np.int64],
    words: npt.NDArray[np.uint64],
) -> npt.NDArray[np.int64]:
    """Return the best ask less the best bid, int64 (n,), ticks, at least 1.

    Parameters
    ----------
    prices_ticks : int64 (n,), last traded prices.
    distances : int64 (n,), strikes from the money; 0 of a future.
    words : uint64 (n,), random; one bit of each widens by a tick.
    """
    widened = (words >> np.uint64(1) & np.uint64(1)).astype(np.int64)
    spreads = 1 + distances // _STRIKES_PER_TICK + prices_ticks // _PRICE_PER_TICK // 2 + widened
    widest = np.maximum(prices_ticks // _SPREAD_SHARE, 1)
    narrowed: npt.NDArray[np.int64] = np.minimum(spreads, widest)
    return narrowed


def make_books(
    prices_paise: npt.NDArray[np.int64],
    tick_paise: npt.NDArray[np.int64],
    distances: npt.NDArray[np.int64],
    lot_sizes: npt.NDArray[np.int64],
    words: npt.NDArray[np.uint64],
) -> npt.NDArray[np.void]:
    """Return the books behind trades; the trade was at the best bid or at the best ask.

    Parameters
    ----------
    prices_paise, tick_paise : int64 (n,), last traded prices and ticks.
    distances : int64 (n,), strikes from the money; 0 of a future, -1 of what has no book.
    lot_sizes : int64 (n,), units.
    words : uint64 (n,), random.

    Returns
    -------
    DEPTH_DTYPE (n,). A level that would be at a price of 0 or less is not there: NaN and 0.
    """
    prices_ticks = prices_paise // tick_paise
    spreads = compute_spreads(prices_ticks, distances, words)
    is_sale = (words & np.uint64(1)).astype(np.int64)
    best_bids = prices_ticks - spreads * (1 - is_sale)
    levels = np.arange(DEPTH_LEVELS)
    gaps = np.maximum(spreads // 2, 1)[:, None] * levels
    fives = (words[:, None] >> (2 + 5 * np.arange(10, dtype=np.uint64))) & np.uint64(31)
    # Fewer lots wait far from the money, and more behind the first level than in front of it.
    typical = np.maximum(40 // (1 + np.maximum(distances, 0)), 2)[:, None] * (2 + levels)
    is_book = (distances >= 0)[:, None]

    books = np.zeros(len(words), DEPTH_DTYPE)
    for side, ticks, noise in (
        ("bid", best_bids[:, None] - gaps, fives[:, :5]),
        ("ask", (best_bids + spreads)[:, None] + gaps, fives[:, 5:]),
    ):
        is_there = (ticks > 0) & is_book
        lots = np.where(is_there, 1 + typical * noise.astype(np.int64) // 32, 0)
        books[f"{side}_price"] = np.where(is_there, ticks * tick_paise[:, None] / 100, np.nan)
        books[f"{side}_quantity"] = lots * lot_sizes[:, None]
        books[f"{side}_orders"] = (lots + 2) // 3
    for side, shift in (("bid", 52), ("ask", 58)):
        extra = (words >> np.uint64(shift) & np.uint64(63)).astype(np.int64)
        shown = books[f"{side}_quantity"].sum(axis=1)
        # Whole lots: a part of a lot cannot be ordered.
        lots = shown * (_BOOK_FACTOR * 32 + 8 * extra) // (32 * lot_sizes)
        books[f"total_{side}_quantity"] = lots * lot_sizes
    return books
