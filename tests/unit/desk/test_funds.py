"""What an account has to trade with."""

from __future__ import annotations

import pytest

from strikewire.analytics.margin import ScenarioMargin
from strikewire.core.accounts import Account, Broker
from strikewire.core.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import AccountId, Product
from strikewire.core.users import UserId
from strikewire.desk.funds import compute_funds, list_margined
from strikewire.desk.ledger import Position
from strikewire.desk.margins import AccountMargin, MarginNeed, UnknownMargin
from strikewire.desk.marks import Mark
from strikewire.desk.positions import AccountPosition, HeldPosition

ACCOUNT = Account(
    id=AccountId(1), user_id=UserId(1), name="x", broker=Broker.PAPER, opening=Paise(10_000_000),
    limits={}, created_ns=0,
)  # fmt: skip
NO_MARGIN = AccountMargin(MarginNeed(), MarginNeed())
FUTURE, CALL, SHARE = InstrumentKind.FUTURE, InstrumentKind.CALL, InstrumentKind.EQUITY


def hold(kind, units, cost, mark, *, product=Product.NRML, realised=0, charges=0):
    """Hold units for what they cost together, at a mark; whole rupees, as is what was realised."""
    instrument = Instrument(InstrumentId(units % 97), InstrumentSpec("NFO", f"{kind}{units}", kind))
    position = Position(
        instrument.id, units, Pips(cost * 10_000), Pips(realised * 10_000), Paise(charges)
    )
    price = None if mark is None else Pips(mark * 10_000)
    return HeldPosition(
        instrument,
        25,
        AccountPosition(product, position, 0, 0, Paise(0)),
        Mark(price=price),
        position.compute_unrealised(price),
    )


def make_margin(rupees):
    return MarginNeed(ScenarioMargin(initial=rupees))


def test_funds_are_what_is_left_of_all_that_came_and_went():
    positions = [
        hold(FUTURE, 50, 1_000, 10, realised=250, charges=4_018),
        hold(CALL, 25, 4_500, 190),
        hold(CALL, -75, -7_500, 90),
        hold(SHARE, 10, 25_000, 2_600, product=Product.CNC),
        hold(SHARE, 20, 40_000, 1_990, product=Product.MIS),
    ]
    margin = AccountMargin(make_margin(8_000.5), make_margin(9_100.25))

    funds = compute_funds(ACCOUNT, positions, margin)

    assert (funds.realised, funds.charges, funds.balance) == (25_000, 4_018, 10_020_982)
    assert funds.paid == (4_500 - 7_500 + 25_000) * 100
    # The future lost 500, the shares of the day 200.
    assert funds.owed == 700 * 100
    assert (funds.margin, funds.blocked) == (800_050, 109_975)
    assert funds.available == 10_020_982 - 2_200_000 - 70_000 - 800_050 - 109_975
    assert funds.unrealised == (-500 + 250 + 750 + 1_000 - 200) * 100


def test_gain_that_is_not_realised_is_not_there_yet():
    funds = compute_funds(ACCOUNT, [hold(FUTURE, 50, 1_000, 30)], NO_MARGIN)

    assert (funds.unrealised, funds.owed, funds.available) == (50_000, 0, ACCOUNT.opening)


def test_order_that_closes_what_is_held_blocks_nothing():
    margin = AccountMargin(make_margin(500.0), make_margin(400.0))
    funds = compute_funds(ACCOUNT, [], margin)

    assert (funds.margin, funds.blocked) == (50_000, 0)
    assert funds.available == ACCOUNT.opening - 50_000


@pytest.mark.parametrize(
    ("position", "margin"),
    [
        (hold(FUTURE, 50, 1_000, None), NO_MARGIN),
        (
            hold(FUTURE, 50, 1_000, 20),
            AccountMargin(MarginNeed(), MarginNeed(), (UnknownMargin("NFO:NIFTY", "x", "y"),)),
        ),
    ],
)
def test_what_is_available_is_unknown_where_a_price_is(position, margin):
    funds = compute_funds(ACCOUNT, [position], margin)

    assert funds.available is None
    assert funds.balance == ACCOUNT.opening
    assert funds.unknown == tuple(each.name for each in margin.unknown)


def test_delivered_shares_and_what_is_closed_take_no_margin():
    positions = [
        hold(SHARE, 10, 25_000, 2_600, product=Product.CNC),
        hold(FUTURE, 0, 0, None),
        hold(CALL, -75, -7_500, 90),
    ]

    assert [each.quantity for each in list_margined(positions)] == [-75]
