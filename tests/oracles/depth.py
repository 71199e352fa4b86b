"""One book, level by level. Imports nothing of strikewire."""

from __future__ import annotations

import math

NAN = math.nan

#: (price, quantity), best first; a level that is not there has the price NaN or 0.
Side = list[tuple[float, int]]


def keep(side: Side) -> Side:
    """Return the levels that are there."""
    return [(price, quantity) for price, quantity in side if price > 0]


def find_middle(bids: Side, asks: Side) -> float:
    """Return the middle of a book that has two sides and is not crossed."""
    bid, ask = bids[0][0], asks[0][0]
    return (bid + ask) / 2 if bid > 0 and ask > 0 and bid <= ask else NAN


def compute_imbalance(bids: Side, asks: Side) -> float:
    """Return what is bid less what is offered, over both."""
    bid, ask = (sum(quantity for _, quantity in keep(side)) for side in (bids, asks))
    return (bid - ask) / (bid + ask) if bid + ask > 0 else NAN


def fill(side: Side, wanted: float) -> float:
    """Take unit by unit, level by level; return the average price."""
    left, cost = wanted, 0.0
    for price, quantity in keep(side):
        taken = min(left, quantity)
        cost += taken * price
        left -= taken
    return cost / wanted if left == 0 else NAN


def compute_score(bids: Side, asks: Side, wanted: float) -> float:
    """Return the score of a book for a size."""
    middle = find_middle(bids, asks)
    mean = (fill(asks, wanted) - fill(bids, wanted)) / middle / 2 * 10_000
    return 0.0 if math.isnan(mean) else 100 / (1 + mean / 25)
