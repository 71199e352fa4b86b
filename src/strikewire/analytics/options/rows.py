"""What kernels are told of options and what they say of them, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Reason(IntEnum):
    """Why an option has no implied volatility. `NONE`: it has one."""

    NONE = 0
    #: No premium was given (NaN): nothing traded, nobody quotes.
    NO_PREMIUM = 1
    #: Underlying or strike is unknown or not positive, time or rate is not finite.
    INVALID = 2
    #: No time is left to the cut-off.
    EXPIRED = 3
    #: More than half a tick below the discounted intrinsic value.
    BELOW_INTRINSIC = 4
    #: Within half a tick of it: what is left is rounding, not volatility.
    AT_INTRINSIC = 5
    #: A call for the discounted forward or more, a put for the discounted strike or more.
    ABOVE_BOUND = 6
    #: The newest trade is too old and nobody quotes both sides; see `premiums.py`.
    STALE = 7
    #: The bid is above the offer; see `premiums.py`.
    CROSSED = 8


@dataclass(frozen=True, slots=True)
class OptionRows:
    """European options, row by row, and what they are priced on.

    Made by `on_forwards` (Black, 1976) or `on_spots` (Black, Scholes and Merton, with a dividend
    yield), which broadcast; which of the two decides what delta, gamma, theta and rho are with
    respect to.

    Parameters
    ----------
    underlyings : float64 (n,), forwards or spots, rupees per unit, not per lot.
    strikes : float64 (n,), rupees.
    taus : float64 (n,), years to the contract's own cut-off, ACT/365; see `expiry_time.py`.
    rates : float64 (n,), riskless, continuously compounded, a year: 0.065 is 6.5 %.
    is_call : bool (n,), True for a call, False for a put.
    yields : float64 (n,), dividend yields like `rates`; None where `underlyings` are forwards.
    """

    underlyings: Floats
    strikes: Floats
    taus: Floats
    rates: Floats
    is_call: npt.NDArray[np.bool_]
    yields: Floats | None

    @classmethod
    def on_forwards(
        cls,
        *,
        forwards: npt.ArrayLike,
        strikes: npt.ArrayLike,
        taus: npt.ArrayLike,
        rates: npt.ArrayLike,
        is_call: npt.ArrayLike,
    ) -> Self:
        """Return rows for Black's formula; each argument an array (n,) or one value for all.

        Raises
        ------
        ValueError : the arrays differ in length, or have more than one dimension.
        """
        flags, floats = _broadcast(is_call, (forwards, strikes, taus, rates))
        return cls(floats[0], floats[1], floats[2], floats[3], flags, None)

    @classmethod
    def on_spots(
        cls,
        *,
        spots: npt.ArrayLike,
        strikes: npt.ArrayLike,
        taus: npt.ArrayLike,
        rates: npt.ArrayLike,
        yields: npt.ArrayLike,
        is_call: npt.ArrayLike,
    ) -> Self:
        """Return rows for the formula of Black, Scholes and Merton; as `on_forwards`.

        Raises
        ------
        ValueError : the arrays differ in length, or have more than one dimension.
        """
        flags, floats = _broadcast(is_call, (spots, strikes, taus, rates, yields))
        return cls(floats[0], floats[1], floats[2], floats[3], flags, floats[4])

    def __len__(self) -> int:
        """Return the number of options."""
        return len(self.strikes)


@dataclass(frozen=True, slots=True)
class Greeks:
    """What an option's price answers to, per unit of the underlying, not per lot.

    Parameters
    ----------
    deltas : float64 (n,), rupees per rupee of the forward or spot.
    gammas : float64 (n,), change of delta per rupee of the forward or spot.
    thetas : float64 (n,), rupees per calendar day that passes (a 365th of a year), all else equal;
        at the money less than 0.
    vegas : float64 (n,), rupees per volatility point (0.01).
    rhos : float64 (n,), rupees per percentage point of the rate (0.01). On a forward that stays
        where it is; on a spot the forward moves with the rate.
    """

    deltas: Floats
    gammas: Floats
    thetas: Floats
    vegas: Floats
    rhos: Floats


@dataclass(frozen=True, slots=True)
class Implied:
    """Implied volatilities, the Greeks at them, and why some are missing.

    Parameters
    ----------
    vols : float64 (n,), annualised fractions (0.18 is 18 %); NaN where there is a reason.
    greeks : at those volatilities and premiums; NaN where `vols` is.
    reasons : uint8 (n,), of `Reason`.
    """

    vols: Floats
    greeks: Greeks
    reasons: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Values:
    """Prices at given volatilities, and the Greeks there.

    Parameters
    ----------
    prices : float64 (n,), rupees per unit.
    greeks : at those volatilities.
    """

    prices: Floats
    greeks: Greeks


@dataclass(frozen=True, slots=True)
class CrossGreeks:
    """How delta and vega themselves move; per unit of the underlying, not per lot.

    Parameters
    ----------
    vannas : float64 (n,), change of delta per volatility point (0.01).
    volgas : float64 (n,), change of vega, rupees per point, per volatility point.
    charms : float64 (n,), change of delta per calendar day that passes.
    """

    vannas: Floats
    volgas: Floats
    charms: Floats


def broadcast_floats(values: npt.ArrayLike, count: int) -> Floats:
    """Return one float64 column of a length, as kernels take it.

    Raises
    ------
    ValueError : neither one value nor an array of that length.
    """
    column = np.asarray(values, np.float64)
    if column.shape != (count,):
        try:
            column = np.broadcast_to(column, (count,))
        except ValueError as error:
            msg = f"one value or {count} were wanted, found an array of {column.shape}"
            raise ValueError(msg) from error
    # To Numba a column that may not be written to is another type: it would compile everything
    # again, seconds, in the middle of a session.
    return np.require(column, np.float64, ("C", "W"))


def _broadcast(
    flags: npt.ArrayLike, columns: tuple[npt.ArrayLike, ...]
) -> tuple[npt.NDArray[np.bool_], list[Floats]]:
    shapes = [np.shape(column) for column in (flags, *columns)]
    lengths = {shape[0] for shape in shapes if shape}
    if len(lengths) > 1 or any(len(shape) > 1 for shape in shapes):
        msg = f"columns of one length, or single values, were wanted, found {shapes}"
        raise ValueError(msg)
    count = lengths.pop() if lengths else 1
    is_call = np.broadcast_to(np.asarray(flags, np.bool_), (count,))
    floats = [broadcast_floats(column, count) for column in columns]
    return np.require(is_call, np.bool_, ("C", "W")), floats
