"""What a day may lose: at that loss nothing is opened, and what closes is let through."""

from __future__ import annotations

import pytest

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import OrderTerms, OrderType, Product, Side, Validity
from strikewire.desk.limits import AccountLimits
from strikewire.desk.order_checks import Check
from strikewire.desk.order_limits import AccountState, find_limit
from strikewire.store.desk_order_figures import Exposure

FUTURE = InstrumentId(1)
#: 1,000 rupees.
LIMITS = AccountLimits(max_loss_per_day=Paise(100_000))
LOST = Pips(-10_000_000)


def find(made, exposure, side, *quantities):
    terms = [
        OrderTerms(FUTURE, side, OrderType.MARKET, Product.NRML, Validity.DAY, each)
        for each in quantities
    ]
    state = AccountState(LIMITS, 0, {(FUTURE, Product.NRML): exposure}, made)
    found = find_limit(state, [(each, None) for each in terms])
    return None if found is None else (found[0], found[1].check)


@pytest.mark.parametrize("made", [Pips(0), Pips(LOST + 1_000), Pips(10**9)])
def test_day_that_has_lost_less_opens_what_it_likes(made):
    assert find(made, Exposure(), Side.BUY, 65) is None


@pytest.mark.parametrize("made", [LOST, Pips(LOST - 1), None])
def test_day_that_has_lost_so_much_or_nobody_knows_what_opens_nothing(made):
    for held, side in ((0, Side.BUY), (0, Side.SELL), (65, Side.BUY), (-65, Side.SELL)):
        assert find(made, Exposure(held), side, 65) == (0, Check.LOSS_PER_DAY)


@pytest.mark.parametrize("made", [LOST, None])
def test_what_closes_is_let_through_as_far_as_there_is_something_to_close(made):
    for held, side in ((130, Side.SELL), (-130, Side.BUY)):
        assert find(made, Exposure(held), side, 65, 65) is None
        # The third would turn it around.
        assert find(made, Exposure(held), side, 65, 65, 65) == (2, Check.LOSS_PER_DAY)
    # Another order closes it already.
    assert find(made, Exposure(65, selling=65), Side.SELL, 65) == (0, Check.LOSS_PER_DAY)
