"""The composition root: the one place that constructs, and closes in reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from strikewire import __version__
from strikewire.core.clock import SystemClock
from strikewire.core.instants import to_date
from strikewire.core.instruments import Instrument
from strikewire.feeds.files import FileReader
from strikewire.feeds.replay import ReplayFeed
from strikewire.live.coverage import CoverageReader
from strikewire.live.database_watch import DatabaseWatch
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.history import BarHistory, NoOpenBars
from strikewire.live.importer import FileImporter
from strikewire.live.market_clock import MarketClock
from strikewire.live.quotes import QuoteBoard
from strikewire.live.recordings import Recordings
from strikewire.live.replays import Replayable, ReplayLoader
from strikewire.live.session import Session
from strikewire.live.session_bars import PageInvalidator, SessionBars
from strikewire.observability import metrics as catalogue
from strikewire.observability.health import Dependency, DependencyState, Health, TaskState
from strikewire.observability.logs import get_logger
from strikewire.observability.metrics import Metrics, Sample, build_metrics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.resilience.supervisor import Supervisor
from strikewire.runtime import Runtime
from strikewire.settings import Settings
from strikewire.store import migrate
from strikewire.store.bar_reader import BarReader
from strikewire.store.bars import BarStore
from strikewire.store.coverage import CoverageStore
from strikewire.store.database import Database
from strikewire.store.embedded import EmbeddedConfig, EmbeddedPostgres
from strikewire.store.instruments import InstrumentStore
from strikewire.store.pages import PageCache

_log: Final = get_logger("bootstrap")
_WATCH: Final = "database watch"
_SESSION: Final = "session"
# What is not stored by then is in the journal, and is stored at the next start.
_STOP_SESSION_S: Final = 4.0
_STOP_DATABASE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A file to be played as if it were the market, and how fast."""

    path: Path
    speed: float


