"""The forward by put-call parity, in lists. Imports nothing of strikewire."""

from __future__ import annotations

import math

Pair = tuple[float, float, float, float]


def find_weighted_median(values: list[float], weights: list[float]) -> float:
    """Return the lowest value with at least half the weight at or below it."""
    ranked = sorted(zip(values, weights, strict=True))
    return min(v for v, _ in ranked if 2 * sum(w for u, w in ranked if u <= v) >= sum(weights))


def compute_parity(pairs: list[Pair], discount: float) -> tuple[float, float, int]:
    """Return forward, dispersion and number of `(strike, call, put, spread)` used."""
    good = [p for p in pairs if math.isfinite(p[1] - p[2])]
    if not good:
        return math.nan, math.nan, 0
    known = [p[3] for p in good if p[3] >= 0]
    mean = sum(known) / len(known) if known else 0.0
    nearest = min(good, key=lambda p: abs(p[1] - p[2]))
    anchor = nearest[0] + (nearest[1] - nearest[2]) / discount
    straddle = nearest[1] + nearest[2]
    forwards = [k + (c - p) / discount for k, c, p, _ in good]
    weights = []
    for strike, _, _, spread in good:
        width = (spread if spread >= 0 else mean) + straddle / 1000
        weights.append(1 / width**2 / (1 + ((strike - anchor) / straddle) ** 2))
    median = find_weighted_median(forwards, weights)
    spread_out = find_weighted_median([abs(f - median) for f in forwards], weights)
    limit = max(3 * 1.4826 * spread_out, straddle / 1000)
    kept = [(f, w) for f, w in zip(forwards, weights, strict=True) if abs(f - median) <= limit]
    total = sum(w for _, w in kept)
    forward = sum(f * w for f, w in kept) / total
    variance = sum(w * (f - forward) ** 2 for f, w in kept) / total
    return forward, math.sqrt(variance), len(kept)
