"""What the five best levels of a book say: spread, imbalance, and what filling a size costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_BPS: Final = 1e4
#: The cost, in hundredths of a per cent, at which a book is half as good as one that costs nothing.
_HALF_SCORE_BPS: Final = 25.0


@dataclass(frozen=True, slots=True)
class BookFigures:
    """What books say, row by row: float64 (n,), NaN where a side is empty or crossed.

    Parameters
    ----------
    middles : rupees, half of best bid and best offer together.
    spreads : rupees, best offer less best bid.
    spreads_bps : the same in hundredths of a per cent of the middle.
    imbalances : between -1, all offered, and 1, all bid: what is bid less what is offered, over
        both, of the levels shown.
    total_imbalances : the same of the whole book, as the exchange tells its totals.
    """

    middles: Floats
    spreads: Floats
    spreads_bps: Floats
    imbalances: Floats
    total_imbalances: Floats


@dataclass(frozen=True, slots=True)
class FillFigures:
    """What filling a size at once would cost, row by row: float64 (n,).

    Parameters
    ----------
    buy_vwaps, sell_vwaps : rupees, the average price; NaN where the levels shown hold less.
    buy_slippages_bps, sell_slippages_bps : worse than the middle by so many hundredths of a per
        cent; NaN like the average.
    scores : 0 to 100: 100 / (1 + mean slippage / 25 bps), 0 where either side holds less than the
        size. A measure of ours, for ranking contracts; it has no meaning beyond that.
    """

    buy_vwaps: Floats
    sell_vwaps: Floats
    buy_slippages_bps: Floats
    sell_slippages_bps: Floats
    scores: Floats


def compute_book_figures(books: npt.NDArray[np.void]) -> BookFigures:
    """Measure each book.

    Parameters
    ----------
    books : DEPTH_DTYPE (n,).

    Returns
    -------
    Of n books. Oracle: tests/oracles/depth.py, 1e-12.
    """
    bids, asks = books["bid_price"][:, 0], books["ask_price"][:, 0]
    is_good = (bids > 0) & (asks > 0) & (bids <= asks)
    spreads = np.where(is_good, asks - bids, np.nan)
    middles = np.where(is_good, 0.5 * (bids + asks), np.nan)
    return BookFigures(
        middles=middles,
        spreads=spreads,
        spreads_bps=_BPS * spreads / middles,
        imbalances=_balance(
            _take_quantities(books, "bid").sum(axis=1), _take_quantities(books, "ask").sum(axis=1)
        ),
        total_imbalances=_balance(
            books["total_bid_quantity"].astype(np.float64),
            books["total_ask_quantity"].astype(np.float64),
        ),
    )


def compute_fill_figures(books: npt.NDArray[np.void], quantities: npt.ArrayLike) -> FillFigures:
    """Walk each book until a size is filled, on either side.

    Parameters
    ----------
    books : DEPTH_DTYPE (n,).
    quantities : float64 (n,) or one for all, units (lots times the lot size); positive.

    Raises
    ------
    ValueError : a quantity is not positive, or there are neither one nor n.

    Oracle: tests/oracles/depth.py, 1e-12.
    """
    wanted = np.broadcast_to(np.asarray(quantities, np.float64), (len(books),))
    if not (wanted > 0).all():
        msg = f"positive quantities were wanted, found {wanted[~(wanted > 0)][0]}"
        raise ValueError(msg)
    middles = compute_book_figures(books).middles
    buys, sells = _fill(books, "ask", wanted), _fill(books, "bid", wanted)
    buy_bps = _BPS * (buys / middles - 1.0)
    sell_bps = _BPS * (1.0 - sells / middles)
    scores = 100.0 / (1.0 + 0.5 * (buy_bps + sell_bps) / _HALF_SCORE_BPS)
    return FillFigures(
        buy_vwaps=buys,
        sell_vwaps=sells,
        buy_slippages_bps=buy_bps,
        sell_slippages_bps=sell_bps,
        scores=np.where(np.isnan(scores), 0.0, scores),
    )


def _take_quantities(books: npt.NDArray[np.void], side: str) -> Floats:
    """Return a side's quantities, 0 at levels that are not there."""
    quantities: Floats = np.where(
        books[f"{side}_price"] > 0, np.maximum(books[f"{side}_quantity"], 0), 0
    ).astype(np.float64)
    return quantities


def _balance(bid: Floats, ask: Floats) -> Floats:
    both = bid + ask
    return (bid - ask) / np.where(both > 0, both, np.nan)


def _fill(books: npt.NDArray[np.void], side: str, wanted: Floats) -> Floats:
    """Return the average price of a size; NaN where the side holds less."""
    held = _take_quantities(books, side)
    before = np.cumsum(held, axis=1) - held
    taken = np.clip(wanted[:, None] - before, 0.0, held)
    prices = np.where(held > 0, books[f"{side}_price"], 0.0)
    is_filled = held.sum(axis=1) >= wanted
    return np.where(is_filled, (taken * prices).sum(axis=1) / wanted, np.nan)
