"""Compile the kernels before anybody waits for them.

Numba keeps what it compiled beside the source, so this takes seconds once after an installation and
half a second ever after. `make setup` runs it as `python -m strikewire.engine.warm`, and whoever is
about to play ticks calls `compile_kernels` off the event loop.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from strikewire.analytics.options import warm as options
from strikewire.core.instants import DAY_NS, HOUR_NS, MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, Deafness, DeafReason, TickBatch
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.reference.sessions import SessionCalendar

_DAY_NS = 20_000 * DAY_NS


def compile_kernels() -> None:
    """Send an option, and one tick to an engine that is thrown away, through every kernel."""
    options.compile_kernels()
    calendar = SessionCalendar(
        venue="WARM",
        zone=ZoneInfo("UTC"),
        days_ns=np.array([_DAY_NS]),
        opens_ns=np.array([_DAY_NS]),
        closes_ns=np.array([_DAY_NS + HOUR_NS]),
    )
    spec = InstrumentSpec("WARM", "WARM", InstrumentKind.INDEX)
    instrument = Instrument(InstrumentId(1), spec)
    engine = Engine(config=EngineConfig(), find_calendar=lambda _venue: calendar)
    engine.register([instrument])
    ticks = np.zeros(1, TICK_DTYPE)
    ticks["instrument_id"] = instrument.id
    ticks["ts_event_ns"] = _DAY_NS
    engine.apply(TickBatch(ticks, np.zeros(1, DEPTH_DTYPE)))
    engine.mark_deaf(Deafness(np.ones(1, np.int32), _DAY_NS, _DAY_NS + 1, DeafReason.MUTE))
    engine.recent_bars(instrument.id)
    engine.read_quotes(np.ones(1, np.int32))
    engine.read_closed(np.ones(1, np.int32), _DAY_NS)
    engine.advance(_DAY_NS + MINUTE_NS)
    engine.flush()


if __name__ == "__main__":
    compile_kernels()
