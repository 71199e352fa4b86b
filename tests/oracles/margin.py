"""Scenario margin contract by contract, in plain loops. Imports nothing of strikewire."""

from __future__ import annotations

import math
from typing import NamedTuple

from tests.oracles.strategies import Leg, compute_price


class Terms(NamedTuple):
    """How far things move, and what is charged; fractions."""

    price_move: float
    vol_move: float
    extreme_moves: float
    extreme_share: float
    calendar: float
    short_option: float
    exposure: float


def compute_value(leg: Leg, move: float, shift: float) -> float:
    """Return what a unit is worth after a move of the price, a fraction, and of the volatility."""
    forward = leg.forward * max(1.0 + move, 1e-3)
    if leg.side == "linear":
        return forward
    return compute_price(leg, forward, max(leg.vol + shift, 0.0), leg.tau)


def compute_loss(legs: list[Leg], move: float, shift: float) -> float:
    """Return what all legs lose together."""
    return math.fsum(
        leg.quantity * (compute_value(leg, 0.0, 0.0) - compute_value(leg, move, shift))
        for leg in legs
    )


def compute_margin(
    legs: list[Leg], deltas: list[float], level: float, terms: Terms
) -> tuple[float, float, float, float]:
    """Return scan, calendar charge, initial margin and exposure."""
    losses = [0.0]
    for third in (-3, -2, -1, 0, 1, 2, 3):
        move = third / 3 * terms.price_move
        losses += [compute_loss(legs, move, sign * terms.vol_move) for sign in (1, -1)]
    for sign in (1, -1):
        loss = compute_loss(legs, sign * terms.extreme_moves * terms.price_move, 0.0)
        losses.append(terms.extreme_share * loss)
    calendar = 0.0
    expiries = sorted({leg.tau for leg in legs})
    net = {
        tau: math.fsum(
            d * leg.quantity for d, leg in zip(deltas, legs, strict=True) if leg.tau == tau
        )
        for tau in expiries
    }
    for i, near in enumerate(expiries):
        for far in expiries[i + 1 :]:
            while net[near] * net[far] < 0:
                matched = min(abs(net[near]), abs(net[far]))
                price = next(leg.forward for leg in legs if leg.tau == far)
                calendar += terms.calendar * matched * price
                for tau in (near, far):
                    rest = abs(net[tau]) - matched
                    net[tau] = math.copysign(rest, net[tau]) if rest > 0 else 0.0
    sold = sum(-leg.quantity for leg in legs if leg.side != "linear" and leg.quantity < 0)
    futures = sum(abs(leg.quantity) for leg in legs if leg.side == "linear")
    value = math.fsum(
        leg.quantity * compute_value(leg, 0.0, 0.0) for leg in legs if leg.side != "linear"
    )
    least = terms.short_option * level * sold
    initial = max(max(max(losses) + calendar, least) - value, 0.0)
    return max(losses), calendar, initial, terms.exposure * level * (sold + futures)
