from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.analytics.depth import compute_book_figures, compute_fill_figures
from strikewire.core.ticks import DEPTH_DTYPE, DEPTH_LEVELS
from tests.oracles import depth as oracle

NAN = math.nan


@st.composite
def draw_sides(draw: st.DrawFn) -> tuple[oracle.Side, oracle.Side]:
    """Draw a book: steps outwards from a middle, some levels missing at the far end."""
    middle = draw(st.integers(200, 20_000))
    sides = []
    for sign in (-1, 1):
        steps = draw(st.lists(st.integers(1, 40), min_size=DEPTH_LEVELS, max_size=DEPTH_LEVELS))
        there = draw(st.integers(0, DEPTH_LEVELS))
        empty = draw(st.sampled_from([NAN, 0.0]))
        side = []
        for level, place in enumerate(np.cumsum(steps).tolist()):
            price = max(middle + sign * place, 1) / 20 if level < there else empty
            side.append((price, draw(st.integers(0, 5_000)) if level < there else 0))
        sides.append(side)
    return sides[0], sides[1]


def make_books(*pairs: tuple[oracle.Side, oracle.Side]) -> np.ndarray:
    books = np.zeros(len(pairs), DEPTH_DTYPE)
    for book, (bids, asks) in zip(books, pairs, strict=True):
        for name, side in (("bid", bids), ("ask", asks)):
            book[f"{name}_price"] = [price for price, _ in side]
            book[f"{name}_quantity"] = [quantity for _, quantity in side]
            book[f"total_{name}_quantity"] = 2 * sum(quantity for _, quantity in side)
    return books


def make_book(bid: float, ask: float, quantity: int = 100) -> np.ndarray:
    levels = range(DEPTH_LEVELS)
    return make_books(
        ([(bid - i, quantity) for i in levels], [(ask + i, quantity) for i in levels])
    )


@given(st.lists(draw_sides(), max_size=4), st.integers(1, 12_000))
def test_figures_are_those_of_the_oracle(pairs, wanted):
    books = make_books(*pairs)
    found, filled = compute_book_figures(books), compute_fill_figures(books, wanted)
    for i, (bids, asks) in enumerate(pairs):
        middle = oracle.find_middle(bids, asks)
        buy, sell = oracle.fill(asks, wanted), oracle.fill(bids, wanted)
        assert found.middles[i] == pytest.approx(middle, nan_ok=True)
        assert found.imbalances[i] == pytest.approx(
            oracle.compute_imbalance(bids, asks), nan_ok=True
        )
        np.testing.assert_array_equal(found.imbalances[i], found.total_imbalances[i])
        assert filled.buy_vwaps[i] == pytest.approx(buy, rel=1e-12, nan_ok=True)
        assert filled.sell_vwaps[i] == pytest.approx(sell, rel=1e-12, nan_ok=True)
        assert filled.scores[i] == pytest.approx(
            oracle.compute_score(bids, asks, wanted), rel=1e-9, abs=1e-9
        )


@given(draw_sides(), st.integers(1, 6_000), st.integers(1, 6_000))
def test_more_costs_no_less_a_unit(sides, size, more):
    books = make_books(sides)
    small, large = (compute_fill_figures(books, each) for each in (size, size + more))
    if not math.isnan(large.buy_vwaps[0]):
        assert small.buy_vwaps[0] <= large.buy_vwaps[0] * (1 + 1e-15)
    if not math.isnan(large.sell_vwaps[0]):
        assert small.sell_vwaps[0] >= large.sell_vwaps[0] * (1 - 1e-15)
    assert large.scores[0] <= small.scores[0] + 1e-9


def test_first_level_alone_costs_half_the_spread():
    book = make_book(99.0, 101.0)
    found, filled = compute_book_figures(book), compute_fill_figures(book, 100)
    assert (found.middles[0], found.spreads[0], found.spreads_bps[0]) == (100.0, 2.0, 200.0)
    assert found.imbalances[0] == 0.0
    assert filled.buy_slippages_bps[0] == pytest.approx(100.0)
    assert filled.sell_slippages_bps[0] == pytest.approx(100.0)
    assert filled.scores[0] == pytest.approx(20.0)
    # Two levels: 101 and 102, of which the second half.
    assert compute_fill_figures(book, 150).buy_vwaps[0] == pytest.approx(101 + 1 / 3)


def test_crossed_book_or_a_size_that_is_not_there_is_worth_nothing():
    crossed = compute_book_figures(make_book(101.0, 99.0))
    assert math.isnan(crossed.middles[0])
    assert math.isnan(crossed.spreads_bps[0])
    filled = compute_fill_figures(make_book(99.0, 101.0), 501)
    assert math.isnan(filled.buy_vwaps[0])
    assert filled.scores[0] == 0.0


def test_sizes_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"positive quantities were wanted, found -1\.0"):
        compute_fill_figures(make_book(99.0, 101.0), -1)
