"""What the program hears: a recording, an invented market or the broker, ready to be followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from strikewire.bootstrap.files import (
    Listeners,
    ReplayRequest,
    ReplayTools,
    SimulationRequest,
    prepare_replay,
)
from strikewire.engine.view import UpdateSink
from strikewire.feeds.replay import ReplayFeed
from strikewire.live.broker_session import BrokerSession
from strikewire.live.chain_board import ChainBoard
from strikewire.live.market_clock import MarketClock
from strikewire.live.market_status import HeardMarket, LastHeard, MarketMode, PlayedMarket
from strikewire.live.session import Session
from strikewire.live.session_bars import PageInvalidator
from strikewire.observability.health import Dependency, DependencyState, TaskState
from strikewire.observability.logs import get_logger
from strikewire.resilience.supervisor import Supervisor
from strikewire.settings import Settings
from strikewire.store.pages import PageCache

_log: Final = get_logger("bootstrap")
_SESSION: Final = "session"
_CHAINS: Final = "chain refresh"
# What is not stored by then is in the journal, and is stored at the next start.
_STOP_SESSION_S: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingTools:
    """What something that is heard is put together from.

    Parameters
    ----------
    replay : what a session is made with.
    pages : forgets what a session changes.
    sinks : told of each step of a session.
    heard, board : among them.
    """

    replay: ReplayTools
    pages: PageCache
    sinks: tuple[UpdateSink, ...]
    heard: LastHeard
    board: ChainBoard
    market_clock: MarketClock
    supervisor: Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Something that is heard, and not followed yet.

    Parameters
    ----------
    market : how it is, for whoever asks.
    resume : takes up the recording where it is.
    run : follows it until it ends, or `stop` is called; says whether there is no more of it.
    replay : None unless a replay runs.
    broker : None unless the broker is heard.
    """

    session: Session
    market: HeardMarket
    resume: Callable[[], Awaitable[object]]
    run: Callable[[], Awaitable[bool]]
    stop: Callable[[], Awaitable[None]]
    replay: ReplayFeed | None = None
    broker: BrokerSession | None = None


def find_session_task(supervisor: Supervisor) -> Callable[[], TaskState | None]:
    """Return what says how the task is that follows the feed."""
    return lambda: supervisor.find_state(_SESSION)


async def prepare_played(
    settings: Settings, request: ReplayRequest | SimulationRequest, tools: HearingTools
) -> Hearing:
    """Prepare a recording or an invented market, and show its time from now on.

    Raises
    ------
    FileLayoutError, InvalidInputError, JournalError, DependencyError : as `prepare_replay`.
    """
    find_calendar = tools.replay.find_calendar
    playing = await prepare_replay(
        settings,
        request,
        tools.replay,
        lambda found: Listeners(
            PageInvalidator(
                pages=tools.pages,
                venues={int(each.id): each.spec.exchange for each in found.instruments},
                find_calendar=find_calendar,
            ).on_committed,
            tools.sinks,
        ),
    )
    session = playing.session
    tools.market_clock.follow(playing.feed.clock)
    is_simulated = isinstance(request, SimulationRequest)

    async def run() -> bool:
        is_complete = await session.run()
        # After a replay the market's time is the machine's again. One that fails has not ended: its
        # time stands still.
        tools.market_clock.leave()
        return is_complete

    return Hearing(
        session=session,
        market=PlayedMarket(
            mode=MarketMode.SIMULATED if is_simulated else MarketMode.REPLAY,
            feed=playing.feed,
            view=session.engine,
            heard=tools.heard,
            find_task=find_session_task(tools.supervisor),
        ),
        resume=lambda: session.resume(playing.replayable.instruments),
        run=run,
        stop=session.stop,
        replay=playing.feed,
    )


def to_dependency(hearing: Hearing | None) -> Dependency:
    """Return what health asks of the feed: a broker that is to be heard may be away."""

    async def check() -> DependencyState:
        if hearing is None or hearing.broker is None:
            return DependencyState.DISABLED
        if hearing.broker.feed.status().is_connected:
            return DependencyState.CONNECTED
        return DependencyState.DISCONNECTED

    return Dependency("feed", check, is_required=False)


def start_board(hearing: Hearing, tools: HearingTools) -> None:
    """Have live chains valued as they move."""
    tools.board.bind(hearing.session.chains)
    hearing.session.listen(tools.board)
    tools.supervisor.start(_CHAINS, tools.board.run)


async def start_hearing(hearing: Hearing, supervisor: Supervisor, stack: AsyncExitStack) -> None:
    """Take the recording up where it is, and follow what is heard; `stack` ends it in order."""
    over = asyncio.Event()

    async def follow() -> None:
        try:
            await hearing.run()
        finally:
            over.set()

    async def stop() -> None:
        await hearing.stop()
        try:
            async with asyncio.timeout(_STOP_SESSION_S):
                await over.wait()
        except TimeoutError:
            pending = hearing.session.recorder.pending_bars
            _log.warning("bars are left to the journal", bars=pending)

    await hearing.resume()
    supervisor.start(_SESSION, follow, is_restarted=False)
    stack.push_async_callback(stop)
