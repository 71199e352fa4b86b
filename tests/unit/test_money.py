"""Money in whole numbers."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.money import (
    Paise,
    Pips,
    format_paise,
    parse_paise,
    round_to_paise,
    to_pips,
    to_pips_array,
    to_rupees,
)

PIPS = st.integers(-(10**15), 10**15)


@given(pips=PIPS)
def test_to_pips_takes_back_what_to_rupees_gives(pips):
    assert to_pips(to_rupees(Pips(pips))) == pips


@given(price=st.decimals(-(10**6), 10**6, places=2))
def test_to_pips_of_a_float_is_that_of_its_decimal(price):
    assert to_pips(float(price)) == to_pips(price) == int(price * 10_000)


@given(st.lists(st.integers(0, 10**12), max_size=5))
def test_to_pips_array_is_to_pips_of_each(pips):
    prices = np.array([float(to_rupees(Pips(each))) for each in pips], np.float64)
    assert to_pips_array(prices).tolist() == [to_pips(each) for each in prices.tolist()] == pips


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf, Decimal("nan")])
def test_to_pips_refuses_what_is_no_price(price):
    with pytest.raises(ValueError, match="a finite price was wanted"):
        to_pips(price)


@given(pips=PIPS)
def test_round_to_paise_is_the_decimals_rounding(pips):
    exact = (Decimal(pips) / 100).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert round_to_paise(Pips(pips)) == int(exact)


@given(paise=st.integers(-(10**13), 10**13))
def test_format_paise_is_read_back(paise):
    text = format_paise(Paise(paise))
    assert Decimal(text) * 100 == paise
    assert parse_paise(text) == paise
    assert len(text.partition(".")[2]) == 2


@pytest.mark.parametrize(("text", "paise"), [("12", 1_200), ("-0.5", -50), ("007.05", 705)])
def test_parse_paise_takes_fewer_decimals(text, paise):
    assert parse_paise(text) == paise


@pytest.mark.parametrize("text", ["", "1.005", "1e3", "1,000", " 1", "nan", "+1", "1.", "9" * 16])
def test_parse_paise_refuses_what_is_no_amount(text):
    with pytest.raises(ValueError, match="rupees with at most two decimals"):
        parse_paise(text)
