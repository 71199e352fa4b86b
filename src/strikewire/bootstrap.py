"""The composition root: the one place that constructs, and closes in reverse order."""

from __future__ import annotations

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
from strikewire.observability import metrics as catalogue
from strikewire.observability.health import Dependency, DependencyState, Health, TaskState
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

_WATCH: Final = "database watch"


@asynccontextmanager
async def build_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Build everything a server needs, and close it in reverse order on leaving.

    A database that cannot be reached is no error: the runtime is degraded, says so, and takes the
    database up by itself once it is there.

    Raises
    ------
    DataDirectoryBusyError, EmbeddedServerError : the embedded server did not start.
    MigrationError : the database is there, and its schema cannot be brought up to date.
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
        history = BarHistory(
            pages=pages,
            load_bars=reader.load_bars,
            find_calendar=rules.calendar,
            open_bars=NoOpenBars(),
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
            quotes=QuoteBoard(history=history, view=None),
            coverage=CoverageReader(
                database=database,
                store=CoverageStore(),
                load_bars=reader.load_bars,
                find_calendar=rules.calendar,
                clock=market_clock,
            ),
        )
        _show_metrics(metrics, runtime, supervisor, watch)
        yield runtime


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
        EmbeddedConfig(data_dir=settings.data_dir, port=settings.embedded_port)
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
