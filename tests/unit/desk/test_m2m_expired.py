"""Contracts that end while strategies hold them are marked at their settlement from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from strikewire.core.bars import BAR_DTYPE
from strikewire.core.instants import DAY_NS, MINUTE_NS, SECOND_NS
from strikewire.core.instruments import InstrumentId
from strikewire.core.m2m_rows import M2mFlag
from strikewire.core.marks import Mark, MarkSource
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import StrategyId
from strikewire.desk.m2m.engine import Levels
from strikewire.desk.m2m.expired import Seeds
from strikewire.desk.m2m.rebuilding import rebuild_candles
from strikewire.desk.m2m.state import unpack_state
from strikewire.desk.m2m.views import describe_mark
from tests.unit.desk.m2m_market import (
    CALENDAR,
    CLOSE,
    DAY,
    INSTRUMENTS,
    OPEN,
    Heard,
    Market,
    make_entry,
    start_m2m,
)

ENDING, GOING_ON = InstrumentId(1), InstrumentId(2)
NEXT_OPEN: Final = OPEN + DAY_NS
LAST_MINUTE: Final = CLOSE - MINUTE_NS
#: The last trade of it was at 120.
SETTLEMENTS: Final = {ENDING: Mark(Pips(1_155_000), CLOSE, MarkSource.SETTLEMENT)}
ENTRIES: Final = [
    make_entry(1, ENDING, 10, "100.00", (OPEN, 0), number=1),
    make_entry(1, GOING_ON, -5, "50.00", (OPEN, 0), number=2),
]
#: The minutes of the second day that are played, as open and close in paise and net delta.
SECOND_DAY: Final = [(20_000, 15_000, -5.0), (15_000, 15_000, -5.0), (15_000, 14_500, -5.0)]


def play_first_day() -> Market:
    """Return a market that is over for the day: the strategy has made 200 rupees."""
    market = Market()
    market.m2m.load(ENTRIES)
    market.step([(OPEN, ENDING, 100.0), (OPEN, GOING_ON, 50.0)], seq=2)
    market.step([(LAST_MINUTE, ENDING, 120.0)], seq=3)
    market.pass_time(CLOSE)
    return market


def play_second_day(market: Market, *, until: int = 3) -> None:
    """Play some of its first three minutes: what goes on is bought for a rupee more."""
    for minute, price in enumerate((51.0, 51.0, 52.0)[:until]):
        now_ns = NEXT_OPEN + minute * MINUTE_NS
        market.step([(now_ns + 5 * SECOND_NS, GOING_ON, price)], seq=4 + minute)
        market.pass_time(now_ns + MINUTE_NS)
    market.m2m.capture()


def list_second_day(candles: dict[tuple[int, int], np.void]) -> list[tuple[int, int, float]]:
    """Return what `SECOND_DAY` lists, of candles that are not flagged but as made anew."""
    own = [candles[1, NEXT_OPEN + minute * MINUTE_NS] for minute in range(3)]
    assert {int(each["flags"]) for each in own} <= {0, int(M2mFlag.REBUILT)}
    return [(int(c["open_paise"]), int(c["close_paise"]), float(c["net_delta"])) for c in own]


def go_on(market: Market) -> Market:
    """Go on in the same recording."""
    market.m2m.settle(SETTLEMENTS)
    return market


def roll_over(market: Market) -> Market:
    """Begin the recording of the second day in the same program."""
    market.m2m.settle(SETTLEMENTS)
    market.engine.clear()
    market.engine.register(INSTRUMENTS)
    market.m2m.on_update(market.engine.advance(0))
    return market


def start_again(_market: Market) -> Market:
    """Begin the second day in a program that was not there on the first one."""
    market = Market()
    market.m2m.seed({ENDING: Pips(1_200_000), GOING_ON: Pips(500_000)})
    market.m2m.settle(SETTLEMENTS)
    market.m2m.load(ENTRIES)
    return market


def restore(market: Market) -> Market:
    """Take the recording up where it was in the evening, in a program that was started again."""
    saved = market.m2m.capture().pack()
    market.m2m, market.heard = start_m2m(market.engine)
    market.m2m.load(ENTRIES)
    market.m2m.settle(SETTLEMENTS)
    assert market.m2m.restore(unpack_state(saved)) == {}
    return market


@pytest.mark.promise("O8")
@pytest.mark.parametrize("come", [go_on, roll_over, start_again, restore])
def test_the_first_minute_behind_a_contracts_end_goes_from_its_close_to_its_settlement(
    come: Callable[[Market], Market],
) -> None:
    market = come(play_first_day())

    play_second_day(market)

    assert list_second_day(market.heard.read()) == SECOND_DAY
    first = market.heard.read()[1, NEXT_OPEN]
    assert (first["delta_paise"], first["residual_paise"]) == (-5_000, 0)
    leg = describe_mark(market.m2m, StrategyId(1), None)["legs"][0]
    assert (leg["mark"], leg["is_stale"]) == ("115.5", False)


@pytest.mark.promise("O8")
@pytest.mark.parametrize("from_ns", [DAY, DAY + DAY_NS])
def test_candles_made_anew_settle_in_the_same_minute(from_ns: int) -> None:
    bars = np.zeros(6, BAR_DTYPE)
    bars["instrument_id"] = [1, 2, 1, 2, 2, 2]
    bars["ts_ns"] = [OPEN, OPEN, LAST_MINUTE, *(NEXT_OPEN + n * MINUTE_NS for n in range(3))]
    bars["close"] = [100.0, 50.0, 120.0, 51.0, 51.0, 52.0]
    closes = {} if from_ns == DAY else {ENDING: Pips(1_200_000), GOING_ON: Pips(500_000)}

    candles = rebuild_candles(
        INSTRUMENTS,
        ENTRIES,
        bars[bars["ts_ns"] >= from_ns],
        Seeds(closes, SETTLEMENTS),
        (from_ns, NEXT_OPEN + 3 * MINUTE_NS),
        lambda _venue: CALENDAR,
    )

    heard = Heard()
    heard.on_candles(candles)
    assert list_second_day(heard.read()) == SECOND_DAY


def test_a_day_that_is_first_heard_behind_its_opening_begins_with_the_settlement() -> None:
    market = start_again(Market())

    market.step([(NEXT_OPEN + MINUTE_NS, GOING_ON, 51.0)], seq=4)
    market.pass_time(NEXT_OPEN + 2 * MINUTE_NS)
    market.m2m.capture()

    candle = market.heard.read()[1, NEXT_OPEN + MINUTE_NS]
    assert (candle["open_paise"], candle["close_paise"]) == (15_500, 15_000)


def test_a_settlement_that_is_known_late_counts_from_now_and_says_what_it_changes() -> None:
    market = play_first_day()
    play_second_day(market, until=2)
    before = market.heard.read()[1, NEXT_OPEN + MINUTE_NS]
    assert before["close_paise"] == 20_000 - 500

    assert market.m2m.settle(SETTLEMENTS) == {1: NEXT_OPEN}
    assert market.m2m.settle(SETTLEMENTS) == {}
    market.step([(NEXT_OPEN + 2 * MINUTE_NS, GOING_ON, 52.0)], seq=6)
    market.pass_time(NEXT_OPEN + 3 * MINUTE_NS)
    market.m2m.capture()

    candle = market.heard.read()[1, NEXT_OPEN + 2 * MINUTE_NS]
    assert [candle[f"{name}_paise"] for name in ("open", "high", "low", "close")] == [
        15_000, 15_000, 14_500, 14_500,
    ]  # fmt: skip
    assert candle["delta_paise"] == -500


def test_a_settlement_that_became_known_while_nobody_ran_says_what_it_changes() -> None:
    market = play_first_day()
    play_second_day(market, until=2)
    saved = market.m2m.capture().pack()
    market.m2m, market.heard = start_m2m(market.engine)
    market.m2m.load(ENTRIES)
    market.m2m.settle(SETTLEMENTS)

    assert market.m2m.restore(unpack_state(saved)) == {1: NEXT_OPEN}

    market.step([(NEXT_OPEN + 2 * MINUTE_NS, GOING_ON, 52.0)], seq=6)
    market.pass_time(NEXT_OPEN + 3 * MINUTE_NS)
    market.m2m.capture()
    candle = market.heard.read()[1, NEXT_OPEN + 2 * MINUTE_NS]
    assert (candle["open_paise"], candle["close_paise"]) == (15_000, 14_500)


def test_contracts_of_one_end_are_settled_in_one_step() -> None:
    market = Market()
    market.m2m.set_levels(StrategyId(1), Levels(target=Paise(50_000), stop=Paise(-50_000)))
    market.m2m.load([make_entry(1, n, 10, "100.00", (OPEN, 0), number=n) for n in (1, 2)])
    market.step([(OPEN, 1, 100.0), (OPEN, 2, 100.0)], seq=2)
    market.pass_time(CLOSE)
    # One has made a thousand rupees in the end, the other has lost four hundred.
    market.m2m.settle(
        {
            InstrumentId(1): Mark(Pips(2_000_000), CLOSE, MarkSource.SETTLEMENT),
            InstrumentId(2): Mark(Pips(600_000), CLOSE, MarkSource.SETTLEMENT),
        }
    )

    market.pass_time(NEXT_OPEN + MINUTE_NS)
    market.m2m.capture()

    candle = market.heard.read()[1, NEXT_OPEN]
    assert [candle[f"{name}_paise"] for name in ("open", "high", "low", "close")] == [
        0, 60_000, 0, 60_000,
    ]  # fmt: skip
    assert [(each.kind, each.m2m) for each in market.heard.crossings] == [("target", 60_000)]


def test_a_market_that_goes_back_behind_the_end_has_the_contract_at_its_price_again() -> None:
    market = go_on(play_first_day())
    play_second_day(market)

    market.engine.reset()
    market.step([(OPEN, ENDING, 100.0), (OPEN, GOING_ON, 50.0)], seq=2)
    market.step([(LAST_MINUTE, ENDING, 120.0)], seq=3)
    assert market.m2m.book.strategies.pnl.tolist() == [10 * 20 * 10_000]
    market.pass_time(CLOSE)
    play_second_day(market)

    assert list_second_day(market.heard.read()) == SECOND_DAY


def test_what_is_entered_behind_the_end_is_marked_at_the_settlement_too() -> None:
    market = go_on(play_first_day())
    play_second_day(market)

    late = make_entry(2, ENDING, 1, "110.00", (NEXT_OPEN + 2 * MINUTE_NS, 0), number=9)
    market.m2m.take([late])

    row = market.m2m.book.find_row(StrategyId(2))
    assert row is not None
    assert market.m2m.book.strategies.pnl[row] == 55_000
