"""What answers for strategies, put together."""

from __future__ import annotations

from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_board import ContractBoard
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.strategy_market import StrategyMarket
from strikewire.live.strategy_templates import TemplateBuilder
from strikewire.reference.rule_book import RuleBook
from strikewire.runtime import Strategies


def build_strategies(
    instruments: InstrumentDirectory,
    history: ChainHistory,
    contract_board: ContractBoard,
    rules: RuleBook,
) -> Strategies:
    """Return what prices the legs of strategies, and what builds named ones."""
    market = StrategyMarket(
        instruments=instruments, history=history, contract_board=contract_board, rules=rules
    )
    builder = TemplateBuilder(history=history, contract_board=contract_board, market=market)
    return Strategies(market=market, templates=builder)
