"""The composition root: the one place that constructs, and closes in reverse order."""

from strikewire.bootstrap.files import (
    ReplayRequest,
    ReplayRun,
    SimulationRequest,
    open_importer,
    open_replay,
)
from strikewire.bootstrap.kite import LiveRequest
from strikewire.bootstrap.server import HearRequest, build_runtime
from strikewire.bootstrap.stores import open_database

__all__ = [
    "HearRequest",
    "LiveRequest",
    "ReplayRequest",
    "ReplayRun",
    "SimulationRequest",
    "build_runtime",
    "open_database",
    "open_importer",
    "open_replay",
]
