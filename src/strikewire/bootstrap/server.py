"""The server's runtime: everything a request may need, and the tasks behind it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Final

import numpy as np

from strikewire import __version__
from strikewire.auth.people import look_after
from strikewire.bootstrap.backfill import BackfillTools, is_behind, start_backfill
from strikewire.bootstrap.broker import BrokerTools, start_broker
from strikewire.bootstrap.chains import ChainTools, build_chains
from strikewire.bootstrap.figures import (
    describe_caches,
    show_server_metrics,
    show_session_metrics,
)
from strikewire.bootstrap.files import (
    Listeners,
    ReplayRequest,
    ReplayRun,
    ReplayTools,
    SimulationRequest,
    prepare_replay,
)
from strikewire.bootstrap.identity import IdentityParts, build_identity
from strikewire.bootstrap.journals import start_journal_keeper
from strikewire.bootstrap.keys import watch_credentials
from strikewire.bootstrap.stores import (
    DatabaseSite,
    find_database,
    make_audit_trail,
    make_rule_book,
    prepare_schema,
)
from strikewire.bootstrap.strategies import build_strategies
from strikewire.bootstrap.streams import OwnTopics, Redis, build_hub
from strikewire.core.clock import SystemClock
from strikewire.core.errors import DependencyError
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.view import UpdateSink
from strikewire.live.backfill import Readiness
from strikewire.live.bar_streams import BarStreams, BarStreamsConfig
from strikewire.live.chain_board import ChainBoard
from strikewire.live.corrections import Readers
from strikewire.live.coverage import CoverageReader
from strikewire.live.database_watch import DatabaseWatch
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.history import BarHistory, NoOpenBars
from strikewire.live.idempotency import Idempotency
from strikewire.live.market_clock import MarketClock
from strikewire.live.market_rules import RuleOverrides, RuleOverridesConfig
from strikewire.live.market_status import (
    LastHeard,
    MarketBoard,
    MarketBoardConfig,
    MarketMode,
    PlayedMarket,
)
from strikewire.live.quotes import QuoteBoard
from strikewire.live.replays import Replayable
from strikewire.live.session import Session
from strikewire.live.session_bars import PageInvalidator, SessionBars
from strikewire.observability.health import Dependency, Health
from strikewire.observability.logs import get_logger
from strikewire.observability.metrics import build_metrics
from strikewire.reference.rule_book import RuleBook
from strikewire.resilience.supervisor import Supervisor
from strikewire.runtime import Runtime
from strikewire.settings import Settings
from strikewire.store.bar_reader import BarReader
from strikewire.store.bars import BarStore
from strikewire.store.coverage import CoverageStore
from strikewire.store.database import Database
from strikewire.store.idempotency import IdempotencyStore
from strikewire.store.instruments import InstrumentStore
from strikewire.store.market_rules import MarketRuleStore
from strikewire.store.pages import PageCache
from strikewire.stream.figures import StreamFigures

_log: Final = get_logger("bootstrap")
_WATCH: Final = "database watch"
_RULES: Final = "market rules"
_IDENTITY: Final = "identity"
_IDEMPOTENCY: Final = "idempotency keys"
_SESSION: Final = "session"
_CHAINS: Final = "chain refresh"
# What is not stored by then is in the journal, and is stored at the next start.
_STOP_SESSION_S: Final = 4.0


@asynccontextmanager
async def build_runtime(
    settings: Settings, *, replay: ReplayRequest | SimulationRequest | None = None
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
        rules = make_rule_book(clock)
        rng = np.random.default_rng()

        site = await find_database(settings, stack)
        database = Database(settings.to_database(site.url))
        stack.push_async_callback(database.aclose)
        watch = DatabaseWatch(
            database=database,
            prepare=lambda: _prepare_database(settings, site),
            interval_s=settings.database_watch_interval_s,
            rng=rng,
        )
        await watch.connect()
        supervisor = await stack.enter_async_context(Supervisor(rng=rng))
        supervisor.start(_WATCH, watch.run)
        overrides = await _start_overrides(settings, rules, database, watch, supervisor)
        idempotency = _start_idempotency(settings, database, watch, supervisor)
        parts = _start_identity(settings, database, watch, supervisor, stack)

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
        redis = Redis.connect(settings.to_relay(), stack)
        health = Health(
            clock=clock,
            version=__version__,
            dependencies=[Dependency("db", watch.check), redis.to_dependency()],
            tasks=supervisor.reports,
            caches=lambda: describe_caches(pages, directory),
            is_schema_ready=lambda: watch.is_schema_ready,
        )
        run_id, figures, heard = uuid.uuid4().hex, StreamFigures(), LastHeard()
        bar_streams = BarStreams(
            config=BarStreamsConfig(),
            run_id=run_id,
            find_calendar=rules.calendar,
            find_instrument=directory.get,
            figures=figures,
        )
        board = ChainBoard(config=settings.to_chain_board(), metrics=metrics)
        playing: ReplayRun | None = None
        played: PlayedMarket | None = None
        if replay is not None:
            tools = ReplayTools(
                database=database,
                rules=rules.current,
                find_calendar=rules.calendar,
                metrics=metrics,
            )
            playing = await prepare_replay(
                settings,
                replay,
                tools,
                lambda found: _make_listeners(pages, rules, (bar_streams, heard, board), found),
            )
            market_clock.follow(playing.feed.clock)
            _start_board(board, playing, supervisor)
            played = _describe_market(replay, playing, heard, supervisor)
        view = None if playing is None else playing.session.engine
        broker = start_broker(
            settings,
            BrokerTools(
                database=database,
                metrics=metrics,
                find_rules=lambda: rules.current,
                is_ready=lambda: watch.is_connected and watch.is_schema_ready,
            ),
            stack,
            supervisor,
        )
        recorder = None if playing is None else playing.session.recorder
        backfills = start_backfill(
            settings,
            BackfillTools(
                database=database,
                rest=None if broker is None else broker.rest,
                find_calendar=rules.calendar,
                clock=market_clock,
                readers=Readers(pages, bar_streams),
            ),
            supervisor,
            metrics,
            Readiness(
                is_ready=lambda: watch.is_connected and watch.is_schema_ready,
                is_busy=lambda: recorder is not None and is_behind(recorder.pending_bars),
            ),
        )
        history = BarHistory(
            pages=pages,
            load_bars=reader.load_bars,
            find_calendar=rules.calendar,
            open_bars=NoOpenBars() if playing is None else _make_open_bars(playing.session),
            clock=market_clock,
        )
        bar_streams.bind(history=history, view=view)
        _follow_rules(rules, playing, bar_streams)
        market = MarketBoard(
            config=MarketBoardConfig(),
            clock=market_clock,
            played=played,
            epoch=run_id,
            figures=figures,
        )
        chains = build_chains(
            settings,
            ChainTools(
                database=database,
                rules=rules,
                instruments=directory,
                bars=history,
                clock=clock,
                market_clock=market_clock,
                run_id=run_id,
                figures=figures,
                board=None if playing is None else board,
                view=view,
                find_pending=list if playing is None else _name_pending(playing.session),
            ),
        )
        runtime = Runtime(
            version=__version__,
            clock=clock,
            market_clock=market_clock,
            identity=parts.identity,
            people=parts.people,
            keys=parts.keys.keys,
            tickets=parts.keys.tickets,
            credential_watch=watch_credentials(settings, parts.identity, parts.keys, supervisor),
            metrics=metrics,
            health=health,
            database=database,
            rules=rules,
            rule_overrides=overrides,
            audit=make_audit_trail(database),
            idempotency=idempotency,
            instruments=directory,
            contracts=chains.contracts,
            contract_board=chains.contract_board,
            charts=chains.charts,
            history=history,
            quotes=QuoteBoard(history=chains.charts, view=view, find_calendar=rules.calendar),
            coverage=CoverageReader(
                database=database,
                store=CoverageStore(),
                load_bars=reader.load_bars,
                find_calendar=rules.calendar,
                clock=market_clock,
            ),
            backfills=backfills,
            chain_history=chains.history,
            hub=build_hub(
                OwnTopics(
                    bars=bar_streams,
                    calc=chains.calc_streams,
                    chains=chains.streams,
                    market=market,
                    monitors=chains.monitor_streams,
                    figures=figures,
                    is_feeding=playing is not None,
                ),
                redis,
                supervisor,
            ),
            bar_streams=bar_streams,
            market=market,
            strategies=build_strategies(directory, chains.history, chains.contract_board, rules),
            chains=None if playing is None else board,
            view=view,
            replay=None if playing is None else playing.feed,
            broker_login=None if broker is None else broker.login,
        )
        show_server_metrics(metrics, runtime, supervisor, watch)
        if playing is not None:
            show_session_metrics(metrics, playing.session)
            await _start_session(playing, market_clock, supervisor, stack)
        # Now that a session has its journal: one that is begun anew is nobody else's then.
        start_journal_keeper(settings, database, watch, supervisor, metrics)
        yield runtime


def _start_identity(
    settings: Settings,
    database: Database,
    watch: DatabaseWatch,
    supervisor: Supervisor,
    stack: AsyncExitStack,
) -> IdentityParts:
    """Put together who may be asking, and look after it."""
    parts = build_identity(
        settings,
        database,
        stack=stack.enter_context(ExitStack()),
        clock=SystemClock(),
        is_available=lambda: watch.is_connected,
    )
    stack.push_async_callback(parts.keys.uses.flush)
    supervisor.start(
        _IDENTITY,
        lambda: look_after(
            parts.people, is_ready=lambda: watch.is_connected and watch.is_schema_ready
        ),
    )
    return parts


def _start_idempotency(
    settings: Settings, database: Database, watch: DatabaseWatch, supervisor: Supervisor
) -> Idempotency:
    """Keep the answers of requests that may be sent again, and forget them in time."""
    idempotency = Idempotency(
        config=settings.to_idempotency(),
        database=database,
        store=IdempotencyStore(),
        clock=SystemClock(),
        is_ready=lambda: watch.is_connected and watch.is_schema_ready,
    )
    supervisor.start(_IDEMPOTENCY, idempotency.run)
    return idempotency


async def _start_overrides(
    settings: Settings,
    rules: RuleBook,
    database: Database,
    watch: DatabaseWatch,
    supervisor: Supervisor,
) -> RuleOverrides:
    """Put the database's market rules in force, and follow them from then on."""
    overrides = RuleOverrides(
        config=RuleOverridesConfig(interval_s=settings.database_watch_interval_s),
        book=rules,
        database=database,
        store=MarketRuleStore(),
        trail=make_audit_trail(database),
        is_ready=lambda: watch.is_connected and watch.is_schema_ready,
    )
    if watch.is_connected and watch.is_schema_ready:
        try:
            await overrides.load()
        except DependencyError as error:
            _log.warning("market rules: only the packaged ones so far", reason=str(error))
    supervisor.start(_RULES, overrides.run)
    return overrides


