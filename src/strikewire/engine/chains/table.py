"""The chain table: what is known of every option of some expiries at one instant, in columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from strikewire.analytics.options.chains import Chains, ExpiryFigures
from strikewire.analytics.options.chains_nb import ChainSide
from strikewire.engine.chains.layout import ChainLayout

Floats = npt.NDArray[np.float64]
_Columns = TypeVar("_Columns", "ChainColumns", "ExpiryColumns", "ExpiryFigures")


class ChainSource(StrEnum):
    """How a table came to be."""

    #: From the latest quotes.
    LIVE = "live"
    #: From the bars and books as a minute left them.
    MINUTE = "minute"


@dataclass(frozen=True, slots=True, eq=False)
class ChainColumns:
    """The calls, or the puts: float64 (n,) where nothing else is said, NaN where unknown.

    Parameters
    ----------
    ltps : rupees, last traded.
    changes : rupees, since the close of the session before.
    premiums : rupees, what the volatility is made of: the middle of the book, else a trade that is
        young enough.
    bids, asks : rupees, the best prices.
    volumes : units traded in the session.
    oi, oi_changes : units of open interest, and what it gained since the session before.
    vols : fractions, implied.
    deltas, gammas, thetas, vegas, rhos : with respect to the forward; units as everywhere.
    reasons : uint8 (n,), of `Reason`: why there is no volatility.
    ts_ns : int64 (n,), of the last trade; 0 where there was none.
    """

    ltps: Floats
    changes: Floats
    premiums: Floats
    bids: Floats
    asks: Floats
    volumes: Floats
    oi: Floats
    oi_changes: Floats
    vols: Floats
    deltas: Floats
    gammas: Floats
    thetas: Floats
    vegas: Floats
    rhos: Floats
    reasons: npt.NDArray[np.uint8]
    ts_ns: npt.NDArray[np.int64]

    def to_side(self) -> ChainSide:
        """Return what the figures of a chain are computed from."""
        return ChainSide(
            premiums=self.premiums,
            vols=self.vols,
            deltas=self.deltas,
            gammas=self.gammas,
            oi=self.oi,
            oi_changes=self.oi_changes,
            volumes=self.volumes,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ExpiryColumns:
    """What a chain hangs on, expiry by expiry: float64 (e,), NaN where unknown.

    Parameters
    ----------
    spots, futures : rupees, last traded and young enough to go by.
    forwards : rupees.
    sources : uint8 (e,), of `ForwardSource`: where the forward is from.
    dispersions : rupees, by how much the strikes disagree that made it.
    pair_counts : int64 (e,), how many made it.
    taus : years to the cut-off.
    rates : a year, continuously compounded.
    """

    spots: Floats
    futures: Floats
    forwards: Floats
    sources: npt.NDArray[np.uint8]
    dispersions: Floats
    pair_counts: npt.NDArray[np.int64]
    taus: Floats
    rates: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ChainTable:
    """Chains at one instant.

    Parameters
    ----------
    as_of_ns : what is said was so then.
    layout : says who is who: e expiries, n strikes.
    calls, puts : n rows each.
    expiries, figures : e rows each.
    exposures : float64 (n,), what each strike adds to `figures.gex`.
    """

    as_of_ns: int
    source: ChainSource
    layout: ChainLayout
    calls: ChainColumns
    puts: ChainColumns
    expiries: ExpiryColumns
    figures: ExpiryFigures
    exposures: Floats

    def pick(self, place: int) -> ChainTable:
        """Return the table of one expiry; its columns are views."""
        rows, one = self.layout.rows(place), slice(place, place + 1)
        return ChainTable(
            as_of_ns=self.as_of_ns,
            source=self.source,
            layout=self.layout.cut([place]),
            calls=_slice(self.calls, rows),
            puts=_slice(self.puts, rows),
            expiries=_slice(self.expiries, one),
            figures=_slice(self.figures, one),
            exposures=self.exposures[rows],
        )

    def to_chains(self) -> Chains:
        """Return what `analytics.options.chains` computes with."""
        return Chains(
            starts=self.layout.starts,
            strikes=self.layout.strikes,
            calls=self.calls.to_side(),
            puts=self.puts.to_side(),
            forwards=self.expiries.forwards,
            taus=self.expiries.taus,
        )


def _slice(columns: _Columns, rows: slice) -> _Columns:
    return type(columns)(*(getattr(columns, each.name)[rows] for each in fields(columns)))
