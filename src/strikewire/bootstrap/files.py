"""Files: into the store, or through the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from strikewire import __version__
from strikewire.bootstrap.stores import load_rules, make_audit_trail, open_database
from strikewire.core.instants import MINUTE_NS
from strikewire.engine.view import UpdateSink
from strikewire.engine.warm import compile_kernels
from strikewire.feeds.files import FileReader
from strikewire.feeds.replay import ReplayFeed
from strikewire.live.bar_digest import BarDigest
from strikewire.live.importer import FileImporter
from strikewire.live.journal_replays import JournalReplayLoader
from strikewire.live.recordings import Recordings
from strikewire.live.replays import Replayable, ReplayLoader
from strikewire.live.session import Session
from strikewire.live.simulations import SimulationLoader
from strikewire.observability.metrics import Metrics, build_metrics
from strikewire.reference.market_rules import MarketRules
from strikewire.reference.sessions import SessionCalendar
from strikewire.settings import Settings
from strikewire.store.bars import BarStore
from strikewire.store.checkpoints import CheckpointStore
from strikewire.store.database import Database
from strikewire.store.instruments import InstrumentStore

#: Told of bars, BAR_DTYPE, when they are committed.
OnCommitted: TypeAlias = Callable[[npt.NDArray[np.void]], None]


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A file, or a journal's folder, to be played as if it were the market, and how fast."""

    path: Path
    speed: float


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """A market to be invented, by the settings, and how fast it goes."""

    speed: float


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told of a session's bars: when they are committed, and at each step."""

    on_committed: OnCommitted
    sinks: tuple[UpdateSink, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """A file, a recording or a simulated market, about to be played into the store.

    Parameters
    ----------
    digest : of the bars it makes, where somebody asks for it.
    """

    replayable: Replayable
    feed: ReplayFeed
    session: Session
    digest: BarDigest | None = None


@dataclass(frozen=True, slots=True)
class ReplayTools:
    """What a replay is made with.

    Parameters
    ----------
    rules : by which the file is read.
    find_calendar : the sessions of a venue, by the rules in force when it is asked.
    """

    database: Database
    rules: MarketRules
    find_calendar: Callable[[str], SessionCalendar]
    metrics: Metrics


@asynccontextmanager
async def open_importer(settings: Settings) -> AsyncIterator[FileImporter]:
    """Open the store for `strikewire import`.

    Raises
    ------
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    async with open_database(settings) as database:
        rules = await load_rules(database)
        yield FileImporter(
            reader=FileReader(rules=rules),
            rules=rules,
            database=database,
            instruments=InstrumentStore(),
            bars=BarStore(),
            trail=make_audit_trail(database),
        )


@asynccontextmanager
async def open_replay(settings: Settings, path: Path, *, speed: float) -> AsyncIterator[ReplayRun]:
    """Open the store and a file, or a journal, for `strikewire replay`.

    Raises
    ------
    FileLayoutError, InvalidInputError, JournalError : the file, or its journal, is no good.
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    async with open_database(settings) as database:
        rules = await load_rules(database)
        tools = ReplayTools(
            database=database,
            rules=rules,
            find_calendar=rules.calendar,
            metrics=build_metrics(version=__version__),
        )
        request = ReplayRequest(path=path, speed=speed)
        digest = BarDigest()
        listeners = Listeners(_forget_nothing, (digest,))
        run = await prepare_replay(settings, request, tools, lambda _: listeners)
        yield replace(run, digest=digest)


async def prepare_replay(
    settings: Settings,
    request: ReplayRequest | SimulationRequest,
    tools: ReplayTools,
    make_listeners: Callable[[Replayable], Listeners],
) -> ReplayRun:
    """Read a file or a journal, or draw a market, register its instruments, open its recording.

    Parameters
    ----------
    make_listeners : returns who is told of what, once it is known of which instruments.

    Raises
    ------
    FileLayoutError, InvalidInputError, JournalError : the file, the market, or its journal, is no
        good.
    DependencyError : the store is away.
    """
    if isinstance(request, SimulationRequest):
        simulations = SimulationLoader(
            rules=tools.rules, database=tools.database, instruments=InstrumentStore()
        )
        replayable = await simulations.load(settings.to_simulation())
        feed = ReplayFeed(replayable.source, speed=request.speed, idle_limit_ns=MINUTE_NS)
    else:
        replayable = await _load(request.path, tools)
        feed = ReplayFeed(replayable.source, speed=request.speed)
    await asyncio.to_thread(compile_kernels)
    recordings = make_recordings(settings, tools)
    listeners = make_listeners(replayable)
    session = await recordings.open(
        feed, on_committed=listeners.on_committed, sinks=listeners.sinks
    )
    return ReplayRun(replayable=replayable, feed=feed, session=session)


def make_recordings(settings: Settings, tools: ReplayTools) -> Recordings:
    """Return what opens the sessions of feeds."""
    return Recordings(
        config=settings.to_recordings(),
        database=tools.database,
        find_calendar=tools.find_calendar,
        metrics=tools.metrics,
    )


async def _load(path: Path, tools: ReplayTools) -> Replayable:
    """Read a file, or the journal in a folder."""
    if await asyncio.to_thread(path.is_dir):
        journals = JournalReplayLoader(
            database=tools.database, instruments=InstrumentStore(), checkpoints=CheckpointStore()
        )
        return await journals.load(path)
    files = ReplayLoader(
        reader=FileReader(rules=tools.rules),
        rules=tools.rules,
        database=tools.database,
        instruments=InstrumentStore(),
    )
    return await files.load(path)


def _forget_nothing(bars: npt.NDArray[np.void]) -> None:
    """Take note of committed bars where nobody caches any."""
