"""The replicated variance of one expiry, strike by strike. Imports nothing of strikewire."""

from __future__ import annotations

import math

#: strike, call, put
Row = tuple[float, float, float]


def walk(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Take (strike, price) outwards until two in a row have no price."""
    taken = []
    missed = 0
    for strike, price in rows:
        if price > 0:
            taken.append((strike, price))
            missed = 0
        else:
            missed += 1
            if missed == 2:
                break
    return taken


def compute_variance(rows: list[Row], forward: float, tau: float, rate: float) -> float:
    """Sum the strip."""
    below = [row for row in rows if row[0] <= forward]
    if not below or math.isnan(below[-1][1] + below[-1][2]):
        return math.nan
    middle, call, put = below[-1]
    lower = walk([(k, p) for k, _, p in reversed(below[:-1])])
    upper = walk([(k, c) for k, c, _ in rows if k > forward])
    if not lower or not upper:
        return math.nan
    strip = [*reversed(lower), (middle, (call + put) / 2), *upper]
    total = 0.0
    for number, (strike, price) in enumerate(strip):
        left = strip[max(number - 1, 0)][0]
        right = strip[min(number + 1, len(strip) - 1)][0]
        width = (right - left) / (2 if 0 < number < len(strip) - 1 else 1)
        total += width / strike**2 * math.exp(rate * tau) * price
    return 2 / tau * total - (forward / middle - 1) ** 2 / tau
