"""The server's runtime: everything a request may need, and the tasks behind it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Final, TypeAlias

import numpy as np

from strikewire import __version__
from strikewire.auth.people import look_after
from strikewire.bootstrap.backfill import (
    BackfillTools,
    is_behind,
    start_backfill,
    start_reconciliation,
)
from strikewire.bootstrap.broker import BrokerParts, BrokerTools, start_broker
from strikewire.bootstrap.chains import ChainTools, build_chains
from strikewire.bootstrap.costs import build_order_costs
from strikewire.bootstrap.desk import DeskTools, bind_desk, build_desk
from strikewire.bootstrap.figures import (
    describe_caches,
    show_feed_metrics,
    show_server_metrics,
    show_session_metrics,
)
from strikewire.bootstrap.files import (
    ReplayRequest,
    ReplayTools,
    SimulationRequest,
)
from strikewire.bootstrap.hearing import (
    Hearing,
    HearingTools,
    prepare_played,
    start_board,
    start_hearing,
    to_dependency,
)
from strikewire.bootstrap.identity import IdentityParts, build_identity
from strikewire.bootstrap.journals import start_journal_keeper
from strikewire.bootstrap.keys import watch_credentials
from strikewire.bootstrap.kite import LiveRequest, make_market_clock, prepare_live
from strikewire.bootstrap.m2m import M2mParts, M2mTools, build_m2m, start_m2m
from strikewire.bootstrap.orders import OrderSite
from strikewire.bootstrap.paper import PaperParts, PaperTools, build_paper, start_paper
from strikewire.bootstrap.slots import start_slots
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
from strikewire.core.errors import DependencyError, SettingsError
from strikewire.engine.chains.records import ChainMinute
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
)
from strikewire.live.quotes import QuoteBoard
from strikewire.live.session import Session
from strikewire.live.session_bars import SessionBars
from strikewire.observability.health import Dependency, Health
from strikewire.observability.logs import get_logger
from strikewire.observability.metrics import Metrics, build_metrics
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

#: What can be heard.
HearRequest: TypeAlias = ReplayRequest | SimulationRequest | LiveRequest

_log: Final = get_logger("bootstrap")
_WATCH: Final = "database watch"
_RULES: Final = "market rules"
_IDENTITY: Final = "identity"
_IDEMPOTENCY: Final = "idempotency keys"


@asynccontextmanager
async def build_runtime(
    settings: Settings, *, hear: HearRequest | None = None
) -> AsyncIterator[Runtime]:
    """Build everything a server needs, and close it in reverse order on leaving.

    A database that cannot be reached is no error: the runtime is degraded, says so, and takes the
    database up by itself once it is there. Only a market cannot be heard without it.

    Parameters
    ----------
    hear : what is heard; None: nothing.

    Raises
    ------
    DataDirectoryBusyError, EmbeddedServerError : the embedded server did not start.
    MigrationError : the database is there, and its schema cannot be brought up to date.
    DependencyError : it is not there, and something is to be heard.
    FileLayoutError, InvalidInputError, JournalError : what is to be heard is no good.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        market_clock = MarketClock(clock=make_market_clock(settings, hear))
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
        redis = Redis.connect(settings.to_relay(), stack)
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
        run_id, figures, heard = uuid.uuid4().hex, StreamFigures(), LastHeard()
        bar_streams = BarStreams(
            config=BarStreamsConfig(),
            run_id=run_id,
            find_calendar=rules.calendar,
            find_instrument=directory.get,
            figures=figures,
        )
        board = ChainBoard(config=settings.to_chain_board(), metrics=metrics)
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
        paper, m2m = (
            build_paper(
                settings,
                PaperTools(database=database, rules=rules, metrics=metrics),
                mode=_find_mode(hear),
            ),
            build_m2m(M2mTools(database, rules.calendar, clock, run_id, figures)),
        )
        desk = build_desk(
            settings,
            DeskTools(database, clock, rules, m2m.desk, OrderSite(directory, run_id, figures)),
        )
        hearing = await _prepare(
            settings,
            hear,
            broker,
            HearingTools(
                replay=ReplayTools(
                    database=database,
                    rules=rules.current,
                    find_calendar=rules.calendar,
                    metrics=metrics,
                ),
                pages=pages,
                sinks=(bar_streams, heard, board, paper.broker, m2m.engine),
                heard=heard,
                board=board,
                market_clock=market_clock,
                supervisor=supervisor,
            ),
        )
        session, broker_session = (
            (None, None) if hearing is None else (hearing.session, hearing.broker)
        )
        view, recorder = (None, None) if session is None else (session.engine, session.recorder)
        live_board = None if session is None else board
        filling = BackfillTools(
            database=database,
            rest=None if broker is None else broker.rest,
            find_calendar=rules.calendar,
            clock=market_clock,
            readers=Readers(pages, bar_streams, m2m.keeper.on_corrected),
            readiness=Readiness(
                is_ready=lambda: watch.is_connected and watch.is_schema_ready,
                is_busy=lambda: recorder is not None and is_behind(recorder.pending_bars),
            ),
        )
        backfills = start_backfill(settings, filling, supervisor, metrics)
        _reconcile(settings, filling, hearing, supervisor, metrics)
        health = Health(
            clock=clock,
            version=__version__,
            dependencies=[
                Dependency("db", watch.check),
                redis.to_dependency(),
                to_dependency(hearing),
            ],
            tasks=supervisor.reports,
            caches=lambda: describe_caches(pages, directory),
            is_schema_ready=lambda: watch.is_schema_ready,
        )
        history = BarHistory(
            pages=pages,
            load_bars=reader.load_bars,
            find_calendar=rules.calendar,
            open_bars=NoOpenBars() if session is None else _make_open_bars(session),
            clock=market_clock,
        )
        _bind_bars(bar_streams, rules, session, history)
        market = MarketBoard(
            config=MarketBoardConfig(),
            clock=market_clock,
            heard=None if hearing is None else hearing.market,
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
                board=live_board,
                view=view,
                find_pending=list if session is None else _name_pending(session),
            ),
        )
        quotes = QuoteBoard(history=chains.charts, view=view, find_calendar=rules.calendar)
        strategies = build_strategies(chains, on_change=desk.m2m.wake)
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
            quotes=quotes,
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
                    orders=desk.order_streams,
                    figures=figures,
                    strategies=m2m.streams,
                    is_feeding=hearing is not None,
                ),
                redis,
                supervisor,
            ),
            bar_streams=bar_streams,
            market=market,
            strategies=strategies,
            desk=desk,
            costs=build_order_costs(strategies.market, quotes, rules),
            chains=live_board,
            view=view,
            replay=None if hearing is None else hearing.replay,
            broker_session=broker_session,
            budget=None if broker_session is None else broker_session.slots.budget,
            broker_login=None if broker is None else broker.login,
        )
        bind_desk(runtime, paper.desk)
        show_server_metrics(metrics, runtime, supervisor, watch)
        if hearing is not None:
            _look_after(hearing, runtime, supervisor, paper)
            await start_hearing(
                await _start_desk(paper, m2m, hearing, supervisor, runtime), supervisor, stack
            )
        # Now that a session has its journal: one that is begun anew is nobody else's then.
        start_journal_keeper(settings, database, watch, supervisor, metrics)
        yield runtime


