from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from strikewire.core.instants import SECOND_NS
from strikewire.core.instruments import InstrumentKind
from strikewire.core.orders import MarketMoment, OrderState, OrderType, Side, Validity
from strikewire.desk.brokers.matching import Slippage
from strikewire.desk.brokers.paper import PaperConfig
from tests.unit.desk.paper_desk import OPEN, PaperDesk, make_instrument

BOOK = {"bids": [(99.9, 50), (99.8, 50)], "asks": [(100.1, 50), (100.2, 80)]}


# -- taking an order ----------------------------------------------------------------------------


def test_a_market_order_is_filled_at_once_out_of_the_book_that_stands():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)

    order = desk.place(quantity=100)

    assert desk.state(order) is OrderState.COMPLETE
    assert desk.fills(order) == [(100.1, 50), (100.2, 50)]
    (report,) = desk.reports
    assert report.is_taken
    assert [new.fill.moment for new in report.fills] == [MarketMoment(OPEN, 1)] * 2
    assert [new.charges for new in report.fills] == [{"brokerage": 10}, {"brokerage": 0}]


def test_the_rest_of_an_order_is_filled_by_the_books_that_come():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)

    order = desk.place(quantity=300)
    desk.step(100.0, at=1, **BOOK)
    # Nothing new about the book: nobody can take of it again.
    desk.step(100.0, at=2)
    partly = desk.filled(order)
    desk.step(100.0, at=3, asks=[(100.3, 500)])

    assert partly == 260
    assert desk.fills(order)[-1] == (100.3, 40)
    assert desk.state(order) is OrderState.COMPLETE


def test_an_account_takes_each_level_once_and_another_has_its_own():
    desk = PaperDesk()
    desk.step(100.0, asks=[(100.1, 50)])

    first, second = desk.place(quantity=50), desk.place(quantity=50)
    third = desk.place(quantity=50, account=2)

    assert [desk.filled(each) for each in (first, second, third)] == [50, 0, 50]


def test_a_book_is_shared_by_price_and_then_by_age():
    desk = PaperDesk()
    desk.step(100.0, asks=[(105.0, 1)])
    cheap = desk.place(OrderType.LIMIT, price=100)
    dear = desk.place(OrderType.LIMIT, price=101)
    later = desk.place(OrderType.LIMIT, price=101)

    desk.step(100.0, at=1, asks=[(99.0, 150)])

    assert [desk.filled(each) for each in (dear, later, cheap)] == [100, 50, 0]
    assert desk.fills(dear) == [(101.0, 100)], "who stood there gets his own price"


def test_without_a_book_the_last_price_fills_whole_and_slips():
    desk = PaperDesk(config=PaperConfig(slippage=Slippage(ticks=2)))
    desk.step(100.0)

    order = desk.place(side=Side.SELL, quantity=5_000)

    assert desk.fills(order) == [(99.9, 5_000)]


def test_a_book_that_is_not_told_any_more_does_not_count():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)
    desk.step(110.0, at=61)

    order = desk.place(quantity=500)

    assert desk.fills(order) == [(110.05, 500)]


def test_an_order_stays_pending_until_its_price_is_known_and_its_market_open():
    desk = PaperDesk()
    early = desk.place()
    desk.step(100.0, at=-60)
    desk.offer(early)
    desk.step(100.0, at=1, number=2)
    desk.offer(early)
    assert not desk.reports

    desk.step(100.0, at=2)
    desk.offer(early)

    assert desk.fills(early) == [(100.05, 100)]


@pytest.mark.parametrize(
    ("instrument", "reason"),
    [
        (make_instrument(1, expiry=date(2022, 12, 29)), "last session, on 2022-12-29"),
        (make_instrument(9), "no rule says what TEST9 is charged"),
    ],
)
def test_an_order_that_can_never_be_filled_is_rejected_with_the_reason(instrument, reason):
    desk = PaperDesk()
    desk.step(100.0)

    order = desk.place(instrument=instrument)

    assert desk.state(order) is OrderState.REJECTED
    assert reason in desk.reason(order)


