"""Computed symbols on one database: the metrics that were recorded, and who reads them."""

from __future__ import annotations

import numpy as np

from strikewire.core.chain_rows import DEPTH_MINUTE_DTYPE, FUTURES_BAR_DTYPE, STRIKE_BAR_DTYPE
from strikewire.core.clock import Clock
from strikewire.live.calc_history import CalcHistory
from strikewire.live.chain_contracts import ChainContracts, ChainContractsConfig
from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_directory import ContractDirectory, ContractDirectoryConfig
from strikewire.reference.rule_book import RuleBook
from strikewire.store.chain_rows import ChainRows
from strikewire.store.contracts import ContractStore
from strikewire.store.database import Database


def make_metrics_only(metrics: np.ndarray) -> ChainRows:
    """Return what is recorded of chains when it is nothing but their figures."""
    nothing = (STRIKE_BAR_DTYPE, FUTURES_BAR_DTYPE, DEPTH_MINUTE_DTYPE)
    strikes, futures, depth = (np.zeros(0, dtype) for dtype in nothing)
    return ChainRows(strikes, metrics, futures, depth)


def make_calc_history(database: Database, rules: RuleBook, clock: Clock) -> CalcHistory:
    """Return what reads computed symbols where nothing is live."""
    return CalcHistory(
        contracts=ContractDirectory(
            config=ContractDirectoryConfig(),
            database=database,
            store=ContractStore(),
            rules=rules,
            clock=clock,
        ),
        chains=ChainHistory(
            database=database,
            contracts=ChainContracts(config=ChainContractsConfig(), clock=clock),
            board=None,
            find_pending=list,
            find_calendar=rules.calendar,
            clock=clock,
        ),
        board=None,
        find_calendar=rules.calendar,
        clock=clock,
    )