async def _prepare_database(settings: Settings, site: DatabaseSite) -> bool:
    """Have a server, and the schema in it as it should be; say whether it is."""
    await site.revive()
    return await prepare_schema(settings, site.url)


def _follow_rules(rules: RuleBook, playing: ReplayRun | None, streams: BarStreams) -> None:
    """Have changed rules taken over: by the engine, and then by who asks it for bars."""
    if playing is not None:
        rules.listen(playing.session.reload_calendars)
    rules.listen(streams.reload_calendars)


def _start_board(board: ChainBoard, playing: ReplayRun, supervisor: Supervisor) -> None:
    """Have live chains valued as they move."""
    board.bind(playing.session.chains)
    playing.session.listen(board)
    supervisor.start(_CHAINS, board.run)


def _describe_market(
    replay: ReplayRequest | SimulationRequest,
    playing: ReplayRun,
    heard: LastHeard,
    supervisor: Supervisor,
) -> PlayedMarket:
    """Say what is heard, for whoever asks how the market is."""
    is_simulated = isinstance(replay, SimulationRequest)
    return PlayedMarket(
        mode=MarketMode.SIMULATED if is_simulated else MarketMode.REPLAY,
        feed=playing.feed,
        view=playing.session.engine,
        heard=heard,
        find_task=lambda: supervisor.find_state(_SESSION),
    )


