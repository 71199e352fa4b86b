"""A desk that opens sessions on one database and one journal folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from strikewire.core.instants import MINUTE_NS, SECOND_NS, parse_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.core.ticks import TICK_DTYPE, TickBatch
from strikewire.engine.engine import EngineConfig
from strikewire.engine.view import UpdateSink
from strikewire.feeds.base import Feed
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import TickSource, make_tick_source
from strikewire.live.recorder import RecorderConfig
from strikewire.live.recordings import RecordingConfig, Recordings
from strikewire.live.session import Session, SessionConfig
from strikewire.observability.metrics import build_metrics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.store.bars import BarStore
from strikewire.store.database import Database

OPEN = parse_rfc3339("2022-12-30T09:15:00+05:30")
RULES = MarketRules(load_packaged_rules(), through=date(2022, 12, 30))


def make_source(instrument: Instrument, *, seconds: int = 300, start_ns: int = OPEN) -> TickSource:
    """Return one tick a second, its price the second, its volume ten times that."""
    ticks = np.zeros(seconds, TICK_DTYPE)
    ticks["instrument_id"] = instrument.id
    ticks["ts_event_ns"] = ticks["ts_recv_ns"] = start_ns + np.arange(seconds) * SECOND_NS
    ticks["ltp"] = np.arange(seconds)
    ticks["volume"] = 10.0 * np.arange(seconds)
    ticks["oi"] = ticks["average_price"] = nan
    return make_tick_source(TickBatch(ticks), session_key="made", description="made ticks")


def make_feed(
    instrument: Instrument, *, start_ns: int = OPEN, speed: float = MAX_SPEED
) -> ReplayFeed:
    """Return a feed of `make_source`'s ticks."""
    return ReplayFeed(make_source(instrument, start_ns=start_ns), speed=speed)


class OnceFeed(ReplayFeed):
    """To a session what a broker's feed is: what it told is not told again."""

    def __init__(self, source: TickSource) -> None:
        super().__init__(source, speed=MAX_SPEED)

    @property
    def is_repeatable(self) -> bool:
        return False


class Desk:
    """Opens sessions on one database and one journal folder, as a program started again does."""

    def __init__(self, database: Database, folder: Path, instrument: Instrument) -> None:
        self.database = database
        self.instrument = instrument
        self.committed: list[npt.NDArray[np.void]] = []
        self._folder = folder

    async def open(
        self, feed: Feed, *, sinks: Sequence[UpdateSink] = (), **options: Any
    ) -> Session:
        """Open a session; `options` as for `make_recordings`."""
        self._recordings = self.make_recordings(**options)
        return await self._recordings.open(feed, on_committed=self.committed.append, sinks=sinks)

    def make_recordings(
        self,
        *,
        lateness_ns: int = 30 * SECOND_NS,
        max_pending_bars: int = 1_000,
        stop_timeout_s: float = 10.0,
    ) -> Recordings:
        return Recordings(
            config=RecordingConfig(
                journal_root=self._folder,
                engine=EngineConfig(lateness_ns=lateness_ns),
                recorder=RecorderConfig(
                    flush_interval_s=0.01, max_pending_bars=max_pending_bars, retry_s=0.01
                ),
                session=SessionConfig(stop_timeout_s=stop_timeout_s),
            ),
            database=self.database,
            find_calendar=RULES.calendar,
            metrics=build_metrics(version="test"),
        )

    async def roll_over(self, session: Session, feed: Feed) -> None:
        """Go on with another feed in a session that this desk opened last."""
        await self._recordings.roll_over(session, feed)

    async def load(self) -> npt.NDArray[np.void]:
        async with self.database.read() as session:
            return await BarStore().load(session, self.instrument.id, OPEN, OPEN + 60 * MINUTE_NS)
