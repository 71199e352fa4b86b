"""Filling what was not heard: put together from the broker, the store and those who show bars."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from strikewire.bootstrap.broker import open_broker
from strikewire.bootstrap.stores import load_rules, make_audit_trail, open_database
from strikewire.core.clock import Clock, SystemClock
from strikewire.core.errors import BrokerTokenError
from strikewire.engine.engine import Engine
from strikewire.feeds.kite.rest import KiteRest
from strikewire.live.backfill import Backfill, BackfillConfig, Readiness
from strikewire.live.backfill_desk import BackfillDesk
from strikewire.live.backfill_jobs import BackfillJobs
from strikewire.live.bar_differences import VERDICTS
from strikewire.live.broker_candles import BrokerCandles
from strikewire.live.corrections import Corrections, Readers
from strikewire.live.reconciliation import Reconciliation
from strikewire.observability import metrics as catalogue
from strikewire.observability.metrics import Metrics
from strikewire.reference.sessions import SessionCalendar
from strikewire.resilience.failpoints import Failpoints
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.store.bars import BarStore
from strikewire.store.database import Database
from strikewire.store.gaps import GapState
from strikewire.store.instruments import InstrumentStore

_BACKFILL: Final = "backfill"
_RECONCILIATION: Final = "reconciliation"
#: A minute of nine thousand instruments, which the recorder has in the store within a second.
_BUSY_BARS: Final = 10_000


@dataclass(frozen=True, slots=True)
class BackfillTools:
    """What a backfill is put together from.

    Parameters
    ----------
    rest : asks the broker; None where no broker is set.
    clock : the market's time.
    readers : who shows bars in this program; None: nobody.
    readiness : when what takes long may work.
    """

    database: Database
    rest: KiteRest | None
    find_calendar: Callable[[str], SessionCalendar]
    clock: Clock
    readers: Readers | None = None
    readiness: Readiness = field(default_factory=Readiness)


@dataclass(frozen=True, slots=True)
class BackfillCommand:
    """What a command fills with.

    Parameters
    ----------
    backfill : works when it is told to, and not by itself.
    now_ns : returns the time.
    """

    database: Database
    desk: BackfillDesk
    backfill: Backfill
    now_ns: Callable[[], int]


def start_backfill(
    settings: Settings,
    tools: BackfillTools,
    supervisor: Supervisor,
    metrics: Metrics,
) -> BackfillDesk:
    """Begin to fill what is missing, if there is somebody to be asked; return who takes requests.

    Any number of programs may do so: one of them at a time does.
    """
    if tools.rest is not None:
        backfill = _make_backfill(settings, tools, tools.rest)
        supervisor.start(_BACKFILL, backfill.run)
        _show_metrics(metrics, backfill)
    return make_desk(settings, tools)


@asynccontextmanager
async def open_backfill(settings: Settings) -> AsyncIterator[BackfillCommand]:
    """Open what `strikewire backfill` needs, beside a server that may be running.

    Raises
    ------
    SettingsError : no broker is set.
    BrokerTokenError : nobody is logged in with it.
    DependencyError, DataDirectoryBusyError, EmbeddedServerError, MigrationError : `open_database`.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, is_shared=True))
        rules = await load_rules(database)
        broker = await open_broker(settings, database, stack, lambda: rules)
        if broker.login.find_token() is None:
            msg = "nobody is logged in with the broker: strikewire login kite"
            raise BrokerTokenError(msg)
        tools = BackfillTools(
            database=database, rest=broker.rest, find_calendar=rules.calendar, clock=SystemClock()
        )
        yield BackfillCommand(
            database=database,
            desk=make_desk(settings, tools),
            backfill=_make_backfill(settings, tools, broker.rest),
            now_ns=tools.clock.now_ns,
        )


def start_reconciliation(
    settings: Settings,
    tools: BackfillTools,
    engine: Engine,
    supervisor: Supervisor,
    metrics: Metrics,
) -> None:
    """Begin to compare what the broker's socket told with its candles, unless nobody wants it."""
    if tools.rest is None or not settings.reconcile_instruments:
        return
    reconciliation = Reconciliation(
        config=settings.to_reconciliation(),
        database=tools.database,
        engine=engine,
        source=_make_source(tools, tools.rest),
        corrections=make_corrections(tools),
        readiness=tools.readiness,
    )
    supervisor.start(_RECONCILIATION, reconciliation.run)
    metrics.sample(
        catalogue.RECONCILED_MINUTES,
        lambda: [((verdict,), reconciliation.counts[verdict]) for verdict in VERDICTS],
    )


def make_desk(settings: Settings, tools: BackfillTools) -> BackfillDesk:
    """Return who takes requests and answers questions."""
    return BackfillDesk(
        database=tools.database,
        jobs=None if tools.rest is None else _make_jobs(settings, tools),
        trail=make_audit_trail(tools.database),
        clock=tools.clock,
    )


def _make_backfill(settings: Settings, tools: BackfillTools, rest: KiteRest) -> Backfill:
    return Backfill(
        config=BackfillConfig(
            worker=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
            lease_s=settings.backfill_lease_s,
            failpoints=Failpoints(settings.failpoint),
        ),
        database=tools.database,
        jobs=_make_jobs(settings, tools),
        source=_make_source(tools, rest),
        corrections=make_corrections(tools),
        readiness=tools.readiness,
    )


def _make_source(tools: BackfillTools, rest: KiteRest) -> BrokerCandles:
    return BrokerCandles(rest=rest, database=tools.database, instruments=InstrumentStore())


def make_corrections(tools: BackfillTools) -> Corrections:
    """Return what writes candles over bars."""
    return Corrections(bars=BarStore(), find_calendar=tools.find_calendar, readers=tools.readers)


def is_behind(pending_bars: int) -> bool:
    """Say whether so many bars of ticks wait for the store that nobody else should."""
    return pending_bars > _BUSY_BARS


def _make_jobs(settings: Settings, tools: BackfillTools) -> BackfillJobs:
    return BackfillJobs(
        find_calendar=tools.find_calendar,
        settle_s=settings.backfill_settle_s,
        retry_s=settings.backfill_retry_s,
    )


def _show_metrics(metrics: Metrics, backfill: Backfill) -> None:
    figures = backfill.figures
    metrics.sample(
        catalogue.BACKFILL_ITEMS,
        lambda: [((outcome,), count) for outcome, count in figures.items.items()],
    )
    metrics.sample_value(catalogue.BACKFILL_BARS, lambda: figures.bars)
    metrics.sample(
        catalogue.GAPS,
        lambda: [((state.value,), backfill.gaps.counts.get(state, 0)) for state in GapState],
    )
    metrics.sample_value(catalogue.GAP_OPEN_SINCE, lambda: (backfill.gaps.open_since_ns or 0) / 1e9)
