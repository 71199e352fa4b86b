"""Basis, carry and rollover of futures, one by one. Imports nothing of strikewire."""

from __future__ import annotations

import math

NAN = math.nan


def compute_log_rate(price: float, base: float, time: float) -> float:
    """Return the continuous rate from `base` to `price`."""
    if price > 0 and base > 0 and time > 0:
        return math.log(price / base) / time
    return NAN


def compute_figures(
    futures: list[float], oi: list[float], taus: list[float], spot: float
) -> dict[str, list[float]]:
    """Return every figure by name."""
    known = [value for value in oi if not math.isnan(value)]
    total = sum(known)
    figures: dict[str, list[float]] = {
        name: [] for name in ("bases", "carries", "spreads", "rollover_costs", "oi_shares")
    }
    for i, (price, held, tau) in enumerate(zip(futures, oi, taus, strict=True)):
        figures["bases"].append(price - spot if price > 0 and spot > 0 else NAN)
        figures["carries"].append(compute_log_rate(price, spot, tau))
        before = futures[i - 1] if i else NAN
        figures["spreads"].append(price - before if price > 0 and before > 0 else NAN)
        step = tau - taus[i - 1] if i else NAN
        figures["rollover_costs"].append(compute_log_rate(price, before, step))
        figures["oi_shares"].append(held / total if total > 0 else NAN)
    return figures
