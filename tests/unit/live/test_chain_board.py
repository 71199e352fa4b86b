"""Who is told of live chains, and when."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from datetime import date

import numpy as np
import pytest

from strikewire.core.instants import MINUTE_NS
from strikewire.engine.chains.layout import ChainKey
from strikewire.engine.chains.records import ChainMinute
from strikewire.engine.chains.table import ChainTable
from strikewire.live.chain_board import ChainBoard, ChainBoardConfig
from strikewire.observability.metrics import build_metrics
from tests.eventually import eventually
from tests.unit.engine.chain_desk import CALL, INDEX, KEY, PUT, Desk, S, Told
from tests.unit.engine.conftest import OPEN_1

OTHER = ChainKey("NFO", "ACC", date(2022, 12, 31))


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.tables: list[ChainTable] = []
        self.minutes: list[ChainMinute] = []
        self.restarts = 0

    def on_chains(self, table: ChainTable) -> None:
        self.tables.append(table)

    def on_minute(self, minute: ChainMinute) -> None:
        self.minutes.append(minute)

    def on_restart(self) -> None:
        self.restarts += 1


class Watched(Desk):
    """A desk whose board is told of each step, in a session's order."""

    def __init__(self, interval_s: float = 0.0) -> None:
        super().__init__()
        self.board = ChainBoard(
            config=ChainBoardConfig(interval_s=interval_s), metrics=build_metrics(version="test")
        )
        self.board.bind(self.reader)
        self.listener = Listener()
        self.board.listen(self.listener)

    def hear(self, *told: Told) -> None:
        minutes = self.tell(*told)
        assert self.update is not None
        self.board.on_update(self.update)
        for minute in minutes:
            self.board.on_minute(minute)


@contextlib.asynccontextmanager
async def running(board: ChainBoard) -> AsyncIterator[None]:
    task = asyncio.create_task(board.run(), name="board")
    try:
        yield
    finally:
        task.cancel()


@pytest.fixture
def desk() -> Watched:
    return Watched()


def quote(number: int, second: int, price: float) -> Told:
    return number, OPEN_1 + second * S, price, 10.0, 4_000.0


def test_chain_is_valued_again_only_after_a_step(desk: Watched) -> None:
    assert desk.board.find(KEY) is None, "nothing was heard yet"
    desk.hear(quote(CALL, 1, 100.0))

    first = desk.board.find(KEY)
    again = desk.board.find(KEY)
    desk.hear(quote(CALL, 2, 105.0))
    later = desk.board.find(KEY)

    assert first is not None
    assert later is not None
    assert again is first
    assert (first.calls.ltps[0], later.calls.ltps[0]) == (100.0, 105.0)
    assert desk.board.find(OTHER) is None


def test_several_are_valued_together_and_strangers_left_out(desk: Watched) -> None:
    desk.hear(quote(CALL, 1, 100.0))

    table = desk.board.compute([OTHER, KEY])

    assert table is not None
    assert table.layout.keys == (KEY,)
    assert desk.board.compute([KEY]) is table
    assert desk.board.compute([OTHER]) is None


async def test_wanted_chain_is_told_when_something_of_it_moved(desk: Watched) -> None:
    desk.board.want(KEY)
    async with running(desk.board):
        desk.hear(quote(CALL, 1, 100.0))
        await eventually(lambda: len(desk.listener.tables) == 1)
        # The spot is what it hangs on.
        desk.hear((INDEX, OPEN_1 + 2 * S, 18_000.0, math.nan, math.nan))
        await eventually(lambda: len(desk.listener.tables) == 2)

    assert desk.listener.tables[1].layout.keys == (KEY,)
    assert desk.listener.tables[1].expiries.spots.tolist() == [18_000.0]


async def test_what_was_valued_for_listeners_is_not_valued_again(desk: Watched) -> None:
    desk.board.want(KEY)
    async with running(desk.board):
        desk.hear(quote(CALL, 1, 100.0))
        await eventually(lambda: len(desk.listener.tables) == 1)
    told = desk.listener.tables[0]

    found = desk.board.find(KEY)
    desk.hear(quote(CALL, 2, 101.0))
    later = desk.board.find(KEY)

    assert found is not None
    assert later is not None
    assert np.shares_memory(found.calls.vols, told.calls.vols)
    assert not np.shares_memory(later.calls.vols, told.calls.vols)


async def test_what_moves_within_an_interval_is_told_once() -> None:
    desk = Watched(interval_s=3_600.0)
    desk.board.want(KEY)
    async with running(desk.board):
        desk.hear(quote(CALL, 1, 100.0))
        desk.hear(quote(PUT, 2, 90.0))
        await eventually(lambda: len(desk.listener.tables) == 1)
        for second in range(3, 9):
            desk.hear(quote(CALL, second, 100.0 + second))
            await asyncio.sleep(0)

    (table,) = desk.listener.tables
    assert (table.calls.ltps[0], table.puts.ltps[0]) == (100.0, 90.0)


async def test_chain_that_nobody_wants_any_more_is_not_valued(desk: Watched) -> None:
    desk.board.want(KEY)
    desk.board.want(KEY)
    desk.board.release(KEY)
    assert desk.board.wanted_count == 1
    async with running(desk.board):
        desk.hear(quote(CALL, 1, 100.0))
        await eventually(lambda: len(desk.listener.tables) == 1)
        desk.board.release(KEY)
        desk.hear(quote(CALL, 2, 101.0))
        desk.board.want(OTHER)
        desk.hear(quote(CALL, 3, 102.0))
        await asyncio.sleep(0)
        desk.board.want(KEY)
        desk.hear(quote(CALL, 4, 103.0))
        await eventually(lambda: len(desk.listener.tables) > 1)

    assert [each.calls.ltps[0] for each in desk.listener.tables] == [100.0, 103.0]


async def test_minutes_are_passed_on_and_a_market_that_goes_backwards_is_told(
    desk: Watched,
) -> None:
    desk.hear(quote(CALL, 1, 100.0))
    desk.hear(quote(CALL, 61, 101.0))
    desk.engine.reset()
    desk.hear(quote(CALL, 5, 90.0))

    assert [each.minute_ns for each in desk.listener.minutes] == [OPEN_1]
    assert desk.listener.minutes[0].table is not None
    assert desk.listener.minutes[0].table.as_of_ns == OPEN_1 + MINUTE_NS
    assert desk.listener.restarts == 1
    found = desk.board.find(KEY)
    assert found is not None
    assert found.calls.ltps[0] == 90.0