def _make_listeners(
    pages: PageCache, rules: RuleBook, sinks: tuple[UpdateSink, ...], found: Replayable
) -> Listeners:
    invalidator = PageInvalidator(
        pages=pages,
        venues={int(each.id): each.spec.exchange for each in found.instruments},
        find_calendar=rules.calendar,
    )
    return Listeners(invalidator.on_committed, sinks)


def _name_pending(session: Session) -> Callable[[], list[ChainMinute]]:
    return lambda: session.recorder.pending_minutes


def _make_open_bars(session: Session) -> SessionBars:
    return SessionBars(view=session.engine, recorder=session.recorder)


async def _start_session(
    playing: ReplayRun, market_clock: MarketClock, supervisor: Supervisor, stack: AsyncExitStack
) -> None:
    """Take the recording up where it is, and play; `stack` ends it in order."""
    session = playing.session
    over = asyncio.Event()

    async def play() -> None:
        try:
            await session.run()
            # After a replay the market's time is the machine's again. One that fails has not ended:
            # its time stands still.
            market_clock.leave()
        finally:
            over.set()

    async def stop() -> None:
        await session.stop()
        try:
            async with asyncio.timeout(_STOP_SESSION_S):
                await over.wait()
        except TimeoutError:
            _log.warning("bars are left to the journal", bars=session.recorder.pending_bars)

    await session.resume(playing.replayable.instruments)
    supervisor.start(_SESSION, play, is_restarted=False)
    stack.push_async_callback(stop)
