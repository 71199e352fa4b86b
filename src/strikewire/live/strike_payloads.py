"""One chain, strike by strike: what is open, what it would pay, and what gamma it adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.chains import find_gamma_flip
from strikewire.analytics.options.pain import compute_pains
from strikewire.engine.chains.table import ChainTable, Floats

#: A gamma exposure is told for a move of so much.
_PER_CENT = 0.01


def describe_distribution(table: ChainTable) -> dict[str, Any]:
    """Describe where open interest stands as a whole, of a table of one expiry."""
    figures = table.figures
    return {
        "max_pain": float(figures.max_pains[0]),
        "pcr_oi": float(figures.pcr_oi[0]),
        "pcr_volume": float(figures.pcr_volumes[0]),
        "atm_strike": float(figures.atm_strikes[0]),
    }


def list_distribution_columns(table: ChainTable) -> dict[str, npt.NDArray[Any]]:
    """Return open interest, its change and volume by strike, units; and the pain, rupees."""
    calls, puts, strikes = table.calls, table.puts, table.layout.strikes
    return {
        "strike": strikes,
        "call_oi": calls.oi,
        "put_oi": puts.oi,
        "call_oi_change": calls.oi_changes,
        "put_oi_change": puts.oi_changes,
        "call_volume": calls.volumes,
        "put_volume": puts.volumes,
        "pcr_oi": puts.oi / np.where(calls.oi > 0, calls.oi, np.nan),
        "pain": compute_pains(strikes, calls.oi, puts.oi),
    }


def describe_exposure(table: ChainTable) -> dict[str, Any]:
    """Describe the gamma of a whole chain: its sum, and where it changes its sign."""
    return {
        "gex": float(table.figures.gex[0]),
        "gamma_flip": find_gamma_flip(table.to_chains(), 0),
    }


def list_exposure_columns(table: ChainTable) -> dict[str, npt.NDArray[Any]]:
    """Return what each strike adds to `gex`, rupees for each per cent the forward moves."""
    weight = float(table.expiries.forwards[0]) ** 2 * _PER_CENT
    return {
        "strike": table.layout.strikes,
        "gex": table.exposures,
        "call_gex": table.calls.gammas * table.calls.oi * weight,
        "put_gex": -table.puts.gammas * table.puts.oi * weight,
        "cumulative_gex": _accumulate(table.exposures),
    }


def _accumulate(values: Floats) -> Floats:
    """Add up what is known from the front; NaN before the first."""
    totals = np.nancumsum(values)
    totals[~np.logical_or.accumulate(~np.isnan(values))] = np.nan
    return totals
