"""Strategies leg by leg, in fractions where they are exact. Imports nothing of strikewire."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath

INFINITY = math.inf


class Leg(NamedTuple):
    """One leg: `side` is "call", "put", or "linear" of a future or the underlying."""

    quantity: float
    entry: float
    side: str
    strike: float
    vol: float
    forward: float
    tau: float
    rate: float


def compute_price(leg: Leg, forward: float, vol: float, tau: float) -> float:
    """Price one unit of an option by Black's formula; at its intrinsic value if nothing moves."""
    is_call = leg.side == "call"
    intrinsic = max(forward - leg.strike if is_call else leg.strike - forward, 0.0)
    discount = math.exp(-leg.rate * tau)
    deviation = vol * math.sqrt(tau)
    if deviation == 0 or forward == 0:
        return discount * intrinsic
    d1 = math.log(forward / leg.strike) / deviation + deviation / 2
    d2 = d1 - deviation
    sign = 1 if is_call else -1
    normal = [0.5 * math.erfc(-sign * d / math.sqrt(2)) for d in (d1, d2)]
    return discount * sign * (forward * normal[0] - leg.strike * normal[1])


def compute_pnl(legs: list[Leg], level: float, spot: float, shift: float, time: float) -> float:
    """Return what legs make at one spot, one shift of volatility, one time from now."""
    total = []
    for leg in legs:
        left = leg.tau - time
        if left <= 0:
            forward, left = spot, 0.0
        else:
            carry = math.log(leg.forward / level) / leg.tau
            forward = leg.forward * spot / level * math.exp(-carry * time)
        value = (
            forward
            if leg.side == "linear"
            else compute_price(leg, forward, max(leg.vol + shift, 0.0), left)
        )
        total.append(leg.quantity * (value - leg.entry))
    return math.fsum(total)


class ExactPayoff(NamedTuple):
    """At the expiry, rupees; None where there is no bound."""

    points: list[Fraction]
    flats: list[tuple[Fraction, float | Fraction]]
    gains: list[tuple[Fraction, float | Fraction]]
    most: Fraction | None
    least: Fraction | None


def measure_end(legs: list[Leg], level: Fraction) -> Fraction:
    """Return what legs make when all of them end, the underlying itself held on."""
    total = Fraction(0)
    for leg in legs:
        strike = Fraction(0) if leg.side == "linear" else Fraction(leg.strike)
        value = max(strike - level, 0) if leg.side == "put" else max(level - strike, 0)
        total += Fraction(leg.quantity) * (value - Fraction(leg.entry))
    return total


def join(stretches: list[tuple[Fraction, float | Fraction]]) -> list[tuple[Any, Any]]:
    """Make one of stretches that touch."""
    joined: list[tuple[Any, Any]] = []
    for low, high in stretches:
        if joined and joined[-1][1] == low:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined


def find_payoff(legs: list[Leg]) -> ExactPayoff:
    """Walk from strike to strike: options of one expiry, and the underlying itself."""
    corners = sorted({Fraction(0), *(Fraction(leg.strike) for leg in legs if leg.side != "linear")})
    slope = sum(Fraction(leg.quantity) for leg in legs if leg.side != "put")
    zeros, flats = set(), []
    for low, high in zip(corners, [*corners[1:], INFINITY], strict=True):
        at = low + 1 if high == INFINITY else Fraction(high)
        first, last = measure_end(legs, low), measure_end(legs, at)
        if first == last == 0:
            flats.append((low, high))
        elif first != last:
            root = low - first * (at - low) / (last - first)
            zeros |= {root} if low <= root <= high else set()
    flats = join(flats)
    edges = sorted({Fraction(0), *zeros, *(end for flat in flats for end in flat)} - {INFINITY})
    gains = [
        (low, high)
        for low, high in zip(edges, [*edges[1:], INFINITY], strict=True)
        if measure_end(legs, low + 1 if high == INFINITY else (low + high) / 2) > 0
    ]
    amounts = [measure_end(legs, corner) for corner in corners]
    return ExactPayoff(
        sorted(z for z in zeros if not any(low <= z <= high for low, high in flats)),
        flats,
        gains,
        None if slope > 0 else max(amounts),
        None if slope < 0 else min(amounts),
    )


def compute_probability(
    gains: list[tuple[float, float]], forward: float, vol: float, tau: float
) -> float:
    """Integrate the lognormal density with thirty digits."""
    with mpmath.workdps(30):
        deviation = mpmath.mpf(vol) * mpmath.sqrt(tau)

        def below(level: float) -> mpmath.mpf:
            if level in (0, INFINITY):
                return mpmath.mpf(level > 0)
            return mpmath.ncdf(mpmath.log(mpmath.mpf(level) / forward) / deviation + deviation / 2)

        return float(sum(below(high) - below(low) for low, high in gains))


def find_vol(
    rows: list[tuple[float, float, float]], forward: float, strike: float, *, is_call: bool
) -> float:
    """Return the volatility an option is measured at; rows of strike, call's, put's volatility."""
    by_strike = {each[0]: each for each in rows}
    _, call, put = by_strike[strike]
    for own in (call, put) if is_call else (put, call):
        if not math.isnan(own):
            return own
    curve = []
    for level, of_call, of_put in rows:
        pair = (of_call, of_put) if level >= forward else (of_put, of_call)
        known = [vol for vol in pair if not math.isnan(vol)]
        if known:
            curve.append((math.log(level), known[0]))
    at = math.log(strike)
    below = [each for each in curve if each[0] <= at]
    above = [each for each in curve if each[0] >= at]
    if not below or not above:
        return (above[0] if above else below[-1])[1] if curve else math.nan
    (x0, y0), (x1, y1) = below[-1], above[0]
    return y0 if x0 == x1 else y0 + (y1 - y0) * (at - x0) / (x1 - x0)
