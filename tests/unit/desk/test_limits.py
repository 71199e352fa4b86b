"""What an account's limits are, and how they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import InvalidInputError
from strikewire.core.money import Paise
from strikewire.desk.limits import AccountLimits

COUNTS = st.none() | st.integers(1, 10**12)
AMOUNTS = st.none() | st.integers(1, 10**15).map(Paise)


@given(orders=COUNTS, value=AMOUNTS, loss=AMOUNTS, quantity=COUNTS)
def test_limits_are_read_as_they_are_written(orders, value, loss, quantity):
    limits = AccountLimits(orders, value, loss, quantity)

    assert AccountLimits.from_json(limits.to_json()) == limits


def test_what_is_not_named_limits_nothing():
    limits = AccountLimits.from_json({"max_order_value": "250000"})

    assert limits == AccountLimits(max_order_value=Paise(25_000_000))
    assert limits.list_missing() == ["max_orders_per_day", "max_loss_per_day", "max_open_quantity"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"max_lots": 5}, "was max_lots"),
        ({"max_orders_per_day": 0}, "max_orders_per_day: a whole number from 1"),
        ({"max_orders_per_day": True}, "was True"),
        ({"max_orders_per_day": "5"}, "was '5'"),
        ({"max_open_quantity": 10**13}, "max_open_quantity: a whole number"),
        ({"max_order_value": 5}, "max_order_value: a string of rupees above 0"),
        ({"max_order_value": "0.00"}, "a string of rupees above 0"),
        ({"max_loss_per_day": "-5"}, "a string of rupees above 0"),
        ({"max_loss_per_day": "5.001"}, "max_loss_per_day: rupees with at most two decimals"),
    ],
)
def test_what_is_no_limit_is_refused_by_its_name(given, wanted):
    with pytest.raises(InvalidInputError, match=wanted):
        AccountLimits.from_json(given)
