"""Orders, put together: what places and shows them, and what tells of them."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Final

from strikewire.bootstrap.stores import make_audit_trail
from strikewire.core.instants import parse_rfc3339
from strikewire.core.instruments import Instrument
from strikewire.core.money import Pips, to_pips
from strikewire.desk.account_books import AccountBooks
from strikewire.desk.accounts import TradingAccounts
from strikewire.desk.order_gate import OrderGate
from strikewire.desk.order_market import MarketNow, OrderMarket
from strikewire.desk.order_placing import OrderPlacing
from strikewire.desk.order_streams import OrderStreams, OrderStreamsConfig
from strikewire.desk.order_tools import OrderBell, OrderTools
from strikewire.desk.order_views import OrderReader
from strikewire.desk.orders import Orders
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.market_status import MarketBoard, MarketMode, MarketState
from strikewire.live.quotes import QuoteBoard
from strikewire.reference.rule_book import RuleBook
from strikewire.settings import Settings
from strikewire.store.database import Database
from strikewire.store.desk_order_figures import OrderFigures
from strikewire.store.desk_orders import OrderStore
from strikewire.store.desk_strategies import StrategyStore
from strikewire.store.instruments import InstrumentStore
from strikewire.stream.figures import StreamFigures

_NOTHING_TRADES: Final = frozenset({MarketState.ENDED, MarketState.NONE})


@dataclass(frozen=True, slots=True)
class OrderSite:
    """Where orders are placed, and told of.

    Parameters
    ----------
    run_id : names this run of the program.
    """

    instruments: InstrumentDirectory
    run_id: str
    figures: StreamFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderParts:
    """What there is of orders.

    Parameters
    ----------
    bell : wakes the order desk.
    market : has to be bound.
    """

    placing: OrderPlacing
    orders: Orders
    streams: OrderStreams
    bell: OrderBell
    market: OrderMarket


def build_orders(
    settings: Settings,
    database: Database,
    rules: RuleBook,
    accounts: TradingAccounts,
    books: AccountBooks,
    site: OrderSite,
) -> OrderParts:
    """Return what places, shows and tells of orders."""
    store, bell = OrderStore(), OrderBell()
    market = OrderMarket(rules=rules, find_instrument=site.instruments.get)
    reader = OrderReader(orders=store, instruments=InstrumentStore(), rules=rules)
    tools = OrderTools(
        database=database,
        store=store,
        strategies=StrategyStore(),
        reader=reader,
        trail=make_audit_trail(database),
        bell=bell,
    )
    gate = OrderGate(
        settings.to_order_checks(),
        accounts=accounts,
        market=market,
        store=store,
        figures=OrderFigures(),
        books=books,
    )
    return OrderParts(
        placing=OrderPlacing(tools=tools, gate=gate, draw=secrets.randbelow),
        orders=Orders(tools=tools, gate=gate),
        streams=OrderStreams(
            config=OrderStreamsConfig(),
            run_id=site.run_id,
            database=database,
            reader=reader,
            figures=site.figures,
        ),
        bell=bell,
        market=market,
    )


def bind_market(market: OrderMarket, board: MarketBoard, quotes: QuoteBoard) -> None:
    """Have orders know the market that is heard, here or by another program."""

    def find_now() -> MarketNow | None:
        status = board.describe_snapshot()
        if status["mode"] == MarketMode.NONE or status["state"] in _NOTHING_TRADES:
            return None
        return MarketNow(status["mode"], parse_rfc3339(status["now"]))

    async def find_last(instrument: Instrument) -> Pips | None:
        quote = await quotes.find(instrument)
        return None if quote is None or math.isnan(quote.last) else to_pips(quote.last)

    market.bind(find_now=find_now, find_last=find_last)
