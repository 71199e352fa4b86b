"""Chains: live ones and recorded ones, and all that is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from strikewire.core.clock import Clock
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.view import EngineView
from strikewire.live.calc_history import CalcHistory
from strikewire.live.calc_streams import CalcStreams
from strikewire.live.chain_board import ChainBoard
from strikewire.live.chain_contracts import ChainContracts, ChainContractsConfig
from strikewire.live.chain_history import ChainHistory
from strikewire.live.chain_streams import ChainStreams, ChainStreamsConfig
from strikewire.live.charts import Charts
from strikewire.live.contract_board import ContractBoard
from strikewire.live.contract_directory import ContractDirectory, ContractDirectoryConfig
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.history import BarHistory
from strikewire.live.market_clock import MarketClock
from strikewire.live.monitor_streams import (
    MonitorReader,
    MonitorStreams,
    MonitorStreamsConfig,
)
from strikewire.reference.rule_book import RuleBook
from strikewire.settings import Settings
from strikewire.store.contracts import ContractStore
from strikewire.store.database import Database
from strikewire.stream.figures import StreamFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTools:
    """What chains are put together from.

    Parameters
    ----------
    clock : the machine's.
    run_id : names this run of the program.
    board : live chains; None: nothing is heard.
    view : of the engine that hears; None likewise.
    find_pending : returns the minutes that are on their way to the store.
    """

    database: Database
    rules: RuleBook
    instruments: InstrumentDirectory
    bars: BarHistory
    clock: Clock
    market_clock: MarketClock
    run_id: str
    figures: StreamFigures
    board: ChainBoard | None
    view: EngineView | None
    find_pending: Callable[[], list[ChainMinute]]


@dataclass(frozen=True, slots=True)
class ChainParts:
    """Everything that knows of chains, and what charts make of them.

    Parameters
    ----------
    tools : what it was put together from.
    """

    tools: ChainTools
    contracts: ContractDirectory
    history: ChainHistory
    contract_board: ContractBoard
    charts: Charts
    streams: ChainStreams
    calc_streams: CalcStreams
    monitor_streams: MonitorStreams


def build_chains(settings: Settings, tools: ChainTools) -> ChainParts:
    """Put chains together; nothing is started."""
    find_calendar, board = tools.rules.calendar, tools.board
    ttl_s = settings.to_directory().ttl_s
    history = ChainHistory(
        database=tools.database,
        contracts=ChainContracts(config=ChainContractsConfig(ttl_s=ttl_s), clock=tools.clock),
        board=board,
        find_pending=tools.find_pending,
        find_calendar=find_calendar,
        clock=tools.market_clock,
    )
    contracts = ContractDirectory(
        config=ContractDirectoryConfig(ttl_s=ttl_s),
        database=tools.database,
        store=ContractStore(),
        rules=tools.rules,
        clock=tools.clock,
    )
    contract_board = ContractBoard(
        contracts=contracts, history=history, board=board, view=tools.view
    )
    calc = CalcHistory(
        contracts=contracts,
        chains=history,
        board=board,
        find_calendar=find_calendar,
        clock=tools.market_clock,
    )
    return ChainParts(
        tools=tools,
        contracts=contracts,
        history=history,
        contract_board=contract_board,
        charts=Charts(instruments=tools.instruments, history=tools.bars, calc=calc),
        streams=ChainStreams(
            config=ChainStreamsConfig(),
            run_id=tools.run_id,
            contracts=contracts,
            history=history,
            board=board,
            figures=tools.figures,
        ),
        calc_streams=CalcStreams(
            run_id=tools.run_id,
            calc=calc,
            board=board,
            find_calendar=find_calendar,
            figures=tools.figures,
        ),
        monitor_streams=MonitorStreams(
            config=MonitorStreamsConfig(),
            reader=MonitorReader(
                contracts=contracts,
                contract_board=contract_board,
                history=history,
                clock=tools.market_clock,
            ),
            run_id=tools.run_id,
            board=board,
            figures=tools.figures,
        ),
    )
