"""What answers for strategies, put together."""

from __future__ import annotations

from collections.abc import Callable

from strikewire.bootstrap.chains import ChainParts
from strikewire.bootstrap.stores import make_audit_trail
from strikewire.desk.ledgers import Ledgers
from strikewire.desk.profits import Profits
from strikewire.desk.strategies import StrategyDesk, StrategyStores
from strikewire.desk.strategy_documents import StrategyDocuments
from strikewire.desk.takeovers import Takeovers
from strikewire.live.marks import MarkBoard
from strikewire.live.settlements import Settlements
from strikewire.live.strategy_market import StrategyMarket
from strikewire.live.strategy_templates import TemplateBuilder
from strikewire.reference.market_rules import MarketRules
from strikewire.runtime import Strategies
from strikewire.store.desk_accounts import AccountStore
from strikewire.store.desk_ledgers import LedgerStore, StrategyAlertStore
from strikewire.store.desk_strategies import StrategyStore
from strikewire.store.desk_trades import TradeStore
from strikewire.store.instruments import InstrumentStore


def build_strategies(chains: ChainParts, *, on_change: Callable[[], None]) -> Strategies:
    """Return what prices the legs of strategies, builds named ones, and keeps them.

    Parameters
    ----------
    on_change : called when strategies or their ledgers were changed by this program.
    """
    tools = chains.tools
    market = StrategyMarket(
        instruments=tools.instruments,
        history=chains.history,
        contract_board=chains.contract_board,
        rules=tools.rules,
    )
    settlements = Settlements(
        rules=tools.rules,
        find_instrument=tools.instruments.get,
        load_minutes=tools.bars.load_minutes,
    )
    marks = MarkBoard(
        history=tools.bars,
        view=tools.view,
        settlements=settlements,
        rules=tools.rules,
        clock=tools.market_clock,
    )
    stores = StrategyStores(
        database=tools.database,
        strategies=StrategyStore(),
        ledgers=LedgerStore(),
        alerts=StrategyAlertStore(),
        accounts=AccountStore(),
        instruments=InstrumentStore(),
        trail=make_audit_trail(tools.database),
    )

    def find_rules() -> MarketRules:
        return tools.rules.current

    desk = StrategyDesk(stores=stores, clock=tools.clock, on_change=on_change)
    ledgers = Ledgers(
        stores=stores, clock=tools.market_clock, find_mark=marks.find, find_rules=find_rules
    )
    return Strategies(
        market=market,
        settlements=settlements,
        templates=TemplateBuilder(
            history=chains.history, contract_board=chains.contract_board, market=market
        ),
        desk=desk,
        ledgers=ledgers,
        takeovers=Takeovers(
            stores=stores,
            trades=TradeStore(),
            ledgers=ledgers,
            clock=tools.market_clock,
            find_rules=find_rules,
        ),
        profits=Profits(
            stores=stores, clock=tools.market_clock, find_mark=marks.find, find_rules=find_rules
        ),
        documents=StrategyDocuments(
            stores=stores, desk=desk, ledgers=ledgers, clock=tools.market_clock
        ),
    )
