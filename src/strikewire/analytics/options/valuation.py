"""Implied volatilities from premiums, prices from volatilities, and the Greeks at either."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.implied_nb import solve_rows_nb
from strikewire.analytics.options.priced_nb import value_rows_nb
from strikewire.analytics.options.rows import (
    CrossGreeks,
    Greeks,
    Implied,
    OptionRows,
    Values,
    broadcast_floats,
)


def compute_implied(
    premiums: npt.ArrayLike, rows: OptionRows, *, tick_sizes: npt.ArrayLike = 0.0
) -> Implied:
    """Solve each option for its volatility and measure the Greeks there, in one pass.

    Parameters
    ----------
    premiums : float64 (n,), rupees per unit; NaN where there is none.
    rows : the options, n of them.
    tick_sizes : float64 (n,) or one for all, rupees. A time value under half a tick is rounding:
        then there is no volatility. At 0 every positive time value has one.

    Returns
    -------
    Of n rows. The volatility reprices the premium to the last bits: relative to the one that
    determines a premium exactly the error is at most 1e-12, or, where rounding of the premium
    itself allows no better, 16 * 2**-52 * premium / (vega * volatility). A row without a
    volatility says why; none ever raises, fails to converge or stops the others.

    Raises
    ------
    ValueError : a column is not as long as the rows.

    Notes
    -----
    Releases the interpreter's lock and runs on one thread; run expiries side by side. Oracles:
    tests/oracles/implied_vol.py and tests/oracles/greeks.py. Measured: benchmarks/options.py.
    """
    count = len(rows)
    results = np.empty((6, count))
    reasons = np.empty(count, np.uint8)
    columns = (rows.underlyings, rows.strikes, rows.taus, rows.rates)
    # What is thrown away warns nobody; compiled code does not warn in any case.
    with np.errstate(all="ignore"):
        solve_rows_nb(
            broadcast_floats(premiums, count),
            *columns,
            rows.rates if rows.yields is None else rows.yields,
            rows.is_call,
            broadcast_floats(tick_sizes, count),
            np.bool_(rows.yields is not None),
            results,
            reasons,
        )
    return Implied(vols=results[0], greeks=Greeks(*results[1:]), reasons=reasons)


def compute_values(vols: npt.ArrayLike, rows: OptionRows) -> Values:
    """Price each option at a volatility and measure the Greeks there, in one pass.

    Parameters
    ----------
    vols : float64 (n,) or one for all, annualised fractions (0.18 is 18 %).
    rows : the options, n of them.

    Returns
    -------
    Of n rows. Prices as `black76.compute_prices` gives them, so without time or volatility the
    intrinsic value; the Greeks are NaN there, and all is NaN where an input is out of its range.

    Raises
    ------
    ValueError : a column is not as long as the rows.

    Oracle: tests/oracles/greeks.py.
    """
    count = len(rows)
    results = np.empty((6, count))
    with np.errstate(all="ignore"):
        value_rows_nb(
            broadcast_floats(vols, count),
            rows.underlyings,
            rows.strikes,
            rows.taus,
            rows.rates,
            rows.rates if rows.yields is None else rows.yields,
            rows.is_call,
            np.bool_(rows.yields is not None),
            results,
        )
    return Values(prices=results[0], greeks=Greeks(*results[1:]))


def compute_cross_greeks(vols: npt.ArrayLike, rows: OptionRows, greeks: Greeks) -> CrossGreeks:
    """Measure vanna, volga and charm: how delta and vega move with volatility and time.

    Parameters
    ----------
    vols : float64 (n,) or one for all, annualised fractions.
    rows : the options, n of them.
    greeks : of the same rows at the same volatilities.

    Returns
    -------
    Of n rows; NaN where the Greeks are.

    Raises
    ------
    ValueError : a column is not as long as the rows.

    Source: Haug, "The Complete Guide to Option Pricing Formulas" (2007), 2.3. Oracle:
    tests/oracles/greeks.py.
    """
    column = broadcast_floats(vols, len(rows))
    # On a forward nothing is carried: the yield is the rate.
    carries = 0.0 if rows.yields is None else rows.rates - rows.yields
    with np.errstate(all="ignore"):
        total_vols = column * np.sqrt(rows.taus)
        centres = (np.log(rows.underlyings / rows.strikes) + carries * rows.taus) / total_vols
        d1 = centres + 0.5 * total_vols
        d2 = centres - 0.5 * total_vols
        # The discounted density at d1, of which gamma is made.
        densities = greeks.gammas * rows.underlyings * total_vols
        drifts = carries / total_vols - 0.5 * d2 / rows.taus
        decays = (carries - rows.rates) * greeks.deltas + densities * drifts
        return CrossGreeks(
            vannas=-0.01 * densities * d2 / column,
            volgas=0.01 * greeks.vegas * d1 * d2 / column,
            charms=-decays / 365.0,
        )