@asynccontextmanager
async def build_runtime(
    settings: Settings, *, replay: ReplayRequest | None = None
) -> AsyncIterator[Runtime]:
    """Build everything a server needs, and close it in reverse order on leaving.

    A database that cannot be reached is no error: the runtime is degraded, says so, and takes the
    database up by itself once it is there. Only a replay cannot begin without it.

    Raises
    ------
    DataDirectoryBusyError, EmbeddedServerError : the embedded server did not start.
    MigrationError : the database is there, and its schema cannot be brought up to date.
    DependencyError : it is not there, and something is to be replayed.
    FileLayoutError, InvalidInputError, JournalError : what is to be replayed is no good.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        market_clock = MarketClock(clock=clock)
        metrics = build_metrics(version=__version__)
        rng = np.random.default_rng()
        url = await find_database(settings, stack)
        database = Database(settings.to_database(url))
        stack.push_async_callback(database.aclose)
        watch = DatabaseWatch(
            database=database,
            prepare=lambda: prepare_schema(settings, url),
            interval_s=settings.database_watch_interval_s,
            rng=rng,
        )
        await watch.connect()
        supervisor = await stack.enter_async_context(Supervisor(rng=rng))
        supervisor.start(_WATCH, watch.run)

        rules = MarketRules(load_packaged_rules(), through=to_date(clock.now_ns()))
        reader = BarReader(database=database, bars=BarStore())
        pages = PageCache(
            config=settings.to_pages(),
            load_bars=reader.load_bars,
            find_bar_before=reader.find_bar_before,
            clock=market_clock,
        )
        stack.push_async_callback(pages.aclose)
        directory = InstrumentDirectory(
            config=settings.to_directory(), database=database, store=InstrumentStore(), clock=clock
        )
        playing = None
        if replay is not None:
            playing = await _load_replay(settings, replay, database, rules, metrics, pages)
            market_clock.follow(playing.feed.clock)
        history = BarHistory(
            pages=pages,
            load_bars=reader.load_bars,
            find_calendar=rules.calendar,
            open_bars=NoOpenBars() if playing is None else playing.open_bars,
            clock=market_clock,
        )
        health = Health(
            clock=clock,
            version=__version__,
            dependencies=[Dependency("db", watch.check), Dependency("redis", _say_disabled)],
            tasks=supervisor.reports,
            caches=lambda: _describe_caches(pages, directory),
            is_schema_ready=lambda: watch.is_schema_ready,
        )
        view = None if playing is None else playing.session.engine
        runtime = Runtime(
            version=__version__,
            clock=clock,
            market_clock=market_clock,
            identity=settings.to_identity(),
            metrics=metrics,
            health=health,
            database=database,
            rules=rules,
            instruments=directory,
            history=history,
            quotes=QuoteBoard(history=history, view=view),
            coverage=CoverageReader(
                database=database,
                store=CoverageStore(),
                load_bars=reader.load_bars,
                find_calendar=rules.calendar,
                clock=market_clock,
            ),
            view=view,
            replay=None if playing is None else playing.feed,
        )
        _show_metrics(metrics, runtime, supervisor, watch)
        if playing is not None:
            _show_session_metrics(metrics, playing.session)
            await playing.session.resume(playing.instruments)
            over = asyncio.Event()
            supervisor.start(
                _SESSION, lambda: _play(playing, market_clock, over), is_restarted=False
            )
            stack.push_async_callback(_stop_session, playing.session, over)
        yield runtime


@dataclass(frozen=True, slots=True)
class _Playing:
    """A replay inside a server, ready to begin."""

    feed: ReplayFeed
    session: Session
    instruments: tuple[Instrument, ...]
    open_bars: SessionBars


async def _load_replay(
    settings: Settings,
    request: ReplayRequest,
    database: Database,
    rules: MarketRules,
    metrics: Metrics,
    pages: PageCache,
) -> _Playing:
    loader = ReplayLoader(
        reader=FileReader(rules=rules),
        rules=rules,
        database=database,
        instruments=InstrumentStore(),
    )
    replayable = await loader.load(request.path)
    recordings = Recordings(
        config=settings.to_recordings(), database=database, rules=rules, metrics=metrics
    )
    feed = ReplayFeed(replayable.source, speed=request.speed)
    invalidator = PageInvalidator(
        pages=pages,
        venues={int(each.id): each.spec.exchange for each in replayable.instruments},
        find_calendar=rules.calendar,
    )
    session = await recordings.open(feed, on_committed=invalidator.on_committed)
    return _Playing(
        feed=feed,
        session=session,
        instruments=replayable.instruments,
        open_bars=SessionBars(view=session.engine, recorder=session.recorder),
    )


async def _play(playing: _Playing, market_clock: MarketClock, over: asyncio.Event) -> None:
    """Run the session; after it, the market's time is the machine's again."""
    try:
        await playing.session.run()
    finally:
        market_clock.leave()
        over.set()


async def _stop_session(session: Session, over: asyncio.Event) -> None:
    """End the session where it is, and wait until its bars are stored, but not for ever."""
    await session.stop()
    try:
        async with asyncio.timeout(_STOP_SESSION_S):
            await over.wait()
    except TimeoutError:
        _log.warning("bars are left to the journal", bars=session.recorder.pending_bars)


async def find_database(settings: Settings, stack: AsyncExitStack) -> str:
    """Return the URL of the database: the one that is set, else that of a server we start.

    Parameters
    ----------
    stack : stops the embedded server at its end.

    Raises
    ------
    DataDirectoryBusyError, EmbeddedServerError : the embedded server did not start.
    """
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    server = EmbeddedPostgres(
        EmbeddedConfig(
            data_dir=settings.data_dir,
            port=settings.embedded_port,
            stop_timeout_s=_STOP_DATABASE_S,
        )
    )
    url = await server.start()
    stack.push_async_callback(server.stop)
    return url


async def prepare_schema(settings: Settings, url: str) -> bool:
    """Bring the schema up to date, unless that is left to `strikewire db`; say whether it is.

    Raises
    ------
    DependencyError : the server is away.
    MigrationError : it cannot be done.
    """
    if settings.database_migrate == "auto":
        await migrate.upgrade(url)
        return True
    revisions = await migrate.history(url)
    if any(each.is_current for each in revisions):
        return revisions[-1].is_current
    # A revision we do not know is a newer program's, and the schema of the next one is ours too.
    return await migrate.current(url) is not None


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database for a program that cannot do without it: import, replay.

    Raises
    ------
    DependencyError : it is away.
    DataDirectoryBusyError, EmbeddedServerError, MigrationError : see `build_runtime`.
    """
    async with AsyncExitStack() as stack:
        url = await find_database(settings, stack)
        await prepare_schema(settings, url)
        database = Database(settings.to_database(url))
        stack.push_async_callback(database.aclose)
        await database.open()
        yield database