def test_a_contract_is_traded_on_its_last_day_and_not_after_it():
    desk = PaperDesk()
    last_day = make_instrument(1, kind=InstrumentKind.CALL, expiry=date(2022, 12, 30))
    desk.step(100.0)

    there = desk.place(instrument=last_day)
    desk.step(100.0, at=375 * 60)
    over = desk.place(instrument=last_day)

    assert [desk.state(there), desk.state(over)] == [OrderState.COMPLETE, OrderState.REJECTED]


# -- waiting ------------------------------------------------------------------------------------


def test_a_limit_order_waits_and_is_filled_at_its_price_when_the_market_comes():
    desk = PaperDesk()
    desk.step(100.0)
    order = desk.place(OrderType.LIMIT, price=98)

    states = [desk.state(order)]
    for second, last in enumerate([99.0, 98.05, 97.5], start=1):
        desk.step(last, at=second)
        states.append(desk.state(order))

    assert states == [OrderState.OPEN] * 3 + [OrderState.COMPLETE]
    assert desk.fills(order) == [(98.0, 100)]
    assert desk.orders[order].progress.matched == MarketMoment(OPEN + 3 * SECOND_NS, 4)


def test_a_stop_is_triggered_by_a_trade_and_then_takes_what_there_is():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)
    stop = desk.place(OrderType.SL_M, side=Side.SELL, quantity=80, trigger=99)

    waiting = desk.state(stop)
    desk.step(98.9, at=1)
    triggered = (desk.state(stop), desk.fills(stop))
    desk.step(98.9, at=2, **BOOK)

    assert waiting is OrderState.TRIGGER_PENDING
    # The book that stands: none came with the trade.
    assert triggered == (OrderState.COMPLETE, [(99.9, 50), (99.8, 30)])
    assert len(desk.fills(stop)) == 2


def test_a_stop_with_a_limit_opens_when_triggered_and_stands_at_its_limit():
    desk = PaperDesk()
    desk.step(100.0)
    stop = desk.place(OrderType.SL, price=101, trigger=102)

    desk.step(102.0, at=1)
    triggered = desk.state(stop)
    desk.step(100.5, at=2)

    assert triggered is OrderState.OPEN
    assert desk.fills(stop) == [(101.0, 100)]


def test_ioc_takes_what_there_is_and_goes():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)

    some = desk.place(quantity=500, validity=Validity.IOC)
    none = desk.place(OrderType.LIMIT, price=90, validity=Validity.IOC)

    assert [desk.state(each) for each in (some, none)] == [OrderState.CANCELLED] * 2
    assert [desk.filled(each) for each in (some, none)] == [130, 0]
    assert "IOC" in desk.reason(some)


def test_a_day_ends_with_its_session_though_nothing_trades():
    desk = PaperDesk()
    desk.step(100.0)
    order = desk.place(OrderType.LIMIT, price=90)

    desk.pass_time(374 * 60)
    before = desk.state(order)
    desk.pass_time(375 * 60)

    assert (before, desk.state(order)) == (OrderState.OPEN, OrderState.CANCELLED)
    assert desk.reason(order) == "its day is over"
    assert desk.broker.waiting_count == 0


def test_nothing_is_filled_by_what_trades_at_the_close_or_after_it():
    desk = PaperDesk()
    desk.step(100.0)
    order = desk.place(OrderType.LIMIT, price=90)

    desk.step(80.0, at=375 * 60)

    assert (desk.state(order), desk.fills(order)) == (OrderState.CANCELLED, [])


