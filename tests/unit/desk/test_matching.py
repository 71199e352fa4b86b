from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Pips
from strikewire.core.orders import OrderTerms, OrderType, Product, Side, Validity
from strikewire.desk.brokers.matching import (
    Book,
    Level,
    Market,
    Slippage,
    Standing,
    compute_priority,
    match,
)
from tests.oracles import matching as oracle

TICK = Pips(500)
COMING = Standing(open_quantity=100, is_triggered=True, is_resting=False)
WAITING = Standing(open_quantity=100, is_triggered=False, is_resting=False)
RESTING = Standing(open_quantity=100, is_triggered=True, is_resting=True)


def make_terms(kind, side=Side.BUY, *, price=None, trigger=None, protection_bps=500, quantity=100):
    return OrderTerms(
        instrument_id=InstrumentId(1),
        side=side,
        type=kind,
        product=Product.NRML,
        validity=Validity.DAY,
        quantity=quantity,
        price=None if price is None else Pips(price * TICK),
        trigger=None if trigger is None else Pips(trigger * TICK),
        protection_bps=protection_bps if kind.has_protection else None,
    )


def make_side(*levels):
    return tuple(Level(Pips(price * TICK), quantity) for price, quantity in levels)


def make_market(last, *, bids=(), asks=(), has_book=True):
    book = Book(make_side(*bids), make_side(*asks)) if has_book else None
    return Market(None if last is None else Pips(last * TICK), book, TICK)


def list_executions(found):
    return [(each.price // TICK, each.quantity) for each in found.executions]


# -- against the book ---------------------------------------------------------------------------


def test_a_market_order_takes_level_by_level_and_leaves_the_rest():
    market = make_market(100, bids=[(99, 5)], asks=[(101, 60), (102, 70)])

    found = match(make_terms(OrderType.MARKET), COMING, market, Slippage())

    assert list_executions(found) == [(101, 60), (102, 40)]
    assert market.book.less(bought=100, sold=2) == Book(make_side((99, 3)), make_side((102, 30)))


def test_a_market_order_stops_at_its_protection():
    market = make_market(100, asks=[(101, 10), (105, 10), (106, 500)])

    found = match(make_terms(OrderType.MARKET, protection_bps=500), COMING, market, Slippage())

    assert list_executions(found) == [(101, 10), (105, 10)]


def test_protection_leaves_a_low_price_one_step():
    market = make_market(2, asks=[(3, 200)])

    found = match(make_terms(OrderType.MARKET, protection_bps=100), COMING, market, Slippage())

    assert list_executions(found) == [(3, 100)]


def test_protection_rests_on_the_best_level_where_nothing_was_traded():
    market = make_market(None, bids=[(200, 50), (180, 50)])

    found = match(make_terms(OrderType.MARKET, Side.SELL), COMING, market, Slippage())

    assert list_executions(found) == [(200, 50)]


def test_a_limit_order_that_crosses_gets_the_price_of_the_book():
    market = make_market(100, asks=[(98, 30), (99, 30), (101, 500)])

    found = match(make_terms(OrderType.LIMIT, price=100), COMING, market, Slippage())

    assert list_executions(found) == [(98, 30), (99, 30)]


def test_a_limit_order_that_stands_gets_its_own_price():
    market = make_market(97, asks=[(98, 30), (99, 30), (101, 500)])

    found = match(make_terms(OrderType.LIMIT, price=100), RESTING, market, Slippage())

    assert list_executions(found) == [(100, 60)]


def test_nothing_trades_against_an_empty_side():
    market = make_market(100, bids=[(99, 500)])

    assert not match(make_terms(OrderType.LIMIT, price=200), COMING, market, Slippage()).executions


# -- against the last price ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "slippage", "price"),
    [
        (Side.BUY, Slippage(ticks=2), 202),
        (Side.SELL, Slippage(ticks=2), 198),
        (Side.BUY, Slippage(ticks=0, bps=101), 203),
        (Side.SELL, Slippage(ticks=0), 200),
    ],
)
def test_without_a_book_a_taker_pays_the_slippage_on_all_of_it(side, slippage, price):
    market = make_market(200, has_book=False)

    found = match(make_terms(OrderType.MARKET, side), COMING, market, slippage)

    assert list_executions(found) == [(price, 100)]


def test_without_a_book_slippage_stops_at_the_limit_and_above_nothing():
    buy = make_terms(OrderType.LIMIT, price=201)
    sell = make_terms(OrderType.MARKET, Side.SELL, protection_bps=9_000)

    dear = match(buy, COMING, make_market(200, has_book=False), Slippage(ticks=5))
    low = match(sell, COMING, make_market(2, has_book=False), Slippage(ticks=5))

    assert (list_executions(dear), list_executions(low)) == ([(201, 100)], [(1, 100)])


def test_without_a_book_a_limit_order_waits_for_its_price():
    terms = make_terms(OrderType.LIMIT, Side.SELL, price=210)

    early = match(terms, RESTING, make_market(209, has_book=False), Slippage())
    there = match(terms, RESTING, make_market(212, has_book=False), Slippage())

    assert (list_executions(early), list_executions(there)) == ([], [(210, 100)])


@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.LIMIT])
def test_nothing_trades_before_anything_is_known(kind):
    terms = make_terms(kind, price=100 if kind.has_price else None)

    assert not match(terms, COMING, make_market(None, has_book=False), Slippage()).executions


