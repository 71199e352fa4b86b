"""What orders are made of."""

from __future__ import annotations

from strikewire.core.orders import MarketMoment, OrderState, OrderType, Side


def test_a_moment_is_reached_by_time_and_then_by_sequence():
    moment = MarketMoment(as_of_ns=100, seq=7)
    nows = [MarketMoment(99, 50), MarketMoment(100, 6), MarketMoment(100, 7), MarketMoment(101, 1)]
    assert [moment.is_reached(now) for now in nows] == [False, False, True, True]


def test_sides_states_and_types_say_what_they_are():
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert {each for each in OrderState if each.is_final} == {
        OrderState.COMPLETE, OrderState.CANCELLED, OrderState.REJECTED,
    }  # fmt: skip
    assert {each for each in OrderType if each.has_price} == {OrderType.LIMIT, OrderType.SL}
    assert {each for each in OrderType if each.has_trigger} == {OrderType.SL, OrderType.SL_M}
