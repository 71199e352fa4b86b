"""The part of the program that plays a market and fills paper, in a process that may be killed.

Forked from one that has imported everything, so that ten of them cost seconds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date
from math import nan
from pathlib import Path

import numpy as np

from strikewire.core.instants import SECOND_NS, parse_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.core.money import to_pips
from strikewire.core.orders import (
    AccountId,
    MarketMoment,
    Order,
    OrderProgress,
    OrderState,
    OrderTerms,
    OrderType,
    Product,
    Side,
    StrategyId,
    Validity,
)
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch, TickFlag
from strikewire.desk.brokers.paper import PaperBroker, PaperConfig
from strikewire.desk.brokers.paper_market import PaperMarket
from strikewire.desk.order_desk import DeskStores, OrderDesk, OrderDeskConfig
from strikewire.feeds.replay import MAX_SPEED, ReplayFeed
from strikewire.feeds.tick_source import TickSource, make_tick_source
from strikewire.live.recorder import RecorderConfig
from strikewire.live.recordings import RecordingConfig, Recordings
from strikewire.live.session import Session, SessionConfig
from strikewire.observability.metrics import build_metrics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.resilience.failpoints import Failpoints
from strikewire.store.database import Database, DatabaseConfig
from strikewire.store.desk_orders import NewOrder, OrderStep, OrderStore
from strikewire.store.instruments import InstrumentStore

DAY = date(2022, 12, 30)
OPEN = parse_rfc3339(f"{DAY}T09:15:00+05:30")
RULES = MarketRules(load_packaged_rules(), through=DAY)
TICKS = 1_200


@dataclass(frozen=True)
class Run:
    """What a program is to do.

    Attributes
    ----------
    failpoint : where it dies; empty: it plays to the end.
    speed : of the market.
    """

    database_url: str
    folder: Path
    instrument_id: int
    failpoint: str = ""
    speed: float = MAX_SPEED


@dataclass(frozen=True)
class Paper:
    """A session, and who fills paper in it."""

    session: Session
    desk: OrderDesk
    broker: PaperBroker


def make_source(instrument_id: int) -> TickSource:
    """Return a price that wanders, a tick every two seconds, two of three with a thin book."""
    rng = np.random.default_rng(5)
    ticks, depth = np.zeros(TICKS, TICK_DTYPE), np.zeros(TICKS, DEPTH_DTYPE)
    ticks["instrument_id"] = instrument_id
    ticks["ts_event_ns"] = ticks["ts_recv_ns"] = OPEN + np.arange(TICKS) * 2 * SECOND_NS
    ticks["ltp"] = 100 + 0.05 * np.cumsum(rng.integers(-3, 4, TICKS))
    ticks["volume"] = 10.0 * np.arange(TICKS)
    ticks["oi"] = ticks["average_price"] = nan
    ticks["flags"] = np.where(np.arange(TICKS) % 3 == 2, TickFlag.BOOKLESS, 0)
    for level in range(5):
        away = 0.05 * (level + 1)
        depth["bid_price"][:, level] = ticks["ltp"] - away
        depth["ask_price"][:, level] = ticks["ltp"] + away
        for side in ("bid", "ask"):
            depth[f"{side}_quantity"][:, level] = rng.integers(1, 30, TICKS)
    return make_tick_source(
        TickBatch(ticks, depth), session_key="wandering", description="a wandering price"
    )


def make_terms(instrument: Instrument, number: int) -> OrderTerms:
    """Return one of many kinds of terms, nearer to the money or farther from it."""
    rng = np.random.default_rng(number)
    side = Side.BUY if rng.integers(2) else Side.SELL
    kind = OrderType.LIMIT if rng.integers(3) else OrderType.SL_M
    # Limits wait on their own side of the price, stops on the other.
    away = float(rng.integers(1, 60)) * 0.05 * side.sign
    return OrderTerms(
        instrument_id=instrument.id,
        side=side,
        type=kind,
        product=Product.NRML,
        validity=Validity.DAY,
        quantity=int(rng.integers(1, 60)),
        price=to_pips(round(100 - away, 2)) if kind is OrderType.LIMIT else None,
        trigger=to_pips(round(100 + away, 2)) if kind is OrderType.SL_M else None,
        protection_bps=500 if kind is OrderType.SL_M else None,
    )


async def place_taken(
    database: Database,
    instrument: Instrument,
    account_id: AccountId,
    strategy_id: StrategyId,
    *,
    count: int,
) -> list[Order]:
    """Store orders as they are when the broker has taken them, at the market's first tick."""
    store, taken = OrderStore(), MarketMoment(OPEN, 1)
    async with database.write() as session:
        placed = await store.insert(
            session,
            [
                NewOrder(
                    account_id=account_id,
                    terms=make_terms(instrument, number),
                    tag=f"A{account_id}N{number}",
                    mode="replay",
                    trading_day=DAY,
                    placed_by="user:1",
                    strategy_id=strategy_id,
                )
                for number in range(count)
            ],
        )
        steps = [
            OrderStep(
                replace(
                    order,
                    progress=OrderProgress(
                        OrderState.TRIGGER_PENDING if order.terms.trigger else OrderState.OPEN,
                        accepted=taken,
                        matched=taken,
                        revision=2,
                    ),
                )
            )
            for order in placed
        ]
        await store.save(session, steps)
    return [step.order for step in steps]


async def open_paper(
    database: Database, folder: Path, feed: ReplayFeed, failpoint: str = ""
) -> Paper:
    """Open a session with a paper broker in it; nothing is loaded, resumed or run."""
    failpoints, metrics = Failpoints(failpoint), build_metrics(version="test")
    desk = OrderDesk(
        config=OrderDeskConfig(failpoints=failpoints, poll_s=0.02, retry_s=0.02),
        mode="replay",
        stores=DeskStores(database),
        metrics=metrics,
    )
    market = PaperMarket(book_max_age_s=60.0, find_calendar=RULES.calendar)
    broker = PaperBroker(
        config=PaperConfig(failpoints=failpoints),
        market=market,
        charge=lambda _instrument, trade, _at_ns: {"brokerage": trade.quantity},
        report=desk.report,
    )
    recordings = Recordings(
        config=RecordingConfig(
            journal_root=folder,
            recorder=RecorderConfig(flush_interval_s=0.02),
            session=SessionConfig(journal_flush_s=0.02, failpoints=failpoints),
        ),
        database=database,
        find_calendar=RULES.calendar,
        metrics=metrics,
    )
    session = await recordings.open(feed, on_committed=lambda _: None, sinks=[broker])
    market.bind(session.engine)
    desk.bind(broker, flush_journal=session.flush_journal)
    session.recorder.settle_with(desk)
    return Paper(session, desk, broker)


def run(order: Run) -> None:
    """Play the market until the failpoint, or its end."""
    asyncio.run(_run(order))


async def _run(order: Run) -> None:
    database = Database(DatabaseConfig(order.database_url))
    await database.open()
    feed = ReplayFeed(make_source(order.instrument_id), speed=order.speed)
    paper = await open_paper(database, order.folder, feed, order.failpoint)
    await paper.desk.load()
    committing = asyncio.create_task(paper.desk.run())
    async with database.read() as session:
        instruments = await InstrumentStore().get_by_ids(session, [order.instrument_id])
    await paper.session.resume(instruments)
    paper.desk.open()
    assert await paper.session.run()
    paper.broker.end("the recording is over")
    await paper.desk.settle()()
    committing.cancel()
    await asyncio.gather(committing, return_exceptions=True)
    await database.aclose()