def test_an_order_of_a_day_that_nobody_heard_the_end_of_ends_with_the_next_day():
    desk = PaperDesk()
    desk.step(100.0)
    order = desk.place(OrderType.LIMIT, price=90)

    # As a session rolls over: another recording, numbered from 1.
    desk.engine.clear()
    desk.engine.register([make_instrument(1)])
    desk.seq = 0
    desk.pass_time(-OPEN / SECOND_NS)
    between = desk.state(order)
    desk.step(80.0, at=24 * 3_600)

    assert (between, desk.state(order)) == (OrderState.OPEN, OrderState.CANCELLED)
    assert desk.fills(order) == []


def test_only_orders_of_touched_instruments_are_matched():
    desk = PaperDesk()
    desk.step(100.0)
    desk.step(100.0, number=2)
    other = make_instrument(2)
    first = desk.place(OrderType.LIMIT, price=95)
    second = desk.place(OrderType.LIMIT, price=95, instrument=other)

    assert desk.broker.list_wanted() == {1, 2}
    desk.step(94.0, at=1, number=2)

    assert [desk.filled(each) for each in (first, second)] == [0, 100]
    assert desk.broker.list_wanted() == {1}


# -- wishes -------------------------------------------------------------------------------------


def test_a_modified_order_is_matched_as_one_that_comes_now():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)
    order = desk.place(OrderType.LIMIT, price=99)

    wanted = desk.modify(order, quantity=60, price=100.2)

    report = desk.reports[-1]
    assert desk.fills(order) == [(100.1, 50), (100.2, 10)]
    assert (report.answers, report.terms.quantity) == (wanted, 60)


def test_a_modified_order_loses_its_place():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)
    first, second = (desk.place(OrderType.LIMIT, price=99) for _ in range(2))

    desk.modify(first, quantity=100, price=99)
    desk.step(98.0, at=1, asks=[(98.5, 100)])

    assert [desk.filled(each) for each in (first, second)] == [0, 100]


def test_an_order_is_not_made_smaller_than_what_is_filled():
    desk = PaperDesk()
    desk.step(100.0, **BOOK)
    order = desk.place(OrderType.LIMIT, price=100.1)

    wanted = desk.modify(order, quantity=50, price=100.1)

    report = desk.reports[-1]
    assert report.answers == wanted
    assert report.refusal == "50 units were wanted, and 50 are filled already"
    assert desk.broker.waiting_count == 1


def test_an_order_that_is_not_taken_yet_is_modified_where_it_is_stored():
    desk = PaperDesk()
    order = desk.place(OrderType.LIMIT, price=99)

    desk.modify(order, quantity=70, price=98)

    assert desk.state(order) is OrderState.PENDING
    assert desk.orders[order].terms.quantity == 70


@pytest.mark.parametrize("is_taken", [True, False])
def test_an_order_is_cancelled_taken_or_not(is_taken):
    desk = PaperDesk()
    if is_taken:
        desk.step(100.0)
    order = desk.place(OrderType.LIMIT, price=99)

    desk.cancel(order)
    desk.step(90.0, at=5)

    assert (desk.state(order), desk.reason(order)) == (OrderState.CANCELLED, "by somebody")
    assert not desk.fills(order)


def test_a_market_that_is_over_ends_its_orders_and_takes_no_more():
    desk = PaperDesk()
    desk.step(100.0)
    waiting = desk.place(OrderType.LIMIT, price=99)

    desk.broker.end("the recording is over")
    late = desk.place()

    assert [desk.state(waiting), desk.state(late)] == [OrderState.CANCELLED, OrderState.REJECTED]
    assert desk.reason(late) == "the recording is over"


# -- strategies ---------------------------------------------------------------------------------


def test_a_strategy_is_told_of_its_fills_in_the_step():
    desk = PaperDesk()
    desk.step(100.0)
    desk.place(OrderType.LIMIT, Side.SELL, price=101, strategy=7)
    desk.place(OrderType.LIMIT, price=99)

    desk.step(102.0, at=1)
    desk.step(98.0, at=2)

    (entry,) = desk.entries
    assert (entry.strategy_id, entry.quantity, entry.fill_number) == (7, -100, 1)
    assert entry.moment == MarketMoment(OPEN + SECOND_NS, 2)
    assert entry.charges == 10


