"""A step of the paper broker: what waiting orders cost when some instruments move.

3,000 instruments with books; each step brings new books of 100 of them, to which no order comes.
First orders wait in all instruments alike, so that a step matches one of thirty. Then a hundred
wait where the steps are, and more and more of them elsewhere. Processor time of one thread.

The other side asks every order in turn whether its instrument was touched, and matches those.

Goal: what waits elsewhere costs nothing: 100,000 orders at most 1.5 times none.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from datetime import date
from typing import Final

import numpy as np

from benchmarks.pairs import PAIRS, Comparison, format_peak_memory
from strikewire.core.instants import parse_rfc3339
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import Pips
from strikewire.core.orders import (
    AccountId,
    Order,
    OrderId,
    OrderProgress,
    OrderTerms,
    OrderType,
    Product,
    Side,
    Validity,
)
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch
from strikewire.desk.brokers.matching import Book, Level, Market, Slippage, Standing, match
from strikewire.desk.brokers.paper import PaperBroker, PaperConfig
from strikewire.desk.brokers.paper_market import PaperMarket
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.engine.view import Update
from strikewire.reference.market_rules import MarketRules, load_packaged_rules

INSTRUMENTS: Final = 3_000
TOUCHED: Final = 100
SIZES: Final = (0, 1_000, 10_000, 100_000)
GOAL: Final = 1.5
STEPS: Final = 20
DAY: Final = date(2026, 3, 2)
OPEN_NS: Final = parse_rfc3339("2026-03-02T10:00:00+05:30")
_RULES: Final = MarketRules(load_packaged_rules(), through=DAY)


def make_instrument(number: int) -> Instrument:
    """Return an invented future."""
    spec = InstrumentSpec("NFO", f"STOCK{number}FUT", InstrumentKind.FUTURE, underlying="STOCK")
    return Instrument(InstrumentId(number), spec)


class Site:
    """A broker in a market that moves a hundred instruments at a time.

    Parameters
    ----------
    near : orders that wait where the steps are.
    far : orders that wait elsewhere.
    """

    def __init__(self, *, near: int, far: int) -> None:
        self._engine = Engine(config=EngineConfig(), find_calendar=_RULES.calendar)
        instruments = [make_instrument(number) for number in range(1, INSTRUMENTS + 1)]
        self._engine.register(instruments)
        market = PaperMarket(book_max_age_s=60.0, find_calendar=_RULES.calendar)
        market.bind(self._engine)
        self.broker = PaperBroker(
            config=PaperConfig(), market=market, charge=lambda *_: {}, report=lambda _: None
        )
        self._seq = 0
        self._tell(np.arange(1, INSTRUMENTS + 1))
        touched, others = instruments[:TOUCHED], instruments[TOUCHED:]
        self._wanted = [touched[number % TOUCHED] for number in range(near)]
        self._wanted += [others[number % len(others)] for number in range(far)]
        self.terms = [make_terms(each.id) for each in self._wanted]
        asyncio.run(self._place())

    async def _place(self) -> None:
        for number, (terms, instrument) in enumerate(
            zip(self.terms, self._wanted, strict=True), start=1
        ):
            order = Order(
                id=OrderId(number), account_id=AccountId(1), strategy_id=None, basket_id=None,
                terms=terms, tag="", mode="live", trading_day=DAY, progress=OrderProgress(),
                broker_order_id=None, wish=None, placed_by="", placed_ns=0, updated_ns=0,
            )  # fmt: skip
            await self.broker.place(order, instrument)

    def step(self) -> Update:
        """Have the engine make a step; nobody is told of it."""
        return self._tell(np.arange(1, TOUCHED + 1))

    def _tell(self, ids: np.ndarray) -> Update:
        ticks, depth = np.zeros(len(ids), TICK_DTYPE), np.zeros(len(ids), DEPTH_DTYPE)
        ticks["instrument_id"], ticks["ltp"], ticks["oi"] = ids, 100.0, np.nan
        ticks["ts_event_ns"] = OPEN_NS + self._seq
        ticks["volume"], ticks["seq"] = np.nan, np.arange(1, len(ids) + 1) + self._seq
        for level in range(5):
            depth["bid_price"][:, level] = 99.95 - 0.05 * level
            depth["ask_price"][:, level] = 100.05 + 0.05 * level
        depth["bid_quantity"] = depth["ask_quantity"] = 100
        self._seq += len(ids)
        return self._engine.apply(TickBatch(ticks, depth))

    def match_one_by_one(self, update: Update) -> None:
        """Do what a loop over all orders does."""
        touched = set(update.dirty.tolist())
        book = Book(
            tuple(Level(Pips(999_500 - 500 * level), 100) for level in range(5)),
            tuple(Level(Pips(1_000_500 + 500 * level), 100) for level in range(5)),
        )
        market = Market(Pips(1_000_000), book, Pips(500))
        standing = Standing(open_quantity=50, is_triggered=True, is_resting=True)
        for terms in self.terms:
            if terms.instrument_id in touched:
                match(terms, standing, market, Slippage())


def make_terms(instrument_id: InstrumentId) -> OrderTerms:
    """Return a buyer's that no book here comes to."""
    return OrderTerms(
        instrument_id, Side.BUY, OrderType.LIMIT, Product.NRML, Validity.DAY, 50, Pips(900_000)
    )


def measure(site: Site) -> float:
    """Return the processor seconds of one step."""
    total_s = 0.0
    for _ in range(STEPS):
        update = site.step()
        started_s = time.process_time()
        site.broker.on_update(update)
        total_s += time.process_time() - started_s
    return total_s / STEPS


def measure_loop(site: Site) -> float:
    """Return the processor seconds of one step of a loop over all orders."""
    update = site.step()
    started_s = time.process_time()
    site.match_one_by_one(update)
    return time.process_time() - started_s


def main() -> int:
    """Measure; say whether the goal is reached."""
    for count in SIZES:
        near = count * TOUCHED // INSTRUMENTS
        site = Site(near=near, far=count - near)
        comparison = Comparison([], [])
        for _ in range(PAIRS):
            comparison.ours_s.append(measure(site))
            comparison.theirs_s.append(measure_loop(site))
        seconds = statistics.median(comparison.ours_s)
        line = f"{count:,} orders, {near:,} of them touched: {seconds * 1e6:.0f} us a step"
        print(f"{line}; {comparison.describe('a loop over all')}" if near else line)
    alone, crowded = Site(near=TOUCHED, far=0), Site(near=TOUCHED, far=SIZES[-1])
    growth = Comparison([], [])
    for _ in range(PAIRS):
        growth.ours_s.append(measure(alone))
        growth.theirs_s.append(measure(crowded))
    print(growth.describe(f"{TOUCHED} touched, {SIZES[-1]:,} elsewhere against none"))
    print(format_peak_memory())
    reached = statistics.median(growth.ratios) < GOAL
    print("goal reached" if reached else f"goal missed: {GOAL} times were wanted")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
