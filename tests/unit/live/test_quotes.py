"""The latest price, and the day it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan

from strikewire.core.instants import HOUR_NS, MINUTE_NS
from strikewire.engine.engine import Engine, EngineConfig
from strikewire.live.quotes import QuoteBoard
from tests.oracles.minute_bars import Tick
from tests.unit.engine.conftest import make_batch
from tests.unit.live.test_history import BARS, FUTURE, OPENS_NS, RULES, SESSION, make_history

#: The day before yesterday's last minute, yesterday's.
CLOSES = [float(BARS["close"][SESSION * day - 1]) for day in (1, 2)]


@dataclass
class Heard:
    """An engine that heard one tick."""

    ts_ns: int
    ltp: float
    volume: float = nan

    def make_engine(self) -> Engine:
        engine = Engine(config=EngineConfig(), find_calendar=RULES.calendar)
        engine.register([FUTURE])
        engine.apply(make_batch([Tick(self.ts_ns, self.ltp, self.volume, nan, 1)]))
        return engine


def make_board(now_ns: int, heard: Heard | None = None) -> QuoteBoard:
    """Return a board over three days, of which the clock shows as many as there were."""
    engine = None if heard is None else heard.make_engine()
    return QuoteBoard(
        history=make_history(now_ns=now_ns),
        view=engine,
        find_calendar=RULES.calendar,
    )


async def test_last_bar_is_the_quote_where_no_tick_was_heard() -> None:
    quote = await make_board(int(OPENS_NS[2]) - HOUR_NS).find(FUTURE)

    assert quote is not None
    assert (quote.last, quote.previous_close) == (CLOSES[1], CLOSES[0])


async def test_tick_of_the_day_goes_before_its_bars() -> None:
    now_ns = int(OPENS_NS[2]) + 5 * MINUTE_NS
    quote = await make_board(now_ns, Heard(now_ns, 5.0)).find(FUTURE)

    assert quote is not None
    assert (quote.last, quote.previous_close, quote.as_of_ns) == (5.0, CLOSES[1], now_ns)
    assert quote.open == BARS["open"][2 * SESSION]


async def test_tick_before_the_open_is_compared_with_yesterday() -> None:
    now_ns = int(OPENS_NS[2]) - 7 * MINUTE_NS
    quote = await make_board(now_ns, Heard(now_ns, 5.0, volume=10.0)).find(FUTURE)

    assert quote is not None
    assert (quote.last, quote.previous_close, quote.volume) == (5.0, CLOSES[1], 10.0)
    assert all(isnan(each) for each in (quote.open, quote.high, quote.low))


async def test_tick_of_a_day_that_has_been_outdone_is_passed_over() -> None:
    heard = Heard(int(OPENS_NS[0]) + HOUR_NS, 5.0)
    quote = await make_board(int(OPENS_NS[2]) - HOUR_NS, heard).find(FUTURE)

    assert quote is not None
    assert (quote.last, quote.previous_close) == (CLOSES[1], CLOSES[0])


async def test_nothing_heard_is_no_quote() -> None:
    board = QuoteBoard(history=make_history(BARS[:0]), view=None, find_calendar=RULES.calendar)

    assert await board.find(FUTURE) is None