# -- triggers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "last", "is_reached"),
    [
        (Side.BUY, 109, False),
        (Side.BUY, 110, True),
        (Side.BUY, 111, True),
        (Side.SELL, 111, False),
        (Side.SELL, 110, True),
        (Side.SELL, 109, True),
        (Side.SELL, None, False),
    ],
)
def test_a_stop_waits_until_its_trigger_is_traded(side, last, is_reached):
    market = make_market(last, has_book=False)

    found = match(make_terms(OrderType.SL_M, side, trigger=110), WAITING, market, Slippage())

    assert (found.is_triggered, bool(found.executions)) == (is_reached, is_reached)


def test_a_stop_with_a_limit_gets_the_book_when_triggered_and_then_stands():
    terms = make_terms(OrderType.SL, trigger=110, price=112)
    triggered = match(terms, WAITING, make_market(110, asks=[(111, 30), (113, 90)]), Slippage())
    rest = Standing(open_quantity=70, is_triggered=triggered.is_triggered, is_resting=True)

    later = match(terms, rest, make_market(109, asks=[(109, 500)]), Slippage())

    assert list_executions(triggered) == [(111, 30)]
    assert list_executions(later) == [(112, 70)]


def test_a_stop_that_was_triggered_stays_so_though_the_price_comes_back():
    terms = make_terms(OrderType.SL, trigger=110, price=112)

    found = match(terms, RESTING, make_market(90, asks=[(120, 10)]), Slippage())

    assert found.is_triggered
    assert not found.executions


# -- what always holds --------------------------------------------------------------------------

prices = st.integers(1, 60)


@st.composite
def draw_market(draw):
    asks = sorted(draw(st.sets(prices, max_size=5)))
    bids = sorted(draw(st.sets(prices, max_size=5)), reverse=True)
    return make_market(
        draw(st.none() | prices),
        asks=[(price, draw(st.integers(1, 40))) for price in asks],
        bids=[(price, draw(st.integers(1, 40))) for price in bids],
        has_book=draw(st.booleans()),
    )


@st.composite
def draw_order(draw):
    kind, side = draw(st.sampled_from(OrderType)), draw(st.sampled_from(Side))
    terms = make_terms(
        kind,
        side,
        price=draw(prices) if kind.has_price else None,
        trigger=draw(prices) if kind.has_trigger else None,
        protection_bps=draw(st.integers(1, 3_000)),
        quantity=draw(st.integers(1, 120)),
    )
    return terms, Standing(
        open_quantity=draw(st.integers(1, terms.quantity)),
        is_triggered=not kind.has_trigger or draw(st.booleans()),
        is_resting=draw(st.booleans()),
    )


