"""Exponential, logarithm and scaled complementary error function that LLVM can vectorise.

A call into the mathematics library, or a branch, keeps a loop scalar: five million options a second
instead of thirty. So these are polynomials and quotients of polynomials, in Estrin's order, which
leaves a processor something to do while it waits for a product; with `contract` each step is one
fused multiply-add where the machine has it. Powers of two are made by writing the exponent's bits.
`np.float64(x).view(np.int64)` is what vectorises and also runs with the compiler off. So does
`x**0.5`, which LLVM turns into its square root; `math.sqrt` becomes a call that may set `errno`.

The coefficients come from tools/fit_option_approximations.py.
Oracle: mpmath, tests/unit/analytics/test_option_elementary.py, to the errors given here.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from strikewire.analytics.compiling import compile_kernel

#: How every kernel of options is compiled. Of fast-math only what leaves NaN and infinity alone;
#: without `error_model` each division is a branch that raises.
_OPTIONS: Final[dict[str, Any]] = {"fastmath": {"contract", "nsz"}, "error_model": "numpy"}
compiled: Final = compile_kernel(**_OPTIONS)
#: The same for what is called inside a loop that has to vectorise.
inlined: Final = compile_kernel(**_OPTIONS, forceinline=True)

#: The square root of a half; of two over pi; and one over the square root of two pi.
SQRT_HALF: Final = 0.70710678118654752
SQRT_2_OVER_PI: Final = 0.79788456080286536
INV_SQRT_2PI: Final = 0.39894228040143268
#: Where `exp_nb` holds, on either side of 0.
EXPONENT_MAX: Final = 700.0
#: Where `erfcx_over_nb` and `erfcx_under_nb` hold.
ERFCX_MIN: Final = -0.6
ERFCX_MAX: Final = 9.0

_LOG2_E: Final = 1.4426950408889634
# ln 2 in two parts; the first has 33 bits, so that its product with an exponent is exact.
_LN2_HIGH: Final = 6.93147180369123816490e-01
_LN2_LOW: Final = 1.90821492927058770002e-10
# Adding 1.5 * 2**52 rounds to an integer, which then stands in the low bits.
_ROUNDER: Final = 6755399441055744.0
_MANTISSA_BITS: Final = 52
# Added to the bits of m * 2**e, carries into the exponent where m is above the square root of two.
_SQRT_2_CARRY: Final = 0x95F619980C433
_EXPONENT_MASK: Final = 0x7FF0000000000000
# The bits of 2**52, whose low bits count units; and what has to be taken off again.
_COUNTER: Final = 0x4330000000000000
_COUNTER_ZERO: Final = 4503599627370496.0 + 1023.0


@inlined
def exp_nb(x: float) -> float:
    """Return e**x for |x| <= 700, to 4e-16 of it. Outside, nonsense but no exception."""
    shifted = x * _LOG2_E + _ROUNDER
    k = shifted - _ROUNDER
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    tail = (
        ((0.5000000000000001 + 0.16666666666666644 * r)
         + (0.041666666666624351 + 0.0083333333333556286 * r) * r2)
        + r4 * ((0.0013888888917120771 + 0.00019841269786370295 * r)
                + (2.4801521419985367e-5 + 2.7557353622975046e-6 * r) * r2
                + r4 * (2.7620036751563069e-7 + 2.5068863880051353e-8 * r))
    )  # fmt: skip
    mantissa = 1.0 + (r + r2 * tail)
    power = np.float64(shifted).view(np.int64) << _MANTISSA_BITS
    return np.int64(np.float64(mantissa).view(np.int64) + power).view(np.float64)


@inlined
def log_quotient_nb(larger: float, smaller: float, quotient: float) -> float:
    """Return ln(larger / smaller), given `quotient` = smaller / larger, to 4e-16 of the result.

    Relative also near 0: there the difference of the two is exact, and nothing else is taken of
    them. All three positive and normal, larger >= smaller.
    """
    bits = (np.float64(quotient).view(np.int64) + _SQRT_2_CARRY) & _EXPONENT_MASK
    power = np.int64(bits).view(np.float64)
    counted = np.int64((bits >> _MANTISSA_BITS) | _COUNTER).view(np.float64)
    exponent = counted - _COUNTER_ZERO
    scaled = larger * power
    z = (scaled - smaller) / (scaled + smaller)
    w = z * z
    w2 = w * w
    tail = (
        ((0.33333333333333333 + 0.2000000000000044 * w)
         + (0.142857142854008 + 0.11111111196066584 * w) * w2)
        + (w2 * w2) * ((0.090908977992812684 + 0.0769312090873118 * w)
                       + (0.06634359913159623 + 0.065435769572030375 * w) * w2)
    )  # fmt: skip
    twice = z + z
    return ((twice + twice * w * tail) - exponent * _LN2_LOW) - exponent * _LN2_HIGH


@inlined
def erfcx_over_nb(x: float) -> float:
    """Return the numerator of erfcx(x) = exp(x**2) erfc(x), for -0.6 <= x <= 9.

    Over `erfcx_under_nb`, to 1.2e-15 of it. All coefficients are positive, so that nothing cancels
    above 0 and little below. The two stand apart because a difference of two quotients, and what
    it is multiplied with, need one division.
    """
    x2 = x * x
    x4 = x2 * x2
    return (
        ((1.0 + 1.9780693249436087 * x) + (1.9580812473902129 + 1.2308225126582666 * x) * x2)
        + x4 * ((0.53396690325326587 + 0.16460755999349124 * x)
                + (0.035943727562781385 + 0.0053584504442084897 * x) * x2)
        + (x4 * x4) * (0.00049577415966141963 + 2.1778759240617354e-5 * x)
    )  # fmt: skip


@inlined
def erfcx_under_nb(x: float) -> float:
    """Return the denominator that belongs to `erfcx_over_nb`."""
    x2 = x * x
    x4 = x2 * x2
    return (
        ((1.0 + 3.1064484920391209 * x) + (4.4633330094624216 + 3.9129587823699476 * x) * x2)
        + x4 * ((2.3227695735687568 + 0.97784509539898782 * x)
                + (0.29648893459607179 + 0.064147958494263457 * x) * x2)
        + (x4 * x4) * ((0.0095169074232381688 + 0.00087873680767463361 * x)
                       + 3.8601845830565488e-5 * x2)
    )  # fmt: skip


@compiled
def erfcx_nb(x: float) -> float:
    """Return exp(x**2) erfc(x) for x > -26, to 1.2e-15 of it: the scalar one."""
    if x < ERFCX_MIN:
        return 2.0 * math.exp(x * x) - erfcx_nb(-x)
    if x <= ERFCX_MAX:
        return erfcx_over_nb(x) / erfcx_under_nb(x)
    w = 1.0 / (x * x)
    far = 2864.4542476713024
    for coefficient in (
        -561.79067527453615,
        91.230215666221858,
        -16.658306308426179,
        3.7024816237819525,
        -1.0578554383787697,
        0.42314218762164159,
        -0.28209479177385726,
        0.56418958354775628,
    ):
        far = far * w + coefficient
    return far / x
