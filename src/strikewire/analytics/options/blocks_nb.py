"""The steps that valuing options is made of, a block of rows at a time.

Each step is one loop over a block that stands in the first-level cache, short enough for a
processor to work on several rounds of it at once: one loop over everything is a fifth slower. All
columns of a block are parts of two flat arrays at constant distances, so that LLVM has two arrays
to prove apart instead of twenty, and does not give up; columns are copied in and out.

No step branches on a row. What a row cannot have is computed anyhow, from whatever stands there,
and thrown away by its state; the few rows that these steps cannot do are done one by one.

The words are those of `robust_nb.py`. `lower` and `upper` are the lower and the higher of forward
and strike, `nearer` and `farther` are x/s - s/2 and x/s + s/2.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.elementary_nb import (
    ERFCX_MAX,
    ERFCX_MIN,
    EXPONENT_MAX,
    INV_SQRT_2PI,
    SQRT_HALF,
    compiled,
    erfcx_over_nb,
    erfcx_under_nb,
    exp_nb,
    inlined,
)

Block = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Rows of a block. With 24 columns of 8 bytes, 24 KiB.
WIDTH: Final = 128

# Columns of a block, by where they begin.
UNDERLYING: Final = 0 * WIDTH
STRIKE: Final = 1 * WIDTH
TAU: Final = 2 * WIDTH
RATE: Final = 3 * WIDTH
YIELD: Final = 4 * WIDTH
SIGN: Final = 5 * WIDTH  # 1 for a call, -1 for a put
PREMIUM: Final = 6 * WIDTH
TICK: Final = 7 * WIDTH
VOL: Final = 8 * WIDTH
FORWARD: Final = 9 * WIDTH
DISCOUNT: Final = 10 * WIDTH
TIME_VALUE: Final = 11 * WIDTH  # over the discount
LOWER: Final = 12 * WIDTH
UPPER: Final = 13 * WIDTH
X: Final = 14 * WIDTH
TOTAL_VOL: Final = 15 * WIDTH
STATE: Final = 16 * WIDTH
TAIL: Final = 17 * WIDTH  # |delta| of the option out of the money, undiscounted
DENSITY: Final = 18 * WIDTH  # the normal density at `nearer`
OVER_NEARER: Final = 19 * WIDTH
UNDER_NEARER: Final = 20 * WIDTH
OVER_FARTHER: Final = 21 * WIDTH
UNDER_FARTHER: Final = 22 * WIDTH
HALF_EXP: Final = 23 * WIDTH  # exp(-nearer**2 / 2) / 2
COLUMNS: Final = 24

# What comes out, in another array.
DELTA: Final = 0 * WIDTH
GAMMA: Final = 1 * WIDTH
THETA: Final = 2 * WIDTH
VEGA: Final = 3 * WIDTH
RHO: Final = 4 * WIDTH
GREEKS: Final = 5

# States of a row.
UNUSABLE: Final = 0.0
OPEN: Final = 1.0  # usable, but not by these steps
DONE: Final = 2.0

_DAY: Final = 1.0 / 365.0
_POINT: Final = 0.01
#: Where both error functions hold: `farther` up to here, and `nearer` down to there.
FARTHER_MAX: Final = ERFCX_MAX / SQRT_HALF
NEARER_MIN: Final = ERFCX_MIN / SQRT_HALF


@inlined
def load_nb(block: Block, at: int, column: Floats, start: int, count: int) -> None:
    """Copy rows of a column into the block's column at `at`."""
    for i in range(count):
        block[at + i] = column[start + i]


@inlined
def load_signs_nb(block: Block, is_call: Flags, start: int, count: int) -> None:
    """Set SIGN."""
    for i in range(count):
        block[SIGN + i] = 1.0 if is_call[start + i] else -1.0


@inlined
def store_greeks_nb(out: Block, results: Floats, start: int, count: int) -> None:
    """Copy the Greeks out, into the rows of `results` after its first."""
    for greek in range(GREEKS):
        for i in range(count):
            results[1 + greek, start + i] = out[greek * WIDTH + i]


@compiled
def carry_nb(block: Block, is_spot: np.bool_) -> None:
    """Compute forwards and discount factors."""
    for i in range(WIDTH):
        exponent = -block[RATE + i] * block[TAU + i]
        block[DISCOUNT + i] = exp_nb(exponent) if abs(exponent) < EXPONENT_MAX else np.nan
    if not is_spot:
        for i in range(WIDTH):
            block[FORWARD + i] = block[UNDERLYING + i]
        return
    for i in range(WIDTH):
        exponent = (block[RATE + i] - block[YIELD + i]) * block[TAU + i]
        growth = exp_nb(exponent) if abs(exponent) < EXPONENT_MAX else np.nan
        block[FORWARD + i] = block[UNDERLYING + i] * growth


