"""The market that is played: ticks that can be read again, from any instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from strikewire.core.instruments import InstrumentSpec
from strikewire.feeds.simulated import SimulatedMarket, SimulationConfig, make_simulated_source
from strikewire.feeds.tick_source import TickSource
from strikewire.reference.market_rules import MarketRule, MarketRules, RuleKind, load_packaged_rules


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


def open_simulation(config: SimulationConfig, hours: tuple[str, str] | None = None) -> Tape:
    """Return the tape of a simulated market, on the packaged market rules.

    Parameters
    ----------
    hours : the first day's session, `HH:MM` in the exchanges' zone, in place of the calendar's.

    Raises
    ------
    InvalidInputError : the market cannot be: see `SimulatedMarket`.
    """
    # Contracts end after the market does, and the calendar reaches years past this day.
    rules = MarketRules(load_packaged_rules(), through=config.start_day + timedelta(days=366))
    if hours is not None:
        value = dict(zip(("open", "close"), hours, strict=True))
        rules = rules.overlay(
            MarketRule(venue, RuleKind.SPECIAL, config.start_day, None, value, source="fake broker")
            for venue in rules.venues
        )
    market = SimulatedMarket(config, find_calendar=rules.calendar)
    rows = np.arange(len(market.specs), dtype=np.int32)
    return Tape(
        specs=market.specs,
        source=make_simulated_source(market, rows),
        find_seq=market.find_seq,
        find_listed=market.find_listed,
    )
