"""Moneyness buckets by definition, chain by chain. Imports nothing of strikewire."""

from __future__ import annotations


def find_buckets(
    strikes: list[float], level: float, depth: int, *, is_call: bool
) -> dict[str, float]:
    """Return the strike of each bucket that there is, by name."""
    if not strikes or not 0 < level < float("inf"):
        return {}
    money = min(strikes, key=lambda strike: (abs(strike - level), strike))
    above = [strike for strike in strikes if strike > money]
    below = [strike for strike in reversed(strikes) if strike < money]
    out, into = (above, below) if is_call else (below, above)
    found = {"ATM": money}
    for name, side in (("OTM", out), ("ITM", into)):
        found |= {f"{name}{steps}": strike for steps, strike in enumerate(side[:depth], 1)}
    return found
