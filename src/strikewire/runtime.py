"""What is running: the one thing request handlers depend on."""

from __future__ import annotations

from dataclasses import dataclass

from strikewire.auth.api_keys import ApiKeys
from strikewire.auth.audit import AuditTrail
from strikewire.auth.credential_watch import CredentialWatch
from strikewire.auth.identity import Identity
from strikewire.auth.people import People
from strikewire.auth.stream_tickets import StreamTickets
from strikewire.core.clock import Clock
from strikewire.desk.account_books import AccountBooks
from strikewire.desk.accounts import TradingAccounts
from strikewire.desk.costs import OrderCosts
from strikewire.desk.kill_switch import KillSwitch
from strikewire.desk.ledgers import Ledgers
from strikewire.desk.m2m.desk import M2mDesk
from strikewire.desk.order_market import OrderMarket
from strikewire.desk.order_placing import OrderPlacing
from strikewire.desk.order_streams import OrderStreams
from strikewire.desk.order_tools import OrderBell
from strikewire.desk.orders import Orders
from strikewire.desk.profits import Profits
from strikewire.desk.strategies import StrategyDesk
from strikewire.desk.strategy_documents import StrategyDocuments
from strikewire.desk.takeovers import Takeovers
from strikewire.engine.view import EngineView
from strikewire.feeds.replay import ReplayFeed
from strikewire.live.backfill_desk import BackfillDesk
from strikewire.live.bar_streams import BarStreams
from strikewire.live.broker_login import BrokerLogin
from strikewire.live.broker_session import BrokerSession
from strikewire.live.budget import Budget
from strikewire.live.chain_board import ChainBoard
from strikewire.live.chain_history import ChainHistory
from strikewire.live.charts import Charts
from strikewire.live.contract_board import ContractBoard
from strikewire.live.contract_directory import ContractDirectory
from strikewire.live.coverage import CoverageReader
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.history import BarHistory
from strikewire.live.idempotency import Idempotency
from strikewire.live.market_rules import RuleOverrides
from strikewire.live.market_status import MarketBoard
from strikewire.live.quotes import QuoteBoard
from strikewire.live.settlements import Settlements
from strikewire.live.strategy_market import StrategyMarket
from strikewire.live.strategy_templates import TemplateBuilder
from strikewire.observability.health import Health
from strikewire.observability.metrics import Metrics
from strikewire.reference.rule_book import RuleBook
from strikewire.store.database import Database
from strikewire.stream.hub import Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategies:
    """What answers for baskets of contracts: ones that somebody thinks of, and ones that are kept.

    Parameters
    ----------
    market : prices legs.
    settlements : what contracts that are over were worth.
    templates : builds named strategies out of chains.
    desk : keeps strategies.
    ledgers : and what was bought and sold in them.
    takeovers : writes what accounts hold into them.
    profits : what they made.
    documents : writes them out, and reads them back.
    """

    market: StrategyMarket
    settlements: Settlements
    templates: TemplateBuilder
    desk: StrategyDesk
    ledgers: Ledgers
    takeovers: Takeovers
    profits: Profits
    documents: StrategyDocuments


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What trades.

    Parameters
    ----------
    accounts : everybody's, with a broker or on paper.
    kill_switch : halts them.
    books : what they hold and made.
    m2m : what strategies are worth, and were.
    placing : places orders on them.
    orders : those that are placed.
    order_streams : tells what becomes of them.
    order_market : what orders know of the market.
    order_bell : wakes the order desk of this program.
    """

    accounts: TradingAccounts
    kill_switch: KillSwitch
    books: AccountBooks
    m2m: M2mDesk
    placing: OrderPlacing
    orders: Orders
    order_streams: OrderStreams
    order_market: OrderMarket
    order_bell: OrderBell


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The parts of one program, put together by `bootstrap.build_runtime`.

    A test that wants another part makes a copy with `dataclasses.replace` and builds the
    application on that.

    Parameters
    ----------
    clock : the machine's time.
    market_clock : the market's time: the replay's while one runs, else the machine's.
    identity : who may be asking.
    people : who has an account, and what can be done about it.
    keys : everybody's API keys.
    tickets : what opens a socket once.
    credential_watch : asks whether the credentials of open sockets still hold.
    hub : finds the topics that sockets listen to.
    rules : the market rules in force.
    rule_overrides : changes them.
    audit : writes the audit log, and looks things up in it.
    idempotency : does a thing once, however often it is asked for.
    contracts : underlyings and their expiries.
    contract_board : futures, and the books of contracts.
    backfills : what is missing, and what is done about it.
    bar_streams : snapshots and changes of bars, for sockets.
    charts : whatever has bars, computed things too.
    chain_history : chains now, and at any recorded minute.
    market : what is heard, and whether it moves.
    strategies : prices and builds baskets of contracts.
    desk : accounts and what is done on them.
    costs : what orders would be charged, and what they and accounts need.
    chains : live chains; None when nobody hears ticks.
    view : None when nobody hears ticks.
    replay : None when no replay runs.
    broker_login : None when the broker's key is not set.
    broker_session : None when the broker is not heard.
    """

    version: str
    clock: Clock
    market_clock: Clock
    identity: Identity
    people: People
    keys: ApiKeys
    tickets: StreamTickets
    credential_watch: CredentialWatch
    metrics: Metrics
    health: Health
    database: Database
    rules: RuleBook
    rule_overrides: RuleOverrides
    audit: AuditTrail
    idempotency: Idempotency
    instruments: InstrumentDirectory
    contracts: ContractDirectory
    contract_board: ContractBoard
    charts: Charts
    history: BarHistory
    quotes: QuoteBoard
    coverage: CoverageReader
    backfills: BackfillDesk
    chain_history: ChainHistory
    hub: Hub
    bar_streams: BarStreams
    market: MarketBoard
    strategies: Strategies
    desk: Desk
    costs: OrderCosts
    chains: ChainBoard | None = None
    view: EngineView | None = None
    replay: ReplayFeed | None = None
    budget: Budget | None = None
    broker_login: BrokerLogin | None = None
    broker_session: BrokerSession | None = None
