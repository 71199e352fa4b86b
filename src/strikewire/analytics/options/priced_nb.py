"""Prices and Greeks of many options at given volatilities.

The steps are those of `blocks_nb.py`. Where they do not hold (no time, no volatility, further from
the money than thirteen deviations, wider than the share's turn by much) a row is priced one by one.
"""

from __future__ import annotations

import math

import numpy as np

from strikewire.analytics.options.blocks_nb import (
    COLUMNS,
    DISCOUNT,
    FARTHER_MAX,
    FORWARD,
    GREEKS,
    HALF_EXP,
    LOWER,
    NEARER_MIN,
    OPEN,
    OVER_FARTHER,
    OVER_NEARER,
    PREMIUM,
    RATE,
    SIGN,
    STATE,
    STRIKE,
    TAU,
    TOTAL_VOL,
    UNDER_FARTHER,
    UNDER_NEARER,
    UNDERLYING,
    UNUSABLE,
    UPPER,
    VOL,
    WIDTH,
    YIELD,
    Block,
    Flags,
    Floats,
    X,
    carry_nb,
    compute_greeks_nb,
    compute_tails_nb,
    evaluate_nb,
    is_usable_nb,
    load_nb,
    load_signs_nb,
    store_greeks_nb,
)
from strikewire.analytics.options.elementary_nb import SQRT_HALF, compiled, log_quotient_nb


@compiled
def compute_price_nb(
    forward: float, strike: float, vol: float, tau: float, discount: float, is_call: np.bool_
) -> float:
    """Price one option, whatever it is; see `black76.compute_prices`."""
    # Written so that NaN fails each of them.
    is_valid = (
        0.0 < forward < np.inf
        and 0.0 < strike < np.inf
        and vol >= 0.0
        and 0.0 <= tau < np.inf
        and 0.0 < discount < np.inf
    )
    if not is_valid:
        return np.nan
    moneyness = forward - strike if is_call else strike - forward
    intrinsic = max(moneyness, 0.0)
    if tau == 0.0 or vol == 0.0:
        return discount * intrinsic
    deviation = vol * math.sqrt(tau)
    if deviation == 0.0:  # the product of two tiny numbers
        return discount * intrinsic
    # Of the two options at this strike the one out of the money: for it both terms are smallest.
    sign = -1.0 if strike >= forward else 1.0
    centre = math.log(forward / strike) / deviation
    half = 0.5 * deviation
    upper = 0.5 * math.erfc(sign * (centre + half) * SQRT_HALF)
    lower = 0.5 * math.erfc(sign * (centre - half) * SQRT_HALF)
    time_value = -sign * (forward * upper - strike * lower)
    return discount * (intrinsic + max(time_value, 0.0))


@compiled
def spread_nb(block: Block) -> None:
    """Compute x, the total volatility, and which rows can be measured."""
    for i in range(WIDTH):
        forward = block[FORWARD + i]
        strike = block[STRIKE + i]
        tau = block[TAU + i]
        s = block[VOL + i] * tau**0.5
        is_usable = is_usable_nb(forward, strike, tau, block[DISCOUNT + i]) & (s > 0.0) & (s < 1e3)
        lower = min(forward, strike) if is_usable else 1.0
        upper = max(forward, strike) if is_usable else 1.0
        block[LOWER + i] = lower
        block[UPPER + i] = upper
        block[TOTAL_VOL + i] = s if is_usable else 1.0
        block[STATE + i] = OPEN if is_usable else UNUSABLE
        block[X + i] = log_quotient_nb(upper, lower, lower / upper)


@compiled
def price_nb(block: Block) -> None:
    """Compute the premiums at X and TOTAL_VOL."""
    left_over = 0
    for i in range(WIDTH):
        s = block[TOTAL_VOL + i]
        h = block[X + i] / s
        under_nearer = block[UNDER_NEARER + i]
        under_farther = block[UNDER_FARTHER + i]
        difference = (
            block[OVER_NEARER + i] * under_farther - block[OVER_FARTHER + i] * under_nearer
        ) / (under_nearer * under_farther)
        time_value = block[LOWER + i] * block[HALF_EXP + i] * max(difference, 0.0)
        intrinsic = max((block[FORWARD + i] - block[STRIKE + i]) * block[SIGN + i], 0.0)
        block[PREMIUM + i] = block[DISCOUNT + i] * (intrinsic + time_value)
        is_held = (
            (block[STATE + i] != UNUSABLE)
            & (h - 0.5 * s >= NEARER_MIN)
            & (h + 0.5 * s <= FARTHER_MAX)
        )
        left_over += 0 if is_held else 1
    if left_over == 0:
        return
    for i in range(WIDTH):
        s = block[TOTAL_VOL + i]
        h = block[X + i] / s
        is_held = (h - 0.5 * s >= NEARER_MIN) & (h + 0.5 * s <= FARTHER_MAX)
        if not is_held or block[STATE + i] == UNUSABLE:
            block[PREMIUM + i] = compute_price_nb(
                block[FORWARD + i],
                block[STRIKE + i],
                block[VOL + i],
                block[TAU + i],
                block[DISCOUNT + i],
                block[SIGN + i] > 0.0,
            )


@compiled
def price_rows_nb(
    forwards: Floats,
    strikes: Floats,
    vols: Floats,
    taus: Floats,
    discounts: Floats,
    is_call: Flags,
    prices: Floats,
) -> None:
    """Fill `prices`."""
    block = np.ones(COLUMNS * WIDTH)
    for start in range(0, len(prices), WIDTH):
        count = min(WIDTH, len(prices) - start)
        load_nb(block, FORWARD, forwards, start, count)
        load_nb(block, STRIKE, strikes, start, count)
        load_nb(block, VOL, vols, start, count)
        load_nb(block, TAU, taus, start, count)
        load_nb(block, DISCOUNT, discounts, start, count)
        load_signs_nb(block, is_call, start, count)
        spread_nb(block)
        evaluate_nb(block)
        price_nb(block)
        for i in range(count):
            prices[start + i] = block[PREMIUM + i]


@compiled
def value_rows_nb(
    vols: Floats,
    underlyings: Floats,
    strikes: Floats,
    taus: Floats,
    rates: Floats,
    yields: Floats,
    is_call: Flags,
    is_spot: np.bool_,
    results: Floats,
) -> None:
    """Fill `results` (6, n): price, delta, gamma, theta, vega, rho."""
    block = np.ones(COLUMNS * WIDTH)
    out = np.empty(GREEKS * WIDTH)
    for start in range(0, len(vols), WIDTH):
        count = min(WIDTH, len(vols) - start)
        load_nb(block, VOL, vols, start, count)
        load_nb(block, UNDERLYING, underlyings, start, count)
        load_nb(block, STRIKE, strikes, start, count)
        load_nb(block, TAU, taus, start, count)
        load_nb(block, RATE, rates, start, count)
        load_nb(block, YIELD, yields, start, count)
        load_signs_nb(block, is_call, start, count)
        carry_nb(block, is_spot)
        spread_nb(block)
        evaluate_nb(block)
        price_nb(block)
        compute_tails_nb(block)
        compute_greeks_nb(block, out, is_spot)
        for i in range(count):
            results[0, start + i] = block[PREMIUM + i]
        store_greeks_nb(out, results, start, count)
