"""An order's life, told twice, in another order, or not wholly."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.orders import MarketMoment, OrderId, OrderProgress, OrderState
from strikewire.desk.order_progress import OrderUpdate, advance

QUANTITY = 150
#: How far each state is, by the drawing in the module, and not by its table.
STEPS = (
    {OrderState.PENDING, OrderState.UNKNOWN},
    {OrderState.TRIGGER_PENDING},
    {OrderState.OPEN},
    {OrderState.COMPLETE, OrderState.CANCELLED, OrderState.REJECTED},
)


def make_update(state: OrderState, filled: int = 0, at: int = 0, **fields: object) -> OrderUpdate:
    return OrderUpdate(OrderId(1), state, filled, MarketMoment(at, at), **fields)  # type: ignore[arg-type]


def follow(progress: OrderProgress, update: OrderUpdate) -> OrderProgress:
    return advance(progress, update) or progress


def find_step(state: OrderState) -> int:
    return next(step for step, states in enumerate(STEPS) if state in states)


@st.composite
def draw_lives(draw: st.DrawFn) -> list[OrderUpdate]:
    """Draw what a broker would say of one order, in its own order."""
    if draw(st.booleans()):
        return [make_update(OrderState.REJECTED, at=1, reason="margin")]
    states = [OrderState.TRIGGER_PENDING] if draw(st.booleans()) else []
    states.append(OrderState.OPEN)
    life = [make_update(state, at=at) for at, state in enumerate(states, 1)]
    parts = sorted(draw(st.sets(st.integers(1, QUANTITY - 1), max_size=4)))
    life += [make_update(OrderState.OPEN, part, len(states) + part) for part in parts]
    filled = parts[-1] if parts else 0
    end = draw(st.sampled_from(["none", "complete", "cancelled"]))
    if end == "complete":
        life.append(make_update(OrderState.COMPLETE, QUANTITY, 1_000))
    elif end == "cancelled":
        life.append(make_update(OrderState.CANCELLED, filled, 1_000, reason="by its owner"))
    return life


@st.composite
def draw_news(draw: st.DrawFn) -> tuple[list[OrderUpdate], list[OrderUpdate]]:
    """Draw a life, and what arrives of it."""
    life = draw(draw_lives())
    arrived = draw(st.lists(st.sampled_from(life), max_size=3 * len(life)))
    return life, draw(st.permutations(arrived))


@pytest.mark.promise("O5")
@given(draw_news())
def test_no_update_leads_an_order_back_whenever_it_arrives(news):
    progress = OrderProgress()
    for update in news[1]:
        after = follow(progress, update)
        assert find_step(after.state) >= find_step(progress.state)
        assert after.filled_quantity >= progress.filled_quantity
        assert not progress.state.is_final or after.state is progress.state
        assert after.revision == progress.revision + (after is not progress)
        if progress.accepted is not None:
            assert after.accepted == progress.accepted
            assert progress.matched is None or progress.matched.is_reached(after.matched)
        progress = after


@pytest.mark.promise("O5")
@given(draw_news())
def test_an_order_ends_where_the_furthest_update_that_arrived_says(news):
    _, arrived = news
    end = reduce(follow, arrived, OrderProgress())
    in_order = reduce(
        follow, sorted(arrived, key=lambda each: each.moment.as_of_ns), OrderProgress()
    )
    assert (end.state, end.filled_quantity, end.reason) == (
        in_order.state, in_order.filled_quantity, in_order.reason,
    )  # fmt: skip
    if arrived:
        assert end.state in STEPS[max(find_step(each.state) for each in arrived)]
        assert end.filled_quantity == max(each.filled_quantity for each in arrived)


@pytest.mark.promise("O5")
@given(draw_lives(), st.data())
def test_losing_all_but_the_last_update_loses_nothing(life, data):
    arrived = data.draw(st.permutations([*data.draw(st.lists(st.sampled_from(life))), life[-1]]))
    end = reduce(follow, arrived, OrderProgress())
    assert (end.state, end.filled_quantity) == (life[-1].state, life[-1].filled_quantity)


@pytest.mark.promise("O5")
@given(draw_lives())
def test_an_order_of_unknown_fate_is_believed_to_the_order_book_alone(life):
    unknown = follow(OrderProgress(), make_update(OrderState.UNKNOWN))
    assert unknown.state is OrderState.UNKNOWN
    assert reduce(follow, life, unknown) == unknown

    read = [
        make_update(each.state, each.filled_quantity, each.moment.as_of_ns, is_from_book=True)
        for each in life
    ]
    end = reduce(follow, read, unknown)
    assert (end.state, end.filled_quantity) == (life[-1].state, life[-1].filled_quantity)


def test_a_timeout_that_is_told_too_late_is_no_news():
    accepted = follow(OrderProgress(), make_update(OrderState.OPEN, at=5))
    assert advance(accepted, make_update(OrderState.UNKNOWN, at=6)) is None


def test_the_moments_are_those_of_the_acceptance_and_of_the_last_news():
    updates = [make_update(OrderState.OPEN, 0, 5), make_update(OrderState.OPEN, 75, 9)]
    progress = reduce(follow, updates, OrderProgress())
    assert (progress.accepted, progress.matched) == (MarketMoment(5, 5), MarketMoment(9, 9))
    assert follow(progress, make_update(OrderState.COMPLETE, 150, 7)).matched == MarketMoment(9, 9)


def test_a_fill_that_is_told_after_the_end_is_counted_and_changes_no_end():
    ended = follow(OrderProgress(), make_update(OrderState.CANCELLED, 0, 5, reason="kill switch"))
    after = follow(ended, make_update(OrderState.OPEN, 75, 4))
    assert (after.state, after.filled_quantity) == (OrderState.CANCELLED, 75)
    assert after.reason == "kill switch"
