"""Which orders a step may do something to: whom it passes over nothing would have happened to."""

from __future__ import annotations

from math import nan

from hypothesis import assume, event, given
from hypothesis import strategies as st

from strikewire.core.orders import Side
from strikewire.desk.brokers.matching import Slippage, match
from strikewire.desk.brokers.waiting import Hours, Prices, WaitingOrder
from tests.unit.desk.paper_desk import make_instrument
from tests.unit.desk.test_matching import TICK, draw_market, draw_order


@given(draw_order(), draw_market(), st.builds(Slippage, st.integers(0, 3), st.integers(0, 900)))
def test_nothing_would_have_happened_to_an_order_that_is_passed_over(order, market, slippage):
    terms, standing = order
    waiting = WaitingOrder(
        order=None, terms=terms, instrument=make_instrument(1), hours=Hours(0, 1), tick=TICK,
        is_triggered=standing.is_triggered, matched=None, fills=[],
    )  # fmt: skip
    bids, asks = ((), ()) if market.book is None else (market.book.bids, market.book.asks)
    prices = Prices(
        last=nan if market.last is None else market.last / 10_000,
        bid=bids[0].price / 10_000 if bids else nan,
        ask=asks[0].price / 10_000 if asks else nan,
    )
    is_near = waiting.is_near(prices)
    event(f"near: {is_near}, {terms.side is Side.BUY}")
    assume(not is_near)

    found = match(terms, standing, market, slippage)

    assert not found.executions
    assert found.is_triggered == standing.is_triggered
