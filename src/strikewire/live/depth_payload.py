"""One contract's book as people and programs are told it, and what filling a size costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from strikewire.analytics.depth import compute_book_figures, compute_fill_figures
from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.live.columns import Columns


def describe_book(
    instrument: Instrument, book: npt.NDArray[np.void], *, as_of_ns: int, lots: int
) -> dict[str, Any]:
    """Describe a book: a head, and what it says of filling so many lots at once.

    Parameters
    ----------
    book : DEPTH_DTYPE (1,).
    """
    quantity = lots * instrument.spec.lot_size
    shape, fill = compute_book_figures(book), compute_fill_figures(book, quantity)
    return {
        "symbol": instrument.symbol,
        "as_of": format_rfc3339(as_of_ns),
        "lot_size": instrument.spec.lot_size,
        "lots": lots,
        "quantity": quantity,
        "total_bid_quantity": int(book["total_bid_quantity"][0]),
        "total_ask_quantity": int(book["total_ask_quantity"][0]),
        "middle": float(shape.middles[0]),
        "spread": float(shape.spreads[0]),
        "spread_bps": float(shape.spreads_bps[0]),
        "imbalance": float(shape.imbalances[0]),
        "total_imbalance": float(shape.total_imbalances[0]),
        "buy_vwap": float(fill.buy_vwaps[0]),
        "sell_vwap": float(fill.sell_vwaps[0]),
        "buy_slippage_bps": float(fill.buy_slippages_bps[0]),
        "sell_slippage_bps": float(fill.sell_slippages_bps[0]),
        "score": float(fill.scores[0]),
    }


def list_level_columns(book: npt.NDArray[np.void]) -> Columns:
    """Return the levels of a book that are there, bids first, the best of either side first."""
    parts = []
    for side in ("bid", "ask"):
        prices = book[f"{side}_price"][0]
        (levels,) = np.nonzero(prices > 0)
        quantities, orders = book[f"{side}_quantity"][0], book[f"{side}_orders"][0]
        parts.append((side, levels, prices[levels], quantities[levels], orders[levels]))
    sides: list[str | None] = [side for side, levels, *_ in parts for _ in levels]
    return {
        "side": sides,
        "level": np.concatenate([each[1] for each in parts]) + 1,
        "price": np.concatenate([each[2] for each in parts]),
        "quantity": np.concatenate([each[3] for each in parts]),
        "orders": np.concatenate([each[4] for each in parts]),
    }
