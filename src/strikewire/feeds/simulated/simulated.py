"""The simulated market as a feed: a source that a `ReplayFeed` plays, pauses and seeks in."""

from __future__ import annotations

from dataclasses import astuple
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

from strikewire.core.errors import InvalidInputError
from strikewire.feeds.simulated.config import SimulationConfig
from strikewire.feeds.simulated.market import SimulatedMarket
from strikewire.feeds.tick_source import TickSource

#: Part of a recording's name. Grows whenever the same config no longer gives the same ticks, so
#: that a recording is never continued with another market's.
VERSION: Final = 1


def make_simulated_source(
    market: SimulatedMarket, instrument_ids: npt.NDArray[np.int32]
) -> TickSource:
    """Return a market's ticks as something to be played.

    Parameters
    ----------
    market : what is played.
    instrument_ids : int32 (n,), our ids of `market.specs`, one for one.

    Raises
    ------
    InvalidInputError : there are more or fewer ids than instruments.
    """
    if len(instrument_ids) != len(market.specs):
        msg = f"{len(market.specs)} instrument ids were wanted, found {len(instrument_ids)}"
        raise InvalidInputError(msg)
    config = market.config
    names = ", ".join(each.name for each in config.underlyings)
    return TickSource(
        session_key=name_session(config),
        description=(
            f"simulated {names}: {len(market.specs):,} instruments, "
            f"{config.sessions} sessions from {config.start_day}, seed {config.seed}"
        ),
        first_ns=market.first_ns,
        last_ns=market.last_ns,
        total=market.total,
        read=lambda after_seq: market.read(after_seq, instrument_ids),
        # A day of a hundred contracts takes a tenth of a second to draw.
        is_slow=True,
    )


def name_session(config: SimulationConfig) -> str:
    """Return the name of a market's recording: the same config has the same one."""
    digest = xxhash.xxh3_64(repr((VERSION, astuple(config))).encode()).hexdigest()
    return f"simulated-{config.start_day}-{config.seed}-{digest}"