@asynccontextmanager
async def open_importer(settings: Settings) -> AsyncIterator[FileImporter]:
    """Open the store for `strikewire import`.

    Raises
    ------
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    rules = MarketRules(load_packaged_rules(), through=to_date(SystemClock().now_ns()))
    async with open_database(settings) as database:
        yield FileImporter(
            reader=FileReader(rules=rules),
            rules=rules,
            database=database,
            instruments=InstrumentStore(),
            bars=BarStore(),
        )


@dataclass(frozen=True, slots=True)
class ReplayRun:
    """A file, about to be played into the store."""

    replayable: Replayable
    feed: ReplayFeed
    session: Session


@asynccontextmanager
async def open_replay(settings: Settings, path: Path, *, speed: float) -> AsyncIterator[ReplayRun]:
    """Open the store and a file for `strikewire replay`.

    Raises
    ------
    FileLayoutError, InvalidInputError, JournalError : the file, or its journal, is no good.
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    rules = MarketRules(load_packaged_rules(), through=to_date(SystemClock().now_ns()))
    async with open_database(settings) as database:
        loader = ReplayLoader(
            reader=FileReader(rules=rules),
            rules=rules,
            database=database,
            instruments=InstrumentStore(),
        )
        replayable = await loader.load(path)
        recordings = Recordings(
            config=settings.to_recordings(),
            database=database,
            rules=rules,
            metrics=build_metrics(version=__version__),
        )
        feed = ReplayFeed(replayable.source, speed=speed)
        session = await recordings.open(feed, on_committed=_forget_nothing)
        yield ReplayRun(replayable=replayable, feed=feed, session=session)


def _forget_nothing(bars: npt.NDArray[np.void]) -> None:
    """Take note of committed bars where nobody caches any."""


def _show_session_metrics(metrics: Metrics, session: Session) -> None:
    """Bind what a session counts."""
    engine = session.engine
    metrics.sample_value(catalogue.TICKS, lambda: engine.counters.applied)
    metrics.sample_value(catalogue.LATE_TICKS, lambda: engine.counters.late)
    metrics.sample_value(catalogue.DUPLICATE_TICKS, lambda: engine.counters.duplicates)
    metrics.sample_value(catalogue.BARS, lambda: engine.counters.bars)
    metrics.sample_value(catalogue.RECORDER_QUEUE, lambda: session.recorder.pending_bars)


async def _say_disabled() -> DependencyState:
    return DependencyState.DISABLED


def _describe_caches(
    pages: PageCache, directory: InstrumentDirectory
) -> dict[str, dict[str, float]]:
    found = pages.compute_statistics()
    return {
        "pages": {
            "hits": found.hits,
            "misses": found.misses,
            "evictions": found.evictions,
            "entries": found.page_count,
            "bytes": found.nbytes,
            "max_bytes": found.max_bytes,
        },
        "symbols": directory.statistics,
    }


def _show_metrics(
    metrics: Metrics, runtime: Runtime, supervisor: Supervisor, watch: DatabaseWatch
) -> None:
    """Bind the sampled families to whoever knows their numbers."""
    pool = runtime.database.pool_status
    health = runtime.health

    def read_cache(figure: str) -> Iterable[Sample]:
        return [((name,), each[figure]) for name, each in health.caches().items()]

    metrics.sample(
        catalogue.POOL_CONNECTIONS,
        lambda: [(("idle",), pool().idle_connections), (("in_use",), pool().in_use_connections)],
    )
    metrics.sample_value(catalogue.POOL_SIZE_MAX, lambda: pool().max_size)
    metrics.sample_value(catalogue.POOL_EXHAUSTED, lambda: pool().exhausted_count)
    metrics.sample(catalogue.DEPENDENCY_UP, lambda: [(("db",), float(watch.is_connected))])
    metrics.sample(catalogue.CACHE_HITS, lambda: read_cache("hits"))
    metrics.sample(catalogue.CACHE_MISSES, lambda: read_cache("misses"))
    metrics.sample(catalogue.CACHE_BYTES, lambda: [(("pages",), health.caches()["pages"]["bytes"])])
    metrics.sample(
        catalogue.TASK_UP,
        lambda: [
            ((task.name,), float(task.state is TaskState.RUNNING)) for task in supervisor.reports()
        ],
    )
    metrics.sample(
        catalogue.TASK_RESTARTS,
        lambda: [((task.name,), task.restarts) for task in supervisor.reports()],
    )
    metrics.sample_value(catalogue.UPTIME, lambda: health.uptime_s)