# -- backwards, and again -----------------------------------------------------------------------


def test_an_order_is_filled_once_however_often_the_market_is_played():
    desk = PaperDesk()
    steps = [(100.0, 0), (99.0, 1), (98.0, 2), (97.0, 3)]
    for last, second in steps[:2]:
        desk.step(last, at=second)
    done, waiting = (desk.place(OrderType.LIMIT, price=price) for price in (98, 97))
    for last, second in steps[2:3]:
        desk.step(last, at=second)

    desk.go_back()
    for last, second in steps:
        desk.step(last, at=second)

    assert [desk.fills(each) for each in (done, waiting)] == [[(98.0, 100)], [(97.0, 100)]]
    assert desk.orders[waiting].progress.matched == MarketMoment(OPEN + 3 * SECOND_NS, 4)


def test_an_order_waits_for_the_market_to_come_to_where_it_was_placed():
    desk = PaperDesk()
    desk.step(100.0)
    desk.step(101.0, at=10)
    order = desk.place(OrderType.LIMIT, price=90)

    desk.go_back()
    desk.step(80.0, at=5)
    desk.modify(order, quantity=100, price=85)
    early = desk.fills(order)
    desk.step(80.0, at=11)

    assert early == []
    assert desk.fills(order) == [(85.0, 100)]


def test_what_was_taken_of_a_book_stays_taken_when_it_is_played_again():
    desk = PaperDesk()
    desk.step(100.0, asks=[(100.1, 50)])
    desk.place(quantity=50)

    desk.go_back()
    desk.step(100.0, asks=[(100.1, 50)])

    again, other = desk.place(quantity=50), desk.place(quantity=50, account=2)
    assert [desk.filled(again), desk.filled(other)] == [0, 50]


def test_steps_made_again_after_a_restart_fill_as_if_nothing_had_happened(rng):
    """The same steps, broken off anywhere, and gone on with from what was committed."""
    prices = 100 + np.cumsum(rng.choice([-0.05, 0.0, 0.05], 120))
    books = [
        {
            "bids": [(price - 0.05 * n, int(rng.integers(1, 40))) for n in range(1, 4)],
            "asks": [(price + 0.05 * n, int(rng.integers(1, 40))) for n in range(1, 4)],
        }
        for price in prices
    ]

    def play(desk, first, last):
        for n in range(first, last):
            desk.step(prices[n], at=n, **(books[n] if n % 3 else {}))

    def begin():
        desk = PaperDesk()
        play(desk, 0, 1)
        for n in (0, 1, 2, 2, 3, 3, 3, 4, 5, 5, 6, 7):
            side = Side.BUY if n % 2 else Side.SELL
            away = 0.05 * n * side.sign
            desk.place(OrderType.LIMIT, side, 60, price=round(100 - away, 2))
            desk.place(
                OrderType.SL_M, side, 60, trigger=round(100 + 2 * away + 0.05 * side.sign, 2)
            )
        return desk

    undisturbed = begin()
    play(undisturbed, 1, 120)
    wanted = {order: undisturbed.fills(order) for order in undisturbed.orders}
    assert sum(len(each) for each in wanted.values()) > 12

    for _ in range(10):
        committed, died = sorted(rng.integers(2, 119, 2).tolist())
        first = begin()
        play(first, 1, committed)
        stored, reported = dict(first.orders), len(first.reports)
        play(first, committed, died)
        second = PaperDesk()
        second.orders = stored
        second.reports = first.reports[:reported]
        second.recall()
        for order in stored.values():
            if not order.progress.state.is_final:
                second.broker.hold(order, make_instrument(1), second.list_fills(order.id))
        # From the last checkpoint: what was committed is played again as well.
        play(second, 0, 120)
        assert {order: second.fills(order) for order in stored} == wanted