async def _prepare(
    settings: Settings,
    hear: HearRequest | None,
    broker: BrokerParts | None,
    tools: HearingTools,
) -> Hearing | None:
    """Prepare what is to be heard; None: nothing is."""
    if hear is None:
        return None
    if not isinstance(hear, LiveRequest):
        hearing = await prepare_played(settings, hear, tools)
    elif broker is None:
        msg = "STRIKEWIRE_KITE_API_KEY and STRIKEWIRE_KITE_API_SECRET: the feed kite needs them"
        raise SettingsError(msg)
    else:
        hearing = await prepare_live(settings, broker, tools)
    start_board(hearing, tools)
    return hearing


async def _start_desk(
    paper: PaperParts,
    m2m: M2mParts,
    hearing: Hearing,
    supervisor: Supervisor,
    runtime: Runtime,
) -> Hearing:
    """Have orders filled and strategies marked by what is heard; return that."""
    paper.broker.listen(m2m.engine)
    hearing = await start_paper(paper, hearing, supervisor)
    return await start_m2m(m2m, hearing, supervisor, runtime)


def _find_mode(hear: HearRequest | None) -> MarketMode:
    if hear is None:
        return MarketMode.NONE
    if isinstance(hear, LiveRequest):
        return MarketMode.LIVE
    return MarketMode.REPLAY if isinstance(hear, ReplayRequest) else MarketMode.SIMULATED


def _look_after(hearing: Hearing, runtime: Runtime, tasks: Supervisor, paper: PaperParts) -> None:
    """Show how something is heard; of the broker have slots given once it is."""
    show_session_metrics(runtime.metrics, hearing.session)
    if hearing.broker is not None:
        show_feed_metrics(runtime.metrics, hearing.broker.feed)
        start_slots(
            hearing.broker.slots, runtime.hub, runtime.metrics, tasks,
            positions=(runtime.desk.m2m, paper.broker),
        )  # fmt: skip


def _reconcile(
    settings: Settings,
    filling: BackfillTools,
    hearing: Hearing | None,
    supervisor: Supervisor,
    metrics: Metrics,
) -> None:
    """Compare what is heard of a broker with its candles."""
    if hearing is not None and hearing.broker is not None:
        start_reconciliation(settings, filling, hearing.session.engine, supervisor, metrics)


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


def _bind_bars(
    streams: BarStreams, rules: RuleBook, session: Session | None, history: BarHistory
) -> None:
    """Have streams know the bars, and changed rules taken over: by the engine, and then by them."""
    streams.bind(history=history, view=None if session is None else session.engine)
    if session is not None:
        rules.listen(session.reload_calendars)
    rules.listen(streams.reload_calendars)


def _name_pending(session: Session) -> Callable[[], list[ChainMinute]]:
    return lambda: session.recorder.pending_minutes


def _make_open_bars(session: Session) -> SessionBars:
    return SessionBars(view=session.engine, recorder=session.recorder)