def expect(terms, standing, market, slippage):
    """Return what the oracle says: the price of each unit, in order, and what is left."""
    sign, is_buy = terms.side.sign, terms.side is Side.BUY
    levels = () if market.book is None else market.book.asks if is_buy else market.book.bids
    side = [(level.price, level.quantity) for level in levels]
    last = market.last
    is_triggered = standing.is_triggered or (
        last is not None and (last >= terms.trigger if is_buy else last <= terms.trigger)
    )
    reference = last if last is not None else side[0][0] if side else None
    worst = oracle.find_worst(sign, terms.price, terms.protection_bps or 0, reference, TICK)
    if not is_triggered or worst is None:
        return is_triggered, [], side
    is_resting = standing.is_resting and standing.is_triggered and terms.type.has_price
    if market.book is None:
        if last is None or not oracle.is_better_or_same(sign, last, worst):
            return is_triggered, [], side
        price = oracle.slip(sign, last, worst, slippage.ticks, slippage.bps, TICK)
        return is_triggered, [worst if is_resting else price] * standing.open_quantity, side
    taken, left = oracle.take(sign, standing.open_quantity, worst, side)
    return is_triggered, [worst] * len(taken) if is_resting else taken, left


@given(draw_order(), draw_market(), st.builds(Slippage, st.integers(0, 3), st.integers(0, 900)))
def test_a_match_is_that_of_the_oracle(order, market, slippage):
    terms, standing = order

    found = match(terms, standing, market, slippage)

    is_triggered, units, left = expect(terms, standing, market, slippage)
    assert found.is_triggered == is_triggered
    assert [each.price for each in found.executions for _ in range(each.quantity)] == units
    if market.book is not None:
        taken = {"bought" if terms.side is Side.BUY else "sold": len(units)}
        book = market.book.less(**({"bought": 0, "sold": 0} | taken))
        levels = book.asks if terms.side is Side.BUY else book.bids
        assert [(level.price, level.quantity) for level in levels] == left


@given(draw_order(), draw_market(), st.builds(Slippage, st.integers(0, 3), st.integers(0, 900)))
def test_no_order_is_filled_beyond_its_quantity_or_worse_than_its_limit(order, market, slippage):
    terms, standing = order

    executions = match(terms, standing, market, slippage).executions

    assert sum(each.quantity for each in executions) <= standing.open_quantity
    assert all(each.quantity > 0 and each.price > 0 for each in executions)
    if terms.price is not None:
        assert all(terms.side.sign * (each.price - terms.price) <= 0 for each in executions)


@given(st.lists(st.tuples(prices, st.integers(1, 60)), min_size=2, max_size=6), draw_market())
def test_levels_are_taken_once_by_the_better_price_first(asked, market):
    """Whoever comes later in line gets nothing that an earlier one would still have taken."""
    orders = [make_terms(OrderType.LIMIT, price=price, quantity=units) for price, units in asked]
    orders.sort(key=compute_priority)
    offered = 0 if market.book is None else sum(level.quantity for level in market.book.asks)
    filled, left = [], market
    for terms in orders:
        found = match(terms, replace(COMING, open_quantity=terms.quantity), left, Slippage())
        filled.append(sum(each.quantity for each in found.executions))
        if market.book is not None:
            left = replace(market, book=market.book.less(bought=sum(filled), sold=0))
    assert [terms.price for terms in orders] == sorted((t.price for t in orders), reverse=True)
    if market.book is not None:
        assert sum(filled) <= offered
        for earlier, terms in enumerate(orders[:-1]):
            is_short = filled[earlier] < terms.quantity
            assert not (is_short and any(filled[earlier + 1 :]))


def test_market_orders_come_before_limits_and_sellers_want_little():
    market, dear, cheap = (
        make_terms(OrderType.MARKET, Side.SELL),
        make_terms(OrderType.LIMIT, Side.SELL, price=110),
        make_terms(OrderType.LIMIT, Side.SELL, price=100),
    )
    assert sorted([dear, cheap, market], key=compute_priority) == [market, cheap, dear]
