"""Who is told of what strategies make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from strikewire.core.money import Paise
from strikewire.core.orders import MarketMoment, StrategyId


@dataclass(frozen=True, slots=True)
class Crossing:
    """A level that was reached, and had not been at the step before."""

    strategy_id: StrategyId
    kind: str
    level: Paise
    m2m: Paise
    moment: MarketMoment


class M2mListener(Protocol):
    """Somebody who is told what strategies make. Never awaits, never raises."""

    def on_step(self, rows: npt.NDArray[np.int64]) -> None:
        """Take in that some rows of the book have moved."""
        ...

    def on_candles(self, candles: npt.NDArray[np.void]) -> None:
        """Take in the candles of a minute, M2M_CANDLE_DTYPE (n,), which stay as they are."""
        ...

    def on_crossing(self, crossing: Crossing) -> None:
        """Take in that a level was reached."""
        ...

    def on_restart(self) -> None:
        """Forget what was said: the market went backwards."""
        ...
