"""A market that never was: seeded, repeatable tick by tick, and restartable at any of them."""

from strikewire.feeds.simulated.config import (
    DEFAULT_UNDERLYINGS,
    SimulatedUnderlying,
    SimulationConfig,
    load_underlyings,
)
from strikewire.feeds.simulated.market import SimulatedMarket
from strikewire.feeds.simulated.simulated import make_simulated_source, name_session

__all__ = [
    "DEFAULT_UNDERLYINGS",
    "SimulatedMarket",
    "SimulatedUnderlying",
    "SimulationConfig",
    "load_underlyings",
    "make_simulated_source",
    "name_session",
]
