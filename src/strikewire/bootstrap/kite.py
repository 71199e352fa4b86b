"""The broker's market, live: its feed, its session, and who is heard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import numpy as np

from strikewire.bootstrap.broker import BrokerParts
from strikewire.bootstrap.files import make_recordings
from strikewire.bootstrap.hearing import Hearing, HearingTools, find_session_task
from strikewire.bootstrap.journals import finish_abandoned
from strikewire.bootstrap.slots import make_slots
from strikewire.core.clock import Clock, ShiftedClock, SystemClock
from strikewire.core.errors import ConflictError
from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import Instrument
from strikewire.engine.warm import compile_kernels
from strikewire.feeds.kite import warm
from strikewire.feeds.kite.feed import KiteFeed, KiteFeedTools
from strikewire.feeds.kite.listing import make_listing
from strikewire.live.broker_session import BrokerSession, BrokerSessionTools
from strikewire.live.broker_universe import BrokerUniverseLoader
from strikewire.live.instrument_refresh import InstrumentRefresh
from strikewire.live.live_market import LiveMarket
from strikewire.live.session import Session
from strikewire.live.session_bars import PageInvalidator
from strikewire.reference.trading_days import TradingDay, find_trading_day
from strikewire.settings import Settings
from strikewire.store.instruments import InstrumentStore
from strikewire.store.listings import ListingStore

_FEED: Final = "feed"
_TOKENS: Final = "kite:token"


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """The broker's market, by the settings."""


def make_market_clock(settings: Settings, hear: object) -> Clock:
    """Return the time where something is heard: the machine's, unless a broker's market is played.

    Parameters
    ----------
    hear : what is heard.
    """
    offset_ns = int(settings.kite_clock_offset_s * SECOND_NS)
    if not (isinstance(hear, LiveRequest) and offset_ns):
        return SystemClock()
    return ShiftedClock(SystemClock(), offset_ns=offset_ns)


async def prepare_live(settings: Settings, broker: BrokerParts, tools: HearingTools) -> Hearing:
    """Prepare the trading day that is on, or else the next one.

    Raises
    ------
    UnknownVenueError, NotFoundError : something trades where there are no market rules.
    JournalError : the day's journal is no good.
    DependencyError : the store is away.
    """
    await asyncio.to_thread(compile_kernels)
    await asyncio.to_thread(warm.compile_kernels)
    clock, rng = tools.market_clock, np.random.default_rng()
    find_calendar = tools.replay.find_calendar
    config, wanted = settings.to_kite_feed(), settings.to_broker_universe()
    exchanges = wanted.list_exchanges()

    def find_day(after_ns: int = 0) -> TradingDay:
        calendars = [find_calendar(venue) for venue in exchanges]
        now_ns = max(clock.now_ns(), after_ns)
        return find_trading_day(calendars, now_ns, after_ns=config.tail_ns)

    invalidator = PageInvalidator(pages=tools.pages, venues={}, find_calendar=find_calendar)

    def take_up(instruments: list[Instrument]) -> None:
        invalidator.replace({int(each.id): each.spec.exchange for each in instruments})

    day = find_day()
    feed = KiteFeed(
        config,
        day=day,
        listing=make_listing(()),
        tools=KiteFeedTools(
            find_token=broker.login.find_token,
            refuse_token=broker.login.refuse,
            find_calendar=find_calendar,
            clock=clock,
            rng=rng,
        ),
    )
    recordings = make_recordings(settings, tools.replay)
    await finish_abandoned(settings, recordings, tools.replay, before=day.day)

    async def open_day(day: TradingDay) -> Session:
        feed.begin(day)
        return await recordings.open(feed, on_committed=invalidator.on_committed, sinks=tools.sinks)

    try:
        session = await open_day(day)
    except ConflictError:
        # The market's rules were changed: the day ended earlier than they say now.
        day = find_day(feed.ends_ns)
        session = await open_day(day)
    instruments = InstrumentStore()
    following = BrokerSession(
        feed=feed,
        session=session,
        day=day,
        tools=BrokerSessionTools(
            universes=BrokerUniverseLoader(
                config=wanted,
                database=tools.replay.database,
                instruments=instruments,
                listings=ListingStore(source=_TOKENS, instruments=instruments),
            ),
            refresh=InstrumentRefresh(
                rest=broker.rest,
                exchanges=exchanges,
                database=tools.replay.database,
                instruments=instruments,
            ),
            recordings=recordings,
            find_day=find_day,
            find_token=broker.login.find_token,
            on_universe=take_up,
            slots=make_slots(
                settings,
                feed=feed,
                rest=broker.rest,
                view=session.engine,
                find_calendar=find_calendar,
                clock=clock,
            ),
            clock=clock,
            rng=rng,
        ),
    )
    tools.supervisor.start(_FEED, feed.run)

    async def run() -> bool:
        await following.run()
        # There is always another day.
        return False

    return Hearing(
        session=session,
        market=LiveMarket(
            feed=feed,
            view=session.engine,
            heard=tools.heard,
            find_task=find_session_task(tools.supervisor),
        ),
        resume=following.resume,
        run=run,
        stop=following.stop,
        broker=following,
    )
