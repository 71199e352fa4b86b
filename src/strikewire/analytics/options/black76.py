"""Black's price of European calls and puts on a forward (1976)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.priced_nb import price_rows_nb


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
    columns = [np.asarray(each, np.float64) for each in (forwards, strikes, vols, taus, discounts)]
    flags = np.asarray(is_call, np.bool_)
    try:
        shape = np.broadcast_shapes(*(each.shape for each in columns), flags.shape)
    except ValueError as error:
        msg = f"arrays of one shape, or single values, were wanted: {error}"
        raise ValueError(msg) from error
    f, k, v, t, d = (
        np.require(np.broadcast_to(each, shape), None, ("C", "W")).reshape(-1) for each in columns
    )
    sides = np.require(np.broadcast_to(flags, shape), None, ("C", "W")).reshape(-1)
    prices = np.empty(shape)
    # What is thrown away warns nobody; compiled code does not warn in any case.
    with np.errstate(all="ignore"):
        price_rows_nb(f, k, v, t, d, sides, prices.reshape(-1))
    return prices
