"""PCR, max pain and the volatility at the money of a chain, minute by minute, from a file's rows.

By brute force: each minute looks through all rows again. Imports nothing of strikewire.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tests.oracles.chains import Row, add_known, divide, find_atm_vol, find_max_pain
from tests.oracles.forwards import compute_parity

NAN = math.nan
YEAR_S = 365 * 86_400
#: So far from the forward volatilities are solved: the money lies between two of those strikes.
NEAR = 400.0


class Trade(NamedTuple):
    """A minute bar of an option: seconds since 1970 of its open, and what it ended with."""

    minute_s: int
    close: float
    volume: float
    oi: float


class Terms(NamedTuple):
    """By which terms a chain is valued."""

    cutoff_s: int
    rate: float
    age_max_s: float
    tick: float


#: The bars of each contract, oldest first, by (strike, `CE` or `PE`).
Contracts = dict[tuple[float, str], list[Trade]]


def compute_price(
    forward: float, strike: float, deviation: float, discount: float, *, is_call: bool
) -> float:
    """Return Black's price."""
    d1 = math.log(forward / strike) / deviation + deviation / 2
    sign = 1 if is_call else -1
    first = math.erfc(-sign * d1 / math.sqrt(2)) / 2
    second = math.erfc(-sign * (d1 - deviation) / math.sqrt(2)) / 2
    return discount * sign * (forward * first - strike * second)


def solve_vol(
    price: float, forward: float, strike: float, tau: float, terms: Terms, *, is_call: bool
) -> float:
    """Bisect; NaN where the time value is less than half a tick."""
    discount = math.exp(-terms.rate * tau)
    intrinsic = discount * max(forward - strike if is_call else strike - forward, 0.0)
    if math.isnan(price) or price - intrinsic <= terms.tick / 2:
        return NAN
    low, high = 1e-4, 5.0
    for _ in range(52):
        middle = (low + high) / 2
        found = compute_price(forward, strike, middle * math.sqrt(tau), discount, is_call=is_call)
        low, high = (middle, high) if found < price else (low, middle)
    return (low + high) / 2


def find_state(trades: list[Trade], minute_s: int, terms: Terms) -> tuple[float, float, float]:
    """Return premium, open interest and the day's volume at a minute's end."""
    heard = [each for each in trades if each.minute_s <= minute_s]
    if not heard:
        return NAN, NAN, NAN
    age_s = minute_s - heard[-1].minute_s
    premium = heard[-1].close if age_s <= terms.age_max_s else NAN
    return premium, heard[-1].oi, sum(each.volume for each in heard)


def compute_minute(contracts: Contracts, minute_s: int, terms: Terms) -> dict[str, float]:
    """Return what the chain says at a minute's end; its future is not known."""
    tau = (terms.cutoff_s - minute_s - 60) / YEAR_S
    strikes = sorted({strike for strike, _ in contracts})
    states = {
        (strike, side): find_state(contracts.get((strike, side), []), minute_s, terms)
        for strike in strikes
        for side in ("CE", "PE")
    }
    pairs = [(k, states[k, "CE"][0], states[k, "PE"][0], NAN) for k in strikes]
    forward, _, pair_count = compute_parity(pairs, math.exp(-terms.rate * tau))
    rows: list[Row] = []
    for strike in strikes:
        legs = []
        for side in ("CE", "PE"):
            premium, oi, volume = states[strike, side]
            vol = NAN
            if abs(strike - forward) <= NEAR:
                vol = solve_vol(premium, forward, strike, tau, terms, is_call=side == "CE")
            legs.append((premium, vol, NAN, NAN, oi, NAN, volume))
        rows.append((strike, legs[0], legs[1]))
    oi, volumes = ([[legs[at] for legs in side] for side in _transpose(rows)] for at in (4, 6))
    return {
        "pcr_oi": divide(add_known(oi[1]), add_known(oi[0])),
        "pcr_volume": divide(add_known(volumes[1]), add_known(volumes[0])),
        "max_pain": find_max_pain(rows),
        "forward": forward,
        "pair_count": pair_count,
        "atm_iv": find_atm_vol(rows, forward),
    }


def _transpose(rows: list[Row]) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    return [call for _, call, _ in rows], [put for _, _, put in rows]
