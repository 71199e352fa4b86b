"""What an account holds and made, against trades that are played unit by unit in decimals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips, to_pips, to_rupees
from strikewire.core.orders import MarketMoment, OrderId, Product, Side
from strikewire.core.trades import AccountTrade
from strikewire.desk.marks import Mark
from strikewire.desk.positions import compute_account_positions, compute_day_profit
from strikewire.store.desk_trades import DaySum
from tests.oracles import accounts as oracle

DAY = 50
INSTRUMENTS = (1, 2, 3)
PRICES = st.integers(1, 10**8).map(Pips)


@st.composite
def trades(draw):
    """Draw an account's trades, in the order of the market."""
    times = sorted(draw(st.lists(st.integers(0, 100), max_size=25)))
    return [
        AccountTrade(
            order_id=OrderId(number),
            number=1,
            instrument_id=InstrumentId(draw(st.sampled_from(INSTRUMENTS))),
            product=draw(st.sampled_from(list(Product))),
            side=draw(st.sampled_from(list(Side))),
            quantity=draw(st.integers(1, 12)),
            price=draw(PRICES),
            moment=MarketMoment(time, number),
            charges=Paise(draw(st.integers(0, 10**6))),
            recorded_ns=0,
        )
        for number, time in enumerate(times)
    ]


MARKS = st.fixed_dictionaries(
    {
        InstrumentId(each): st.builds(
            Mark, price=PRICES, previous_close=PRICES, is_settled=st.booleans()
        )
        for each in INSTRUMENTS
    }
)


def to_fill(trade):
    return oracle.Fill(
        time=trade.moment.as_of_ns,
        key=(trade.instrument_id, trade.product.value),
        quantity=trade.side.sign * trade.quantity,
        price=to_rupees(trade.price),
        charges=Decimal(trade.charges) / 100,
    )


def sum_by_day(trades):
    """Add trades up as the store does."""
    found = {}
    for trade in trades:
        each = found.get(trade.instrument_id, DaySum(trade.instrument_id, 0, 0, Pips(0), Paise(0)))
        units = trade.side.sign * trade.quantity
        if trade.moment.as_of_ns < DAY:
            each = replace(each, carried=each.carried + units)
        else:
            each = replace(
                each,
                traded=each.traded + units,
                paid=Pips(each.paid + units * trade.price),
                charges=Paise(each.charges + trade.charges),
            )
        found[trade.instrument_id] = each
    return list(found.values())


@given(trades=trades(), marks=MARKS)
def test_positions_are_those_of_units_that_are_played_one_by_one(trades, marks):
    settled = {key: to_rupees(each.price) for key, each in marks.items() if each.is_settled}
    wanted = oracle.hold([to_fill(each) for each in trades], DAY, settled)

    found = compute_account_positions(trades, marks, day_ns=DAY)

    assert len(found) == len(wanted)
    for each in found:
        position = each.position
        held = wanted[position.instrument_id, each.product.value]
        assert (position.units, each.bought, each.sold) == (held.units, held.bought, held.sold)
        assert to_rupees(position.cost) == held.cost
        assert to_rupees(position.realised) == held.realised
        assert Decimal(position.charges) / 100 == held.charges
        assert Decimal(each.day_charges) / 100 == held.day_charges


@given(trades=trades(), marks=MARKS)
def test_day_is_what_was_held_before_and_what_was_traded_since(trades, marks):
    prices = {key: to_rupees(each.price) for key, each in marks.items()}
    closes = {key: to_rupees(each.previous_close) for key, each in marks.items()}
    wanted = oracle.make_day([to_fill(each) for each in trades], DAY, prices, closes)

    found = compute_day_profit(sum_by_day(trades), marks)

    assert to_rupees(found) == wanted


@pytest.mark.parametrize(
    ("carried", "traded", "mark", "wanted"),
    [
        # Closed within the day: nothing has to be known.
        (0, 0, Mark(), Pips(-130)),
        # Bought today, and before it.
        (0, 1, Mark(), None),
        (0, 1, Mark(price=to_pips(1.0)), Pips(9_870)),
        (1, 0, Mark(price=to_pips(1.0)), None),
        # Sold today what was held.
        (1, -1, Mark(previous_close=to_pips(1.0)), Pips(-10_130)),
    ],
)
def test_day_is_unknown_where_a_price_it_takes_is(carried, traded, mark, wanted):
    one = InstrumentId(1)
    sums = [DaySum(one, carried, traded, Pips(30), Paise(1))]

    assert compute_day_profit(sums, {one: mark}) == wanted
    assert compute_day_profit(sums, {}) == (wanted if mark == Mark() else None)
