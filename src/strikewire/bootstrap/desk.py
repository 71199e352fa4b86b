"""What trades, put together."""

from __future__ import annotations

from dataclasses import dataclass

from strikewire.bootstrap.orders import OrderSite, bind_market, build_orders
from strikewire.bootstrap.sealing import make_secret_box
from strikewire.bootstrap.stores import make_audit_trail
from strikewire.core.clock import Clock
from strikewire.desk.account_books import AccountBooks, BookStores
from strikewire.desk.accounts import TradingAccounts
from strikewire.desk.kill_switch import KillSwitch
from strikewire.desk.m2m.desk import M2mDesk
from strikewire.desk.marks import MarketInstant, Marks, MarkSources
from strikewire.desk.order_desk import OrderDesk
from strikewire.reference.rule_book import RuleBook
from strikewire.runtime import Desk, Runtime
from strikewire.settings import Settings
from strikewire.store.database import Database
from strikewire.store.desk_accounts import AccountStore
from strikewire.store.desk_orders import OrderStore
from strikewire.store.desk_trades import TradeStore
from strikewire.store.instruments import InstrumentStore


@dataclass(frozen=True, slots=True)
class DeskTools:
    """What the desk is built with.

    Parameters
    ----------
    clock : the machine's time.
    rules : the market rules in force.
    m2m : of the marking around the market that is to be heard.
    orders : where orders are placed.
    """

    database: Database
    clock: Clock
    rules: RuleBook
    m2m: M2mDesk
    orders: OrderSite


def build_desk(settings: Settings, tools: DeskTools) -> Desk:
    """Return what trades. It is built before a market is heard: some of it listens to that."""
    database, clock = tools.database, tools.clock
    store, trail = AccountStore(), make_audit_trail(database)
    accounts = TradingAccounts(
        settings.to_trading_accounts(),
        database=database,
        store=store,
        box=make_secret_box(settings),
        trail=trail,
        clock=clock,
    )
    books = AccountBooks(
        accounts=accounts,
        stores=BookStores(
            database=database,
            trades=TradeStore(),
            orders=OrderStore(),
            instruments=InstrumentStore(),
        ),
        marks=Marks(rules=tools.rules),
        rules=tools.rules,
    )
    orders = build_orders(settings, database, tools.rules, accounts, books, tools.orders)
    return Desk(
        accounts=accounts,
        kill_switch=KillSwitch(
            database=database,
            accounts=store,
            orders=OrderStore(),
            trail=trail,
            clock=clock,
            wake=orders.bell.ring,
        ),
        books=books,
        m2m=tools.m2m,
        placing=orders.placing,
        orders=orders.orders,
        order_streams=orders.streams,
        order_market=orders.market,
        order_bell=orders.bell,
    )


def bind_desk(runtime: Runtime, order_desk: OrderDesk) -> None:
    """Have the desk know the market that is heard, and what becomes of orders in it."""
    desk = runtime.desk
    bind_market(desk.order_market, runtime.market, runtime.quotes)
    desk.order_bell.bind(order_desk.wake)
    order_desk.listen(desk.order_streams.publish)
    view = runtime.view

    def find_now() -> MarketInstant:
        as_of_ns = None if view is None else view.as_of_ns or None
        return MarketInstant(runtime.market_clock.now_ns(), as_of_ns)

    sources = MarkSources(
        find_now=find_now,
        find_quote=runtime.quotes.find,
        find_settlement=runtime.strategies.settlements.find,
    )
    runtime.desk.books.bind(sources, runtime.costs.margins)
