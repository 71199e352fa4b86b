"""A paper broker over an engine that is stepped by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import date
from math import nan
from zoneinfo import ZoneInfo

import numpy as np

from strikewire.core.errors import NotFoundError
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import to_pips
from strikewire.core.orders import (
    AccountId,
    Cancellation,
    Modification,
    Order,
    OrderId,
    OrderProgress,
    OrderTerms,
    OrderType,
    Product,
    Side,
    StrategyId,
    Validity,
)
from strikewire.core.ticks import DEPTH_DTYPE, TICK_DTYPE, TickBatch, TickFlag
from strikewire.core.trades import AccountTrade
from strikewire.desk.brokers.paper import PaperBroker, PaperConfig
from strikewire.desk.brokers.paper_market import PaperMarket
from strikewire.desk.order_progress import advance
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.reference.sessions import SessionCalendar

DAY = 19_356 * DAY_NS  # 2022-12-30
OPEN = DAY + 225 * MINUTE_NS  # 09:15 in Mumbai
CLOSE = OPEN + 375 * MINUTE_NS
CALENDAR = SessionCalendar(
    venue="NFO",
    zone=ZoneInfo("Asia/Kolkata"),
    days_ns=np.array([DAY, DAY + DAY_NS]),
    opens_ns=np.array([OPEN, OPEN + DAY_NS]),
    closes_ns=np.array([CLOSE, CLOSE + DAY_NS]),
)


def make_instrument(number, *, kind=InstrumentKind.FUTURE, expiry=None):
    spec = InstrumentSpec("NFO", f"TEST{number}", kind, expiry=expiry, tick_size=0.05)
    return Instrument(InstrumentId(number), spec)


def charge_ten(instrument, trade, _at_ns):
    """Charge an order ten paise, with its first fill."""
    if instrument.spec.tradingsymbol == "TEST9":
        msg = "no rule says what TEST9 is charged"
        raise NotFoundError(msg)
    return {"brokerage": 0 if trade.turnover_before else 10}


class Entries(list):
    def on_fill(self, entry):
        self.append(entry)


@dataclass
class PaperDesk:
    """What a broker reports is kept, with the orders as they stand by it."""

    config: PaperConfig = field(default_factory=PaperConfig)
    instruments: int = 3

    def __post_init__(self):
        self.engine = Engine(config=EngineConfig(), find_calendar=lambda _venue: CALENDAR)
        self.engine.register(make_instrument(n) for n in range(1, self.instruments + 1))
        self.reports, self.entries, self.orders = [], Entries(), {}
        market = PaperMarket(
            book_max_age_s=self.config.book_max_age_s, find_calendar=lambda _venue: CALENDAR
        )
        market.bind(self.engine)
        self.broker = PaperBroker(
            config=self.config,
            market=market,
            charge=charge_ten,
            report=self.take,
        )
        self.broker.listen(self.entries)
        self.seq = 0

    def take(self, report):
        self.reports.append(report)
        order = self.orders[report.update.order_id]
        progress = advance(order.progress, report.update) or order.progress
        self.orders[order.id] = replace(order, progress=progress, terms=report.terms or order.terms)

    def recall(self):
        """Have the broker know of every fill that was reported before."""
        for order in self.orders.values():
            terms = order.terms
            trades = [
                AccountTrade(
                    order.id, new.fill.number, terms.instrument_id, terms.product, terms.side,
                    new.fill.quantity, new.fill.price, new.fill.moment, new.fill.charges, 0,
                )
                for new in self.list_fills(order.id)
            ]  # fmt: skip
            self.broker.recall(order.account_id, trades)

    # -- the market -----------------------------------------------------------------------------

    def step(self, last=nan, *, at=0.0, number=1, bids=(), asks=(), is_bookless=None):
        """Have one tick heard, so many seconds behind the open; without a book if none is given."""
        self.seq += 1
        ticks = np.zeros(1, TICK_DTYPE)
        ticks["instrument_id"], ticks["seq"], ticks["ltp"] = number, self.seq, last
        ticks["ts_event_ns"] = ticks["ts_recv_ns"] = OPEN + int(at * SECOND_NS)
        ticks["oi"] = ticks["volume"] = ticks["average_price"] = nan
        has_book = bool(bids or asks)
        if not has_book and is_bookless is not False:
            ticks["flags"] = TickFlag.BOOKLESS
        depth = np.zeros(1, DEPTH_DTYPE)
        for name, side in (("bid", bids), ("ask", asks)):
            for level, (price, quantity) in enumerate(side):
                depth[f"{name}_price"][0, level] = price
                depth[f"{name}_quantity"][0, level] = quantity
        self.apply(TickBatch(ticks, depth))

    def apply(self, batch):
        update = self.engine.apply(batch)
        self.broker.on_update(update)

    def pass_time(self, at):
        self.broker.on_update(self.engine.advance(OPEN + int(at * SECOND_NS)))

    def go_back(self):
        """Seek to before the first tick."""
        self.engine.reset()
        self.seq = 0

    # -- orders ---------------------------------------------------------------------------------

    def place(
        self,
        kind=OrderType.MARKET,
        side=Side.BUY,
        quantity=100,
        *,
        price=None,
        trigger=None,
        validity=Validity.DAY,
        account=1,
        strategy=None,
        instrument=None,
    ):
        instrument = instrument or make_instrument(1)
        order = Order(
            id=OrderId(len(self.orders) + 1),
            account_id=AccountId(account),
            strategy_id=None if strategy is None else StrategyId(strategy),
            basket_id=None,
            terms=OrderTerms(
                instrument_id=instrument.id,
                side=side,
                type=kind,
                product=Product.NRML,
                validity=validity,
                quantity=quantity,
                price=None if price is None else to_pips(float(price)),
                trigger=None if trigger is None else to_pips(float(trigger)),
                protection_bps=500 if kind.has_protection else None,
            ),
            tag=f"T{len(self.orders)}",
            mode="replay",
            trading_day=date(2022, 12, 30),
            progress=OrderProgress(),
            broker_order_id=None,
            wish=None,
            placed_by="somebody",
            placed_ns=0,
            updated_ns=0,
        )
        self.orders[order.id] = order
        asyncio.run(self.broker.place(order, instrument))
        return order.id

    def offer(self, order_id, instrument=None):
        asyncio.run(self.broker.place(self.orders[order_id], instrument or make_instrument(1)))

    def modify(self, order_id, quantity=100, *, price=None, trigger=None):
        wanted = Modification(
            quantity,
            None if price is None else to_pips(float(price)),
            None if trigger is None else to_pips(float(trigger)),
        )
        asyncio.run(self.broker.modify(self.orders[order_id], wanted))
        return wanted

    def cancel(self, order_id, reason="by somebody"):
        asyncio.run(self.broker.cancel(self.orders[order_id], Cancellation(reason)))

    # -- what became of them --------------------------------------------------------------------

    def state(self, order_id):
        return self.orders[order_id].progress.state

    def filled(self, order_id):
        return self.orders[order_id].progress.filled_quantity

    def list_fills(self, order_id):
        """Return an order's fills so far."""
        return [
            new for report in self.reports for new in report.fills if new.fill.order_id == order_id
        ]

    def fills(self, order_id):
        """Return price in rupees and units of each of them."""
        return [(new.fill.price / 10_000, new.fill.quantity) for new in self.list_fills(order_id)]

    def reason(self, order_id):
        return self.orders[order_id].progress.reason
