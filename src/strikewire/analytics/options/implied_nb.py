"""Implied volatility and Greeks of many options in one pass.

1. The time value, the premium over the discount less the intrinsic value, as a share of the lower
   of forward and strike, and x = |ln(F/K)|.
2. A first guess. A call and a put at one strike are in Bachelier's model y = ln(call/put) apart,
   and their sum is a function of y alone, up to its normal volatility. Black's total volatility is
   then |x| / z, z being the strike's distance in normal deviations, times one plus a polynomial in
   its square and that of x: the expansion whose first term is Hagan's. Wrong by 1.6e-5 at most.
3. One step of Householder's of fourth order on ln(share), which leaves rounding only.
4. The gate. What is far from the money, wide or very narrow, or took more of a step than the guess
   may be wrong by, is solved again by `robust_nb.py`, one by one.
5. The Greeks at what was found.

Sources: Jäckel, "Let's Be Rational" (2015), for normal form and step; Choi, Kim and Kwak,
"Numerical approximation of the implied volatility under arithmetic Brownian motion" (2009), for
the normal volatility as a function of the straddle; Hagan, Kumar, Lesniewski and Woodward,
"Managing smile risk" (2002), for the way from normal to lognormal. Own fits, see
tools/fit_option_approximations.py.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.blocks_nb import (
    COLUMNS,
    DISCOUNT,
    DONE,
    FARTHER_MAX,
    FORWARD,
    GREEKS,
    HALF_EXP,
    LOWER,
    OPEN,
    OVER_FARTHER,
    OVER_NEARER,
    PREMIUM,
    RATE,
    SIGN,
    STATE,
    STRIKE,
    TAU,
    TICK,
    TIME_VALUE,
    TOTAL_VOL,
    UNDER_FARTHER,
    UNDER_NEARER,
    UNDERLYING,
    UNUSABLE,
    UPPER,
    WIDTH,
    YIELD,
    Block,
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
from strikewire.analytics.options.elementary_nb import (
    SQRT_2_OVER_PI,
    compiled,
    inlined,
    log_quotient_nb,
)
from strikewire.analytics.options.robust_nb import solve_total_vol_nb
from strikewire.analytics.options.rows import Reason

_NO_PREMIUM: Final = int(Reason.NO_PREMIUM)
_INVALID: Final = int(Reason.INVALID)
_EXPIRED: Final = int(Reason.EXPIRED)
_BELOW_INTRINSIC: Final = int(Reason.BELOW_INTRINSIC)
#: A time value that is a smaller part of the cheaper of forward and strike has lost its digits.
LEAST_SHARE: Final = 2.2250738585072014e-308
_AT_INTRINSIC: Final = int(Reason.AT_INTRINSIC)
_ABOVE_BOUND: Final = int(Reason.ABOVE_BOUND)

# The gate. Below the narrowest total volatility the difference of two error functions has lost
# three digits, above the widest the guess is worse than said.
_X_MAX: Final = 3.0
_TOTAL_VOL_MIN: Final = 2e-3
_TOTAL_VOL_MAX: Final = 1.5
_MISS_MAX: Final = 2.0**-7
_STEP_MAX: Final = 2.0**-12
# At the money both x and the distance are 0; with this added to both, their quotient is right.
_NUDGE: Final = 1e-30


@compiled
def normalise_nb(block: Block) -> None:
    """Compute the time value out of the money, x, and which rows can be solved."""
    for i in range(WIDTH):
        forward = block[FORWARD + i]
        strike = block[STRIKE + i]
        discount = block[DISCOUNT + i]
        lower = min(forward, strike)
        upper = max(forward, strike)
        intrinsic = max((forward - strike) * block[SIGN + i], 0.0)
        time_value = block[PREMIUM + i] / discount - intrinsic
        is_solvable = (
            is_usable_nb(forward, strike, block[TAU + i], discount)
            & (time_value > 0.0)
            & (time_value > LEAST_SHARE * lower)
            & (time_value < lower)
            & (2.0 * time_value * discount >= block[TICK + i])
        )
        lower = lower if is_solvable else 1.0
        upper = upper if is_solvable else 1.0
        block[LOWER + i] = lower
        block[UPPER + i] = upper
        block[TIME_VALUE + i] = time_value if is_solvable else 0.1
        block[STATE + i] = OPEN if is_solvable else UNUSABLE
        block[X + i] = log_quotient_nb(upper, lower, lower / upper)


@inlined
def guess_total_vol_nb(time_value: float, lower: float, upper: float, x: float) -> float:
    """Return the first guess."""
    distance = upper - lower
    inside = time_value + distance
    y = log_quotient_nb(inside, time_value, time_value / inside)
    y2 = y * y
    y4 = y2 * y2
    over = (
        ((0.63661486306217502 + 0.021703000134602169 * y)
         + (0.12027596575358873 + 0.0055109434492843473 * y) * y2)
        + y4 * ((0.0053275290598258895 + 0.00023879990097998883 * y)
                + 1.1879914836754915e-5 * y2)
    )  # fmt: skip
    under = (
        ((1.0 + 0.033992116034323992 * y)
         + (0.029908640584731913 + 0.0034146792429124207 * y) * y2)
        + y4 * (0.00017627204544401142 + 5.9788582790043144e-6 * y)
    )  # fmt: skip
    normal_vol: float = (time_value + inside) * (under / over) ** 0.5
    s = normal_vol * ((x + _NUDGE) / (distance + _NUDGE * lower))
    u = s * s
    w = x * x
    first = 0.041777399903003189 + w * (-0.00034473265658402799 + w * 4.3784166784294696e-6)
    second = 0.0033210873724578395 + w * (-5.3759700577395272e-5 + w * 9.2758058299829703e-7)
    third = 0.00064967644327246914 + w * (-1.59735919314412e-5 + w * 2.6266230702429452e-7)
    return s + s * u * (first + u * (second + u * third))


@compiled
def guess_nb(block: Block) -> None:
    """Guess the total volatility."""
    for i in range(WIDTH):
        block[TOTAL_VOL + i] = guess_total_vol_nb(
            block[TIME_VALUE + i], block[LOWER + i], block[UPPER + i], block[X + i]
        )


@compiled
def step_nb(block: Block) -> int:
    """Take the step and decide whether it is taken for good; return for how many it is not."""
    left_over = 0
    for i in range(WIDTH):
        s = block[TOTAL_VOL + i]
        x = block[X + i]
        inverse = 1.0 / s
        h = x * inverse
        t = 0.5 * s
        over_nearer = block[OVER_NEARER + i]
        under_nearer = block[UNDER_NEARER + i]
        over_farther = block[OVER_FARTHER + i]
        under_farther = block[UNDER_FARTHER + i]
        half_exp = block[HALF_EXP + i]
        # share = half_exp * difference / under, without the division
        under = under_nearer * under_farther
        difference = over_nearer * under_farther - over_farther * under_nearer
        reciprocal = 1.0 / (half_exp * difference)
        share = block[TIME_VALUE + i] / block[LOWER + i]
        miss = (share * under - half_exp * difference) * reciprocal
        g = SQRT_2_OVER_PI * half_exp * under * reciprocal
        # ln(1 + miss), of which the gate leaves 2**-7 at most
        log_miss = miss * (
            1.0 - miss * (1 / 2 - miss * (1 / 3 - miss * (1 / 4 - miss * (1 / 5 - miss * (1 / 6)))))
        )
        newton = log_miss / g
        q = (h - t) * (h + t) * inverse
        dq = -3.0 * (h * inverse) * (h * inverse) - 0.25
        second = q - g
        third = q * q + dq - 3.0 * g * q + 2.0 * g * g
        # The inverse function's series: the fourth order again, and no division.
        step = newton * (
            1.0 - newton * (0.5 * second - newton * (0.5 * second * second - third * (1 / 6)))
        )
        is_close = (
            (x <= _X_MAX)
            & (s >= _TOTAL_VOL_MIN)
            & (s <= _TOTAL_VOL_MAX)
            & (h + t <= FARTHER_MAX)
            & (abs(miss) <= _MISS_MAX)
            & (abs(step) <= _STEP_MAX * s)
        )
        block[TOTAL_VOL + i] = s + step
        state = block[STATE + i] * (DONE if is_close else OPEN)
        block[STATE + i] = state
        left_over += 0 if state == DONE else 1
    return left_over


@compiled
def find_reason_nb(block: Block, i: int) -> int:
    """Say why an unusable row is one, the plainest reason first."""
    forward = block[FORWARD + i]
    strike = block[STRIKE + i]
    tau = block[TAU + i]
    discount = block[DISCOUNT + i]
    premium = block[PREMIUM + i]
    if not is_usable_nb(forward, strike, max(tau, 1.0), discount if tau > 0.0 else 1.0):
        return _INVALID
    if np.isnan(tau):
        return _INVALID
    if tau <= 0.0:
        return _EXPIRED
    if np.isnan(premium):
        return _NO_PREMIUM
    time_value = premium / discount - max((forward - strike) * block[SIGN + i], 0.0)
    if 2.0 * time_value * discount < -block[TICK + i]:
        return _BELOW_INTRINSIC
    if time_value <= 0.0 or time_value < min(forward, strike):
        return _AT_INTRINSIC
    return _ABOVE_BOUND


@compiled
def finish_nb(block: Block, reasons: npt.NDArray[np.uint8]) -> None:
    """Solve the rows that are left over one by one, and say why the unusable ones are."""
    for i in range(len(reasons)):
        reasons[i] = 0
        if block[STATE + i] == OPEN:
            value, lower = block[TIME_VALUE + i], block[LOWER + i]
            share, rest = value / lower, (lower - value) / lower
            block[TOTAL_VOL + i] = solve_total_vol_nb(block[X + i], share, rest)
        elif block[STATE + i] == UNUSABLE:
            block[TOTAL_VOL + i] = np.nan
            reasons[i] = find_reason_nb(block, i)


@compiled
def solve_rows_nb(
    premiums: Floats,
    underlyings: Floats,
    strikes: Floats,
    taus: Floats,
    rates: Floats,
    yields: Floats,
    is_call: npt.NDArray[np.bool_],
    ticks: Floats,
    is_spot: np.bool_,
    results: Floats,
    reasons: npt.NDArray[np.uint8],
) -> None:
    """Fill `results` (6, n): volatility, delta, gamma, theta, vega, rho; and `reasons` (n,)."""
    block = np.ones(COLUMNS * WIDTH)
    out = np.empty(GREEKS * WIDTH)
    for start in range(0, len(premiums), WIDTH):
        count = min(WIDTH, len(premiums) - start)
        load_nb(block, PREMIUM, premiums, start, count)
        load_nb(block, UNDERLYING, underlyings, start, count)
        load_nb(block, STRIKE, strikes, start, count)
        load_nb(block, TAU, taus, start, count)
        load_nb(block, RATE, rates, start, count)
        load_nb(block, YIELD, yields, start, count)
        load_signs_nb(block, is_call, start, count)
        load_nb(block, TICK, ticks, start, count)
        carry_nb(block, is_spot)
        normalise_nb(block)
        guess_nb(block)
        evaluate_nb(block)
        if step_nb(block):
            finish_nb(block, reasons[start : start + count])
        else:
            reasons[start : start + count] = 0
        compute_tails_nb(block)
        compute_greeks_nb(block, out, is_spot)
        for i in range(count):
            results[0, start + i] = block[TOTAL_VOL + i] / block[TAU + i] ** 0.5
        store_greeks_nb(out, results, start, count)
