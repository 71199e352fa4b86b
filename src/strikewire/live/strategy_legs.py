"""The legs of a strategy: as somebody names them, and with what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from strikewire.analytics.strategies.legs import Legs
from strikewire.analytics.strategies.smile import VolSource
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.engine.chains.table import ChainSource
from strikewire.live.contract_directory import UnderlyingKey


@dataclass(frozen=True, slots=True)
class LegWish:
    """A leg as somebody names it.

    Parameters
    ----------
    symbol : by any of its names.
    quantity : units, a multiple of the lot; less than 0 is sold.
    entry : rupees per unit; None is what it costs now.
    """

    symbol: str
    quantity: int
    entry: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PricedLeg:
    """A leg with its price.

    Parameters
    ----------
    lot_size : units.
    entry : rupees per unit.
    mark : what it costs now, rupees; NaN where nobody knows, and `reason` says why.
    vol : fraction, of an option; NaN of others.
    vol_source : whose volatility that is; None of others.
    forward : what it hangs on, rupees; of a future itself.
    tau : years to its cut-off; infinite where there is none.
    rate : continuously compounded, a year.
    cutoff_ns : None where there is none.
    """

    instrument: Instrument
    lot_size: int
    quantity: int
    entry: Decimal
    mark: float
    reason: str | None
    vol: float
    vol_source: VolSource | None
    forward: float
    tau: float
    rate: float
    cutoff_ns: int | None


@dataclass(frozen=True, slots=True)
class PricedStrategy:
    """Legs on one underlying at one instant.

    Parameters
    ----------
    as_of_ns : of the newest thing in it.
    source : how its chains came to be; None without an option.
    level : what the underlying costs, rupees: its spot, else the forward of the nearest expiry.
    spot_symbol : None where the level is no spot.
    horizon_vol : fraction, at the money of the expiry in which the horizon lies; NaN unknown.
    """

    key: UnderlyingKey
    as_of_ns: int
    source: ChainSource | None
    level: float
    spot_symbol: str | None
    horizon_vol: float
    legs: tuple[PricedLeg, ...]

    @property
    def horizon_ns(self) -> int:
        """When the first leg ends; now where none ever does."""
        cutoffs_ns = [leg.cutoff_ns for leg in self.legs if leg.cutoff_ns is not None]
        return min(cutoffs_ns, default=self.as_of_ns)

    def to_legs(self) -> Legs:
        """Return what `analytics.strategies` computes with."""
        kinds = [leg.instrument.spec.kind for leg in self.legs]
        strikes = [leg.instrument.spec.strike for leg in self.legs]
        return Legs(
            level=self.level,
            quantities=np.array([leg.quantity for leg in self.legs], np.float64),
            entries=np.array([float(leg.entry) for leg in self.legs]),
            is_option=np.array([kind.is_option for kind in kinds]),
            is_call=np.array([kind is InstrumentKind.CALL for kind in kinds]),
            strikes=np.array([np.nan if each is None else each for each in strikes], np.float64),
            vols=np.array([leg.vol for leg in self.legs]),
            forwards=np.array([leg.forward for leg in self.legs]),
            taus=np.array([leg.tau for leg in self.legs]),
            rates=np.array([leg.rate for leg in self.legs]),
        )


def to_price(value: float) -> Decimal:
    """Return a price as a decimal: to a hundredth of a paisa, finer than the middle of any book."""
    return Decimal(f"{value:.4f}")
