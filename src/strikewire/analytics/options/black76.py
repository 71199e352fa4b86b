"""Black's price of European calls and puts on a forward (1976)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

_SQRT_2: Final = math.sqrt(2.0)


def compute_prices(
    forwards: npt.ArrayLike,
    strikes: npt.ArrayLike,
    vols: npt.ArrayLike,
    taus: npt.ArrayLike,
    discounts: npt.ArrayLike,
    is_call: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """Price European options by Black-76, row by row.

    Parameters
    ----------
    forwards, strikes : float64, rupees per unit, not per lot; positive.
    vols : float64, annualised fractions (0.18 is 18 %); 0 or more.
    taus : float64, years to expiry, ACT/365 to the contract's own cut-off; 0 or more.
    discounts : float64, what a rupee at expiry is worth today; positive. 1 prices without interest.
    is_call : bool, True for a call, False for a put.

    Each is an array or one value for all rows; they are broadcast against each other.

    Returns
    -------
    float64, of the common shape, rupees per unit. NaN where an input is NaN or outside its range;
    a bad row never raises. At `taus` 0 or `vols` 0 exactly the discounted intrinsic value. With an
    infinite volatility a call costs the discounted forward, a put the discounted strike.

    Raises
    ------
    ValueError : the arrays cannot be broadcast against each other.

    Notes
    -----
    The out-of-the-money side is computed and the other one is that plus the intrinsic value: so a
    call less a put is `discounts * (forwards - strikes)` to the last bits, and time value is never
    negative. The error is below 1e-15 of `discounts * (forwards + strikes)`. The price far from the
    money is a difference of two numbers much larger than itself, so there relative precision is
    lost, down to nothing at about 1e-16 of the forward; what needs more has to work in logarithms.

    Source: Black, "The pricing of commodity contracts" (1976), equations 16 and 17.
    Oracle: tests/oracles/black76.py, to the error above.
    """
    try:
        rows = np.broadcast_arrays(
            np.asarray(forwards, np.float64),
            np.asarray(strikes, np.float64),
            np.asarray(vols, np.float64),
            np.asarray(taus, np.float64),
            np.asarray(discounts, np.float64),
            np.asarray(is_call, np.bool_),
        )
    except ValueError as error:
        msg = f"arrays of one shape, or single values, were wanted: {error}"
        raise ValueError(msg) from error
    flat = [np.ascontiguousarray(row).reshape(-1) for row in rows]
    return _compute_prices_nb(*flat).reshape(rows[0].shape)


@njit(cache=True, nogil=True)
def _compute_prices_nb(
    forwards: npt.NDArray[np.float64],
    strikes: npt.NDArray[np.float64],
    vols: npt.NDArray[np.float64],
    taus: npt.NDArray[np.float64],
    discounts: npt.NDArray[np.float64],
    is_call: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    prices = np.empty(len(forwards), np.float64)
    for i in range(len(forwards)):
        prices[i] = _compute_price_nb(
            forwards[i], strikes[i], vols[i], taus[i], discounts[i], is_call[i]
        )
    return prices


@njit(cache=True, nogil=True)
def _compute_price_nb(
    forward: float, strike: float, vol: float, tau: float, discount: float, is_call: np.bool_
) -> float:
    """Price one option; see `compute_prices`."""
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
    is_upper = strike >= forward
    sign = -1.0 if is_upper else 1.0
    centre = math.log(forward / strike) / deviation
    half = 0.5 * deviation
    upper = 0.5 * math.erfc(sign * (centre + half) / _SQRT_2)
    lower = 0.5 * math.erfc(sign * (centre - half) / _SQRT_2)
    time_value = -sign * (forward * upper - strike * lower)
    return discount * (intrinsic + max(time_value, 0.0))
