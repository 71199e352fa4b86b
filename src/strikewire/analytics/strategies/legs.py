"""The legs of a strategy, and what they are worth wherever the market may go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.black76 import compute_prices
from strikewire.analytics.options.rows import Greeks, OptionRows
from strikewire.analytics.options.valuation import compute_values

Floats = npt.NDArray[np.float64]

# Black's formula has no price on a forward of 0, only a limit; this is that limit to the last bit.
_FORWARD_MIN = 1e-290


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """n legs on one underlying, and the market they hang on, at one instant.

    A leg is an option, or something whose value moves with the underlying one for one: a future, or
    the underlying itself.

    Parameters
    ----------
    level : what the underlying costs now, rupees.
    quantities : float64 (n,), units, not lots; less than 0 is sold.
    entries : float64 (n,), rupees per unit, paid or received.
    is_option, is_call : bool (n,).
    strikes : float64 (n,), rupees; NaN where `is_option` is not set, as `vols`.
    vols : float64 (n,), fractions.
    forwards : float64 (n,), what each hangs on costs now: the forward of an option's expiry, a
        future's own price, that of the underlying.
    taus : float64 (n,), years to each one's cut-off, more than 0; infinite of what never ends.
    rates : float64 (n,), continuously compounded, a year.
    """

    level: float
    quantities: Floats
    entries: Floats
    is_option: npt.NDArray[np.bool_]
    is_call: npt.NDArray[np.bool_]
    strikes: Floats
    vols: Floats
    forwards: Floats
    taus: Floats
    rates: Floats

    @property
    def horizon(self) -> float:
        """Years until the first leg ends: what comes after hangs on where it was settled.

        0 where none ever does.
        """
        nearest = float(np.min(self.taus, initial=np.inf))
        return nearest if np.isfinite(nearest) else 0.0

    @property
    def is_common(self) -> bool:
        """Whether all options end at the horizon, so that their value there has no time left."""
        return bool((self.taus[self.is_option] == self.horizon).all())

    @property
    def net_upside(self) -> float:
        """Units held, less those owed, far above every strike: of calls, futures, underlying."""
        return float(self.quantities[self.is_call | ~self.is_option].sum())


def compute_pnls(
    legs: Legs,
    levels: npt.ArrayLike,
    *,
    vol_shifts: npt.ArrayLike = 0.0,
    times: npt.ArrayLike = 0.0,
) -> Floats:
    """Compute profit and loss over spot, volatility and time, in one call.

    Parameters
    ----------
    legs : n of them.
    levels : float64 (s,), what the underlying may cost, rupees; 0 or more. Each forward keeps its
        ratio to the underlying, and loses its carry with time; at its end it is the underlying.
    vol_shifts : float64 (v,), fractions, added to each option's own volatility, down to 0.
    times : float64 (t,), years from now, up to `legs.horizon`.

    Returns
    -------
    float64 (s, v, t), rupees. At the level, the volatility and the time that are now exactly what
    the legs are worth by Black's formula, less what was paid. NaN where an input is.

    Raises
    ------
    ValueError : a time lies behind now, or past the horizon.

    Notes
    -----
    Entries are not compounded, and gains on a future are told when they are made. Oracle:
    tests/oracles/strategies.py, 1e-12 of what is at stake. Measured: benchmarks/scenario.py.
    """
    spots, shifts, years = (
        np.atleast_1d(np.asarray(x, np.float64)) for x in (levels, vol_shifts, times)
    )
    if (years < 0.0).any() or (years > legs.horizon).any():
        msg = f"times from 0 to the horizon, {legs.horizon}, were wanted, found {years.tolist()}"
        raise ValueError(msg)
    # (s, t, n): the forwards, and what is left of each leg's time.
    forwards = _move_forwards(legs, spots, years)
    lefts = np.maximum(legs.taus - years[:, None], 0.0)
    options, others = legs.is_option, ~legs.is_option
    linear = forwards[:, :, others] @ legs.quantities[others]
    prices = compute_prices(
        np.maximum(forwards[:, None, :, options], _FORWARD_MIN),
        legs.strikes[options],
        np.maximum(legs.vols[options] + shifts[:, None, None], 0.0),
        lefts[:, options],
        np.exp(-legs.rates[options] * lefts[:, options]),
        legs.is_call[options],
    )
    paid = float(legs.quantities @ legs.entries)
    values: Floats = prices @ legs.quantities[options] + linear[:, None, :]
    return values - paid


def _move_forwards(legs: Legs, spots: Floats, years: Floats) -> Floats:
    """Return what the legs hang on, float64 (s, t, n), at other levels and times."""
    # Of what never ends the carry is 0 by this, and the ratio stays.
    carries = np.log(legs.forwards / legs.level) / legs.taus
    moved = legs.forwards * (spots / legs.level)[:, None, None] * np.exp(-carries * years[:, None])
    return np.where(legs.taus <= years[:, None], spots[:, None, None], moved)


def compute_leg_greeks(legs: Legs) -> Greeks:
    """Compute the Greeks of one unit of each leg now, with respect to what it hangs on.

    Returns
    -------
    Of n rows, in the units of `Greeks`. Of a future and of the underlying delta is 1, the rest 0.
    """
    rows = OptionRows.on_forwards(
        forwards=legs.forwards, strikes=legs.strikes, taus=legs.taus, rates=legs.rates,
        is_call=legs.is_call,
    )  # fmt: skip
    found = compute_values(legs.vols, rows).greeks
    zero = np.zeros(len(legs.taus))
    names = ("deltas", "gammas", "thetas", "vegas", "rhos")
    return Greeks(
        **{
            name: np.where(legs.is_option, getattr(found, name), zero + (name == "deltas"))
            for name in names
        }
    )
