"""The volatility surface as it is told: an SVI slice of each expiry, what it misses, and a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from strikewire.analytics.options.expiry_time import compute_taus
from strikewire.analytics.options.surface import (
    SliceReason,
    Smiles,
    Surface,
    fit_surface,
    take_outer,
)
from strikewire.analytics.options.svi import PARAMETERS, compute_curves
from strikewire.core.instants import format_rfc3339
from strikewire.engine.chains.table import ChainTable, Floats
from strikewire.live.columns import Columns

#: Where a surface is told: log-moneyness, 1 % apart. Nobody quotes an index further out.
GRID: Final = tuple(round(0.01 * step, 2) for step in range(-20, 21))
_REASONS: Final[Mapping[int, str | None]] = MappingProxyType(
    {each: None if each is SliceReason.NONE else each.name.lower() for each in SliceReason}
)


def collect_smiles(tables: Sequence[ChainTable]) -> Smiles:
    """Return the volatilities of some chains, of the option out of the money at each strike.

    Parameters
    ----------
    tables : of one expiry each, in the order of their cut-offs.
    """
    counts = [len(each.layout.strikes) for each in tables]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    strikes = np.concatenate([each.layout.strikes for each in tables])
    forwards = np.array([each.expiries.forwards[0] for each in tables])
    # From one instant: of an expiry of which little is traded the newest record may be an old one.
    as_of_ns = max(each.as_of_ns for each in tables)
    taus = compute_taus([int(each.layout.cutoffs_ns[0]) for each in tables], as_of_ns)

    def take(calls: list[Floats], puts: list[Floats]) -> Floats:
        return take_outer(starts, strikes, forwards, np.concatenate(calls), np.concatenate(puts))

    return Smiles(
        starts=starts,
        strikes=strikes,
        vols=take([each.calls.vols for each in tables], [each.puts.vols for each in tables]),
        vegas=take([each.calls.vegas for each in tables], [each.puts.vegas for each in tables]),
        spreads=take(
            [each.calls.asks - each.calls.bids for each in tables],
            [each.puts.asks - each.puts.bids for each in tables],
        ),
        forwards=forwards,
        taus=taus,
    )


def describe_slice(surface: Surface, place: int) -> dict[str, Any]:
    """Describe the slice of the expiry at a place; all null, and a reason, where it has none."""
    parameters = surface.parameters[place].tolist()
    reason = _REASONS[int(surface.reasons[place])]
    return {
        "svi": None if reason else dict(zip(PARAMETERS, parameters, strict=True)),
        "reason": reason,
        "error": float(surface.errors[place]),
        "density": float(surface.densities[place]),
        "growth": float(surface.growths[place]),
        "wing_slope": float(surface.wing_slopes[place]),
        "is_free": bool(surface.is_free[place]),
    }


class FittedSurface:
    """Some chains with the surface that is fitted to them. Takes milliseconds an expiry to make.

    Parameters
    ----------
    tables : of one expiry each, in the order of their cut-offs.
    """

    def __init__(self, tables: Sequence[ChainTable]) -> None:
        self._tables = tables
        self._smiles = collect_smiles(tables)
        self.surface = fit_surface(self._smiles)

    def list_fit_columns(self) -> Columns:
        """Return what the slices say at each strike, and by how much they miss it; fractions."""
        residuals = self.surface.residuals
        return {"fit_iv": self._smiles.vols + residuals, "residual": residuals}

    def describe_expiries(self) -> list[dict[str, Any]]:
        """Describe each expiry: its slice, and the volatilities on the grid."""
        grid = self._compute_grid()
        return [
            {
                "expiry": table.layout.keys[0].expiry.isoformat(),
                "as_of": format_rfc3339(table.as_of_ns),
                "tau_years": float(self._smiles.taus[place]),
                "forward": float(self._smiles.forwards[place]),
                "atm_iv": float(table.figures.atm_vols[0]),
                **describe_slice(self.surface, place),
                "ivs": grid[place].tolist(),
            }
            for place, table in enumerate(self._tables)
        ]

    def list_grid_columns(self) -> Columns:
        """Return the surface as a table with a row for each expiry and place of the grid."""
        count = len(GRID)
        days = [table.layout.keys[0].expiry.isoformat() for table in self._tables]
        return {
            "expiry": [day for day in days for _ in range(count)],
            "tau_years": np.repeat(self._smiles.taus, count),
            "log_moneyness": np.tile(np.array(GRID), len(days)),
            "strike": np.outer(self._smiles.forwards, np.exp(GRID)).ravel(),
            "iv": self._compute_grid().ravel(),
        }

    def _compute_grid(self) -> Floats:
        """Return volatilities, float64 (e, g); NaN outside the strikes that were fitted."""
        k = np.array(GRID)
        variances = compute_curves(self.surface.parameters, k).variances
        taus = np.where(self._smiles.taus > 0, self._smiles.taus, np.nan)
        vols: Floats = np.sqrt(np.maximum(variances, 0.0) / taus[:, None])
        for place, forward in enumerate(self._smiles.forwards.tolist()):
            first, end = self._smiles.starts[place : place + 2]
            is_fitted = ~np.isnan(self.surface.residuals[first:end])
            quoted = np.log(self._smiles.strikes[first:end][is_fitted] / forward)
            if len(quoted):
                vols[place, (k < quoted[0]) | (k > quoted[-1])] = np.nan
        return vols
