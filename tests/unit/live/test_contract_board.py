"""The futures of an underlying as they are heard: without a question to anybody."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from strikewire.core.clock import ManualClock
from strikewire.core.errors import DependencyError
from strikewire.core.instants import MINUTE_NS
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.engine.chains.reader import SessionBefore
from strikewire.live.chain_board import ChainBoard, ChainBoardConfig
from strikewire.live.chain_contracts import ChainContracts, ChainContractsConfig
from strikewire.live.chain_history import ChainHistory
from strikewire.live.contract_board import ContractBoard
from strikewire.live.contract_directory import (
    ContractDirectory,
    ContractDirectoryConfig,
    UnderlyingKey,
)
from strikewire.observability.metrics import build_metrics
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook
from strikewire.store.contracts import ContractStore
from strikewire.store.database import Database, DatabaseConfig
from tests.unit.engine.chain_desk import DAY, FUTURE, INDEX, Desk, S, list_instruments
from tests.unit.engine.conftest import CALENDAR, OPEN_1

NIFTY = UnderlyingKey("NFO", "NIFTY")
FAR, ENDLESS = 5, 6


@pytest.fixture
def desk() -> Desk:
    """Return a desk with a future of later, and one without an end."""
    terms = {"kind": InstrumentKind.FUTURE, "underlying": "NIFTY"}
    found = Desk()
    instruments = [
        *list_instruments(),
        Instrument(
            InstrumentId(FAR),
            InstrumentSpec("NFO", "NIFTY23JANFUT", expiry=date(2023, 1, 26), **terms),
        ),
        Instrument(InstrumentId(ENDLESS), InstrumentSpec("NFO", "NIFTY-I", **terms)),
    ]
    found.engine.register(instruments)
    found.reader.register(instruments)
    return found


def make_board(desk: Desk) -> tuple[ChainBoard, ContractBoard]:
    """Return a board of contracts whose database answers nobody."""
    database = Database(DatabaseConfig(url="postgresql://nobody@127.0.0.1:1/none"))
    clock = ManualClock(OPEN_1)
    chains = ChainBoard(config=ChainBoardConfig(), metrics=build_metrics(version="test"))
    chains.bind(desk.reader)
    return chains, ContractBoard(
        contracts=ContractDirectory(
            config=ContractDirectoryConfig(),
            database=database,
            store=ContractStore(),
            rules=RuleBook(MarketRules(load_packaged_rules(), through=DAY)),
            clock=clock,
        ),
        history=ChainHistory(
            database=database,
            contracts=ChainContracts(config=ChainContractsConfig(), clock=clock),
            board=chains,
            find_pending=list,
            find_calendar=lambda _venue: CALENDAR,
            clock=clock,
        ),
        board=chains,
        view=desk.engine,
    )


async def test_futures_that_are_heard_are_in_memory(desk: Desk) -> None:
    board, contracts = make_board(desk)
    desk.reader.seed(
        SessionBefore(np.array([FUTURE], np.int32), np.array([18_000.0]), np.array([4_000.0]))
    )
    at_ns = OPEN_1 + S
    desk.tell(
        (INDEX, at_ns, 18_050.0, math.nan, math.nan),
        (FUTURE, at_ns, 18_100.0, 75.0, 4_075.0),
        (ENDLESS, at_ns, 18_110.0, 75.0, 4_075.0),
    )
    assert desk.update is not None
    board.on_update(desk.update)

    ladder = await contracts.find_ladder(NIFTY, as_of_ns=None)

    assert ladder is not None
    assert [each.spec.tradingsymbol for each in ladder.instruments] == [
        "NIFTY22DECFUT", "NIFTY23JANFUT", "NIFTY-I",
    ]  # fmt: skip
    assert (ladder.spot, ladder.spot_symbol) == (18_050.0, "NSE:NIFTY 50")
    assert len(ladder.cutoffs_ns) == 2
    np.testing.assert_array_equal(ladder.prices, [18_100.0, math.nan, 18_110.0])
    np.testing.assert_array_equal(ladder.changes, [100.0, math.nan, math.nan])
    np.testing.assert_array_equal(ladder.oi_changes, [75.0, math.nan, math.nan])


async def test_future_that_is_over_is_left_out(desk: Desk) -> None:
    board, contracts = make_board(desk)
    (cutoff_ns,) = desk.reader.layout.cutoffs_ns.tolist()
    desk.tell((FUTURE, cutoff_ns - MINUTE_NS, 18_100.0, 75.0, 4_075.0))
    desk.tell((FAR, cutoff_ns, 18_200.0, 75.0, 4_075.0))
    assert desk.update is not None
    board.on_update(desk.update)

    ladder = await contracts.get_ladder(NIFTY, as_of_ns=None)

    assert [each.id for each in ladder.instruments] == [FAR, ENDLESS]


async def test_what_is_not_heard_is_asked_for_in_the_store(desk: Desk) -> None:
    board, contracts = make_board(desk)
    for key in (NIFTY, UnderlyingKey("NFO", "ACC")):
        with pytest.raises(DependencyError):
            await contracts.find_ladder(key, as_of_ns=None)
        desk.tell((FUTURE, OPEN_1 + S, 18_100.0, 75.0, 4_075.0))
        assert desk.update is not None
        board.on_update(desk.update)
    with pytest.raises(DependencyError):
        await contracts.find_ladder(NIFTY, as_of_ns=OPEN_1)
