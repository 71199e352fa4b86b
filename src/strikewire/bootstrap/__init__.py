"""The composition root: the one place that constructs, and closes in reverse order."""

from strikewire.bootstrap.files import (
    ReplayRequest,
    ReplayRun,
    SimulationRequest,
    open_importer,
    open_replay,
)
from strikewire.bootstrap.server import build_runtime
from strikewire.bootstrap.stores import open_database

__all__ = [
    "ReplayRequest",
    "ReplayRun",
    "SimulationRequest",
    "build_runtime",
    "open_database",
    "open_importer",
    "open_replay",
]
