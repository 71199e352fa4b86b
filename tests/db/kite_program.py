"""The part of the program that hears the broker, in a process that may be killed.

Forked from one that has imported everything, so that twenty of them cost seconds.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from strikewire.core.clock import Clock, ShiftedClock, SystemClock
from strikewire.core.instants import parse_rfc3339
from strikewire.feeds.kite.access_tokens import AccessToken
from strikewire.feeds.kite.feed import KiteFeed, KiteFeedConfig, KiteFeedTools
from strikewire.feeds.kite.listing import make_listing
from strikewire.feeds.kite.socket import KiteSocketConfig
from strikewire.feeds.kite.sockets import KiteSocketsConfig
from strikewire.live.broker_session import BrokerSession, BrokerSessionTools
from strikewire.live.broker_slots import BrokerSlots
from strikewire.live.broker_universe import BrokerUniverseConfig, BrokerUniverseLoader
from strikewire.live.budget import Budget, BudgetConfig
from strikewire.live.instrument_refresh import InstrumentRefresh
from strikewire.live.quote_rounds import QuoteRounds
from strikewire.live.recorder import RecorderConfig
from strikewire.live.recordings import RecordingConfig, Recordings
from strikewire.live.session import SessionConfig
from strikewire.observability.metrics import build_metrics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.trading_days import find_trading_day
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.database import Database, DatabaseConfig
from strikewire.store.instruments import InstrumentStore
from strikewire.store.listings import ListingStore
from tests.fakebroker import API_KEY

DAY = date(2026, 11, 16)
RULES = MarketRules(load_packaged_rules(), through=date(2026, 12, 31))
UNDERLYINGS = ("NIFTY",)


@dataclass(frozen=True)
class Order:
    """What a program is to do.

    Attributes
    ----------
    now_ns : the market's time when it begins.
    failpoint : where it dies; empty: it ends with the day.
    """

    database_url: str
    folder: Path
    socket_url: str
    access_token: str
    now_ns: int
    failpoint: str


def run(order: Order) -> None:
    """Hear the broker until the failpoint, or the day's end."""
    asyncio.run(_run(order))


async def _run(order: Order) -> None:
    clock = ShiftedClock(SystemClock(), offset_ns=order.now_ns - time.time_ns())
    database = Database(DatabaseConfig(order.database_url))
    await database.open()
    following = await open_day(order, database, clock)
    hearing = asyncio.gather(following.feed.run(), following.slots.budget.run())
    await following.resume()
    await following.session.run()
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await database.aclose()


async def open_day(order: Order, database: Database, clock: Clock) -> BrokerSession:
    """Open the session of the fake broker's first day; nothing is resumed or run."""
    calendars = [RULES.calendar("NFO")]
    day = find_trading_day(calendars, parse_rfc3339(f"{DAY}T12:00:00+05:30"))
    token = AccessToken(API_KEY, order.access_token, "AB1234", 0, 2**62)
    rng = np.random.default_rng(1)
    config = KiteFeedConfig(
        sockets=KiteSocketsConfig(socket=KiteSocketConfig(url=order.socket_url))
    )
    feed = KiteFeed(
        config,
        day=day,
        listing=make_listing(()),
        tools=KiteFeedTools(
            find_token=lambda: token,
            refuse_token=lambda _: None,
            find_calendar=RULES.calendar,
            clock=clock,
            rng=rng,
        ),
    )
    recordings = Recordings(
        config=RecordingConfig(
            journal_root=order.folder,
            recorder=RecorderConfig(flush_interval_s=0.02),
            session=SessionConfig(journal_flush_s=0.02, failpoints=Failpoints(order.failpoint)),
        ),
        database=database,
        find_calendar=RULES.calendar,
        metrics=build_metrics(version="test"),
    )
    session = await recordings.open(feed, on_committed=lambda _: None)
    instruments = InstrumentStore()
    wanted = BrokerUniverseConfig(underlyings=UNDERLYINGS, symbols=())
    budget = Budget(config=BudgetConfig(slots=9_000, quotes=0), view=session.engine)
    rounds = QuoteRounds(
        find_quoted=lambda: budget.quoted_ids, source=None, is_open=lambda _: False
    )
    slots = BrokerSlots(wanted=wanted, feed=feed, budget=budget, rounds=rounds)
    slots.bind(list_heard=tuple)
    return BrokerSession(
        feed=feed,
        session=session,
        day=day,
        tools=BrokerSessionTools(
            universes=BrokerUniverseLoader(
                config=wanted,
                database=database,
                instruments=instruments,
                listings=ListingStore(source="kite:token", instruments=instruments),
            ),
            refresh=InstrumentRefresh(
                rest=None, exchanges=(), database=database, instruments=instruments
            ),
            recordings=recordings,
            find_day=lambda: find_trading_day(calendars, clock.now_ns(), after_ns=config.tail_ns),
            find_token=lambda: None,
            on_universe=lambda _: None,
            slots=slots,
            clock=clock,
            rng=rng,
        ),
    )