@inlined
def is_usable_nb(forward: float, strike: float, tau: float, discount: float) -> bool:
    """Say whether anything can be computed; written so that NaN fails each comparison."""
    return (
        (forward > 0.0)
        & (strike > 0.0)
        & (tau > 0.0)
        & (discount > 1e-300)
        & (forward < 1e300)
        & (strike < 1e300)
        & (tau < 1e300)
        & (discount < 1e300)
    )


@compiled
def evaluate_nb(block: Block) -> None:
    """Evaluate what the share at X and TOTAL_VOL is made of."""
    for i in range(WIDTH):
        s = block[TOTAL_VOL + i]
        h = block[X + i] / s
        nearer = min((h - 0.5 * s) * SQRT_HALF, ERFCX_MAX)
        farther = min((h + 0.5 * s) * SQRT_HALF, ERFCX_MAX)
        block[OVER_NEARER + i] = erfcx_over_nb(nearer)
        block[UNDER_NEARER + i] = erfcx_under_nb(nearer)
        block[OVER_FARTHER + i] = erfcx_over_nb(farther)
        block[UNDER_FARTHER + i] = erfcx_under_nb(farther)
        block[HALF_EXP + i] = 0.5 * exp_nb(-nearer * nearer)


@compiled
def compute_tails_nb(block: Block) -> None:
    """Compute TAIL and DENSITY at X and TOTAL_VOL of the usable rows."""
    left_over = 0
    for i in range(WIDTH):
        lower = block[LOWER + i]
        upper = block[UPPER + i]
        s = block[TOTAL_VOL + i]
        h = block[X + i] / s
        nearer = h - 0.5 * s
        farther = h + 0.5 * s
        half_exp = 0.5 * exp_nb(-0.5 * nearer * nearer)
        # Of a call out of the money delta is N(-nearer), of a put N(-farther).
        is_call = block[STRIKE + i] >= block[FORWARD + i]
        z = (nearer if is_call else farther) * SQRT_HALF
        scale = 1.0 if is_call else lower / upper
        block[TAIL + i] = half_exp * scale * erfcx_over_nb(z) / erfcx_under_nb(z)
        block[DENSITY + i] = 2.0 * INV_SQRT_2PI * half_exp
        is_held = (nearer >= NEARER_MIN) & (farther <= FARTHER_MAX)
        left_over += 0 if is_held else 1
    if left_over == 0:
        return
    for i in range(WIDTH):
        s = block[TOTAL_VOL + i]
        h = block[X + i] / s
        nearer = h - 0.5 * s
        farther = h + 0.5 * s
        is_held = (nearer >= NEARER_MIN) & (farther <= FARTHER_MAX)
        if not is_held and block[STATE + i] != UNUSABLE:
            z = nearer if block[STRIKE + i] >= block[FORWARD + i] else farther
            block[TAIL + i] = 0.5 * math.erfc(z * SQRT_HALF)
            block[DENSITY + i] = INV_SQRT_2PI * math.exp(-0.5 * nearer * nearer)


@compiled
def compute_greeks_nb(block: Block, out: Block, is_spot: np.bool_) -> None:
    """Make the Greeks of TAIL and DENSITY; those of unusable rows become NaN."""
    for i in range(WIDTH):
        forward = block[FORWARD + i]
        discount = block[DISCOUNT + i]
        tau = block[TAU + i]
        premium = block[PREMIUM + i]
        s = block[TOTAL_VOL + i]
        tail = block[TAIL + i]
        is_call = block[SIGN + i] > 0.0
        is_call_out = block[STRIKE + i] >= forward
        amount = tail if is_call == is_call_out else 1.0 - tail
        # What the forward times its density is as well: the lower times the one at `nearer`.
        weight = discount * block[LOWER + i] * block[DENSITY + i]
        worth = np.nan if block[STATE + i] == UNUSABLE else 1.0
        out[DELTA + i] = worth * discount * (amount if is_call else -amount)
        out[GAMMA + i] = worth * weight / (forward * forward * s)
        decay = 0.5 * weight * s / tau
        out[THETA + i] = worth * (block[RATE + i] * premium - decay) * _DAY
        out[VEGA + i] = worth * weight * tau**0.5 * _POINT
        out[RHO + i] = worth * -tau * premium * _POINT
    if not is_spot:
        return
    # The chain rule: the forward is the spot times its growth, which rate and time change too.
    for i in range(WIDTH):
        growth = block[FORWARD + i] / block[UNDERLYING + i]
        exposure = out[DELTA + i] * block[FORWARD + i]
        out[DELTA + i] *= growth
        out[GAMMA + i] *= growth * growth
        out[THETA + i] -= exposure * (block[RATE + i] - block[YIELD + i]) * _DAY
        out[RHO + i] += exposure * block[TAU + i] * _POINT
