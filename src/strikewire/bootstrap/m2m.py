"""Marking strategies to market, put together around a market that is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from strikewire.bootstrap.hearing import Hearing
from strikewire.core.clock import Clock
from strikewire.desk.m2m.desk import M2mDesk
from strikewire.desk.m2m.engine import M2mEngine
from strikewire.desk.m2m.keeper import M2mKeeper, M2mKeeperConfig
from strikewire.desk.m2m.recorder import M2mRecorder, M2mRecorderConfig
from strikewire.desk.m2m.streams import StrategyStreams, StrategyStreamsConfig
from strikewire.desk.m2m.warm import compile_kernels
from strikewire.observability import m2m_metrics as catalogue
from strikewire.reference.sessions import SessionCalendar
from strikewire.resilience.supervisor import Supervisor
from strikewire.runtime import Runtime
from strikewire.store.database import Database
from strikewire.stream.figures import StreamFigures

_LEDGERS: Final = "strategy ledgers"
_CANDLES: Final = "M2M recorder"
_STREAMS: Final = "strategy streams"


@dataclass(frozen=True, slots=True)
class M2mTools:
    """What the marking is built with.

    Parameters
    ----------
    clock : the machine's time.
    run_id : names this run of the program.
    """

    database: Database
    find_calendar: Callable[[str], SessionCalendar]
    clock: Clock
    run_id: str
    figures: StreamFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class M2mParts:
    """The marking of strategies.

    Parameters
    ----------
    engine : a sink of the session, behind whoever fills orders.
    desk : what is asked of it.
    """

    engine: M2mEngine
    keeper: M2mKeeper
    streams: StrategyStreams
    desk: M2mDesk
    database: Database


def build_m2m(tools: M2mTools) -> M2mParts:
    """Put it together, before there is a session that tells it of steps."""
    engine = M2mEngine(find_calendar=tools.find_calendar)
    keeper = M2mKeeper(
        config=M2mKeeperConfig(),
        engine=engine,
        database=tools.database,
        find_calendar=tools.find_calendar,
        clock=tools.clock,
    )
    streams = StrategyStreams(
        config=StrategyStreamsConfig(),
        run_id=tools.run_id,
        engine=engine,
        find_strategies=lambda: keeper.strategies,
        figures=tools.figures,
    )
    desk = M2mDesk(database=tools.database, engine=engine, keeper=keeper, streams=streams)
    return M2mParts(
        engine=engine, keeper=keeper, streams=streams, desk=desk, database=tools.database
    )


async def start_m2m(
    parts: M2mParts, hearing: Hearing, supervisor: Supervisor, runtime: Runtime
) -> Hearing:
    """Load ledgers and state; return what is heard, whose recording is resumed behind that.

    Raises
    ------
    DependencyError : the store is away.
    """
    session, engine = hearing.session, parts.engine
    engine.bind(view=session.engine, find_closed=lambda: session.engine.closed_until_ns)
    recorder = M2mRecorder(
        config=M2mRecorderConfig(),
        engine=engine,
        database=parts.database,
        find_key=lambda: session.feed.session_key,
        on_alerts=parts.streams.on_alerts,
    )
    parts.keeper.bind(
        load_bars=runtime.history.load_minutes,
        find_settlement=runtime.strategies.settlements.find,
        flush=recorder.flush,
    )
    engine.listen(recorder)
    engine.listen(parts.streams)
    session.listen(engine)
    session.recorder.settle_with(recorder)
    await asyncio.to_thread(compile_kernels)
    await parts.keeper.load(session.feed.session_key, session.feed.first_ns)
    metrics = runtime.metrics
    metrics.sample_value(catalogue.M2M_STRATEGIES, lambda: len(parts.keeper.strategies))
    metrics.sample_value(catalogue.M2M_CANDLES, lambda: recorder.stored)
    metrics.sample_value(catalogue.M2M_PENDING, lambda: recorder.pending)
    metrics.sample_value(catalogue.M2M_WRITE, lambda: recorder.write_s)
    metrics.sample_value(catalogue.M2M_ALERTS, lambda: recorder.alert_count)

    async def resume() -> None:
        await hearing.resume()
        # From here on: an entry that is read meanwhile is no later than what is resumed.
        supervisor.start(_LEDGERS, parts.keeper.run)

    supervisor.start(_CANDLES, recorder.run)
    supervisor.start(_STREAMS, parts.streams.run)
    return replace(hearing, resume=resume)
