"""The market that is played: ticks that can be read again, from any instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from strikewire.core.errors import InvalidInputError
from strikewire.core.instants import from_date
from strikewire.core.instruments import InstrumentSpec
from strikewire.core.ticks import TickBatch
from strikewire.feeds.files import FileReader, TickTable
from strikewire.feeds.simulated import SimulatedMarket, SimulationConfig, make_simulated_source
from strikewire.feeds.tick_source import TickSource, compute_session_key, make_tick_source
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire_fakebroker.config import BrokerConfig


@dataclass(frozen=True, slots=True)
class Tape:
    """A market's ticks; an `instrument_id` of theirs is a place in `specs`.

    Parameters
    ----------
    specs : every instrument there is at any time.
    source : the ticks. Read by one thread at a time.
    find_seq : returns the number of the last tick before an instant.
    find_listed : returns the rows that are listed on a trading day (00:00Z of it), intp.
    """

    specs: tuple[InstrumentSpec, ...]
    source: TickSource
    find_seq: Callable[[int], int]
    find_listed: Callable[[int], npt.NDArray[np.intp]]


def open_tape(config: BrokerConfig) -> Tape:
    """Return what a broker plays: its recording if it has one, else its simulated market.

    Raises
    ------
    FileLayoutError : the recording cannot be read.
    InvalidInputError : it holds no ticks, or the market cannot be: see `SimulatedMarket`.
    """
    # Contracts end after the market does, and the calendar reaches years past this day.
    through = config.market.start_day + timedelta(days=366)
    rules = MarketRules(load_packaged_rules(), through=through)
    if config.recording is not None:
        return _open_recording(config.recording, rules)
    return _open_simulation(config.market, rules)


def _open_simulation(config: SimulationConfig, rules: MarketRules) -> Tape:
    market = SimulatedMarket(config, find_calendar=rules.calendar)
    rows = np.arange(len(market.specs), dtype=np.int32)
    return Tape(
        specs=market.specs,
        source=make_simulated_source(market, rows),
        find_seq=market.find_seq,
        find_listed=market.find_listed,
    )


def _open_recording(path: Path, rules: MarketRules) -> Tape:
    """Return the tape of a file of ticks, told by exchange time; ticks without one are left out."""
    table = FileReader(rules=rules).read_all(path).table
    is_timed = table.ticks["ts_event_ns"] > 0 if isinstance(table, TickTable) else np.zeros(0)
    if not isinstance(table, TickTable) or not is_timed.any():
        msg = f"ticks were wanted, found none in {path.name}"
        raise InvalidInputError(msg)
    ticks = table.ticks[is_timed]
    ticks["ts_recv_ns"] = ticks["ts_event_ns"]
    instants_ns = ticks["ts_event_ns"].copy()
    ends_ns = np.array(
        [np.iinfo(np.int64).max if spec.expiry is None else from_date(spec.expiry)
         for spec in table.specs]
    )  # fmt: skip
    return Tape(
        specs=table.specs,
        source=make_tick_source(
            TickBatch(ticks, None if table.depth is None else table.depth[is_timed]),
            session_key=compute_session_key(path),
            description=f"{len(ticks):,} ticks of {path.name}",
        ),
        find_seq=lambda before_ns: int(np.searchsorted(instants_ns, before_ns)),
        find_listed=lambda day_ns: np.flatnonzero(ends_ns >= day_ns),
    )
