"""Ledgers, against one that is played unit by unit in decimals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips, to_pips, to_rupees
from strikewire.core.orders import MarketMoment, StrategyEntry, StrategyId
from strikewire.desk.ledger import (
    OpenLots,
    Position,
    compute_positions,
    compute_profit,
    list_effective,
)
from tests.oracles import ledgers

PRICES = st.integers(0, 5_000_000).map(Pips)
MOMENTS = st.builds(MarketMoment, st.integers(0, 4), st.integers(0, 2))
LATEST = MarketMoment(9, 9)


@st.composite
def draw_entries(draw, max_size=12):
    """Draw a ledger of up to three instruments, some of its lines taken back."""
    count = draw(st.integers(0, max_size))
    entries = [
        StrategyEntry(
            id=place + 1,
            strategy_id=StrategyId(1),
            instrument_id=InstrumentId(draw(st.integers(1, 3))),
            quantity=draw(st.integers(-6, 6).filter(bool)),
            price=draw(PRICES),
            moment=draw(MOMENTS),
            charges=Paise(draw(st.integers(0, 10_000))),
        )
        for place in range(count)
    ]
    backs = draw(st.sets(st.sampled_from(entries), max_size=3)) if entries else set()
    return entries + [
        replace(
            each,
            id=count + place + 1,
            quantity=-each.quantity,
            charges=Paise(-each.charges),
            reverses_id=each.id,
        )
        for place, each in enumerate(sorted(backs, key=lambda each: each.id))
    ]


def to_lines(entries):
    return [
        ledgers.Line(
            each.id, (each.moment.as_of_ns, each.moment.seq), each.instrument_id, each.quantity,
            to_rupees(each.price), Decimal(each.charges) / 100, each.reverses_id,
        )
        for each in entries
    ]  # fmt: skip


@given(entries=draw_entries(), now=MOMENTS)
def test_positions_are_those_of_a_ledger_played_unit_by_unit(entries, now):
    held = ledgers.play(to_lines(entries), (now.as_of_ns, now.seq))

    found = {each.instrument_id: each for each in compute_positions(entries, now)}

    assert found == {
        key: Position(
            InstrumentId(key), each.units, to_pips(each.cost), to_pips(each.realised),
            Paise(int(each.charges * 100)),
        )
        for key, each in held.items()
    }  # fmt: skip


@given(entries=draw_entries(), now=MOMENTS, prices=st.lists(PRICES, min_size=3, max_size=3))
def test_whole_is_what_was_paid_and_what_is_left_and_the_sum_of_the_legs(entries, now, prices):
    marks = {InstrumentId(place + 1): price for place, price in enumerate(prices)}
    rupees = {key: to_rupees(price) for key, price in marks.items()}
    positions = compute_positions(entries, now)

    whole = sum(each.realised + each.compute_unrealised(marks[each.instrument_id])
                for each in positions)  # fmt: skip
    told = compute_profit(positions, marks)

    assert to_rupees(whole) == ledgers.value(to_lines(entries), (now.as_of_ns, now.seq), rupees)
    assert abs(100 * to_rupees(whole) - (told.realised + told.unrealised)) <= Decimal("0.5")
    assert told.net == told.realised + told.unrealised - told.charges
    assert told.charges == sum(each.charges for each in positions)


@given(entries=draw_entries(), prices=st.lists(PRICES, min_size=3, max_size=3), data=st.data())
def test_whole_is_the_same_whatever_the_order_of_fills_inside_a_step(entries, prices, data):
    marks = {InstrumentId(place + 1): price for place, price in enumerate(prices)}
    one_step = [replace(each, moment=LATEST, reverses_id=None) for each in entries]
    ids = data.draw(st.permutations([each.id for each in entries]))
    mixed = [replace(each, id=id_) for each, id_ in zip(one_step, ids, strict=True)]

    first, other = (
        compute_profit(compute_positions(each, LATEST), marks) for each in (one_step, mixed)
    )

    # What of it is realised may differ: which unit came first does.
    assert (first.net, first.charges) == (other.net, other.charges)


def test_flip_from_long_to_short_closes_what_was_bought_first():
    lots = OpenLots()
    for quantity, price in ((50, 100), (50, 120), (-75, 130), (-50, 110)):
        lots.apply(quantity, Pips(price))

    # 50 of 100 and 25 of 120 went for 130; the other 25 of 120 for 110, and 25 were sold short.
    assert (lots.units, lots.cost) == (-25, -25 * 110)
    assert lots.realised == 50 * 30 + 25 * 10 - 25 * 10


def test_entry_that_is_taken_back_never_was():
    entry = StrategyEntry(
        1, StrategyId(1), InstrumentId(7), 50, Pips(100), MarketMoment(5), Paise(10)
    )
    wrong = replace(entry, id=2, price=Pips(999), moment=MarketMoment(4))
    back = replace(wrong, id=3, quantity=-50, charges=Paise(-10), reverses_id=2)

    assert list_effective([entry, wrong, back]) == [entry]
    assert list_effective([entry, wrong, back], MarketMoment(4, 9)) == []


@pytest.mark.parametrize(
    ("units", "cost", "average"),
    [(0, 0, None), (3, 100_000, "3.3333"), (-2, -30_001, "1.5000"), (-2, -30_003, "1.5002")],
)
def test_average_is_the_cost_of_an_open_unit(units, cost, average):
    position = Position(InstrumentId(1), units, Pips(cost), Pips(0), Paise(0))

    assert position.average == (None if average is None else Decimal(average))


def test_whole_is_unknown_where_an_open_position_has_no_mark():
    open_ = Position(InstrumentId(1), 50, Pips(5_000), Pips(150), Paise(7))
    closed = Position(InstrumentId(2), 0, Pips(0), Pips(-50), Paise(3))

    told = compute_profit([open_, closed], {})
    assert (told.realised, told.unrealised, told.charges, told.net) == (1, None, 10, None)
    assert compute_profit([closed], {}).unrealised == 0
