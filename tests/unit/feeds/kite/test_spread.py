"""Which socket brings which instrument: even, stable, within the broker's limit (F10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.feeds.kite.spread import compute_spread

ids = st.lists(st.integers(1, 400), unique=True, max_size=200)


def place(spread):
    return {each: number for number, some in enumerate(spread) for each in some}


def count_moves(before, spread):
    after = place(spread)
    return sum(after[each] != home for each, home in before.items() if each in after)


def test_many_are_spread_evenly_in_order():
    spread = compute_spread(list(range(9_000)), {}, sockets=3, capacity=3_000)

    assert [len(some) for some in spread] == [3_000] * 3
    assert all(some == sorted(some) for some in spread)


def test_new_ones_go_where_there_are_fewest_and_nobody_moves():
    before = {each: each % 2 for each in range(20)}

    spread = compute_spread(list(range(30)), before, sockets=3, capacity=100)

    assert count_moves(before, spread) == 0
    assert [len(some) for some in spread] == [10, 10, 10]


def test_window_that_rolls_moves_nobody():
    placed = place(compute_spread(list(range(2_000)), {}, sockets=3, capacity=1_000))
    for start in range(0, 3_000, 10):
        wanted = list(range(start, start + 2_000))
        spread = compute_spread(wanted, placed, sockets=3, capacity=1_000)
        assert count_moves(placed, spread) == 0
        placed = place(spread)

    sizes = [len(some) for some in spread]
    assert max(sizes) - min(sizes) <= 70


def test_sockets_are_evened_when_one_has_lost_much_by_moving_the_least_important():
    placed = {each: each // 100 for each in range(300)}
    wanted = [*range(100), *range(100, 110), *range(200, 210)]

    spread = compute_spread(wanted, placed, sockets=3, capacity=100)

    assert [len(some) for some in spread] == [40, 40, 40]
    assert count_moves(placed, spread) == 60
    assert spread[0] == list(range(40))


def test_what_is_beyond_the_room_is_left_out_the_least_important_first():
    spread = compute_spread([5, 4, 3, 2, 1], {1: 0}, sockets=2, capacity=2)

    assert sorted(place(spread)) == [2, 3, 4, 5]


@given(wanted=ids, before=ids, sockets=st.integers(1, 4), capacity=st.integers(1, 80))
def test_everybody_for_whom_there_is_room_has_exactly_one_place(wanted, before, sockets, capacity):
    placed = place(compute_spread(before, {}, sockets=sockets, capacity=capacity))

    spread = compute_spread(wanted, placed, sockets=sockets, capacity=capacity)

    everybody = [each for some in spread for each in some]
    assert sorted(everybody) == sorted(wanted[: sockets * capacity])
    assert max(map(len, spread)) <= capacity


@pytest.mark.parametrize("sockets", [1, 3])
def test_nothing_wanted_is_nothing_spread(sockets):
    assert compute_spread([], {1: 0}, sockets=sockets, capacity=10) == [[]] * sockets
