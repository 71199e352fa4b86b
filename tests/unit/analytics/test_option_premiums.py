from __future__ import annotations

import math

import numpy as np
import pytest

from strikewire.analytics.options.premiums import OptionQuotes, choose_premiums, merge_reasons
from strikewire.analytics.options.rows import Reason

NAN = math.nan


@pytest.mark.parametrize(
    ("ltp", "age_s", "bid", "ask", "premium", "reason"),
    [
        (10.0, 1.0, 11.0, 11.5, 11.25, Reason.NONE),
        (10.0, 1.0, 11.0, 11.0, 11.0, Reason.NONE),
        (NAN, NAN, 11.0, 11.5, 11.25, Reason.NONE),
        (10.0, 9_999.0, 11.0, 11.5, 11.25, Reason.NONE),
        (10.0, 1.0, 12.0, 11.5, NAN, Reason.CROSSED),
        (10.0, 1.0, 0.0, 11.5, 10.0, Reason.NONE),
        (10.0, 1.0, 11.0, NAN, 10.0, Reason.NONE),
        (10.0, 60.0, NAN, NAN, 10.0, Reason.NONE),
        (10.0, 60.5, NAN, NAN, NAN, Reason.STALE),
        (10.0, NAN, NAN, 11.5, NAN, Reason.STALE),
        (NAN, NAN, NAN, 11.5, NAN, Reason.NO_PREMIUM),
        (0.0, 1.0, NAN, NAN, NAN, Reason.NO_PREMIUM),
    ],
)
def test_premium_is_the_middle_of_the_book_or_a_young_trade(ltp, age_s, bid, ask, premium, reason):
    quotes = OptionQuotes(*(np.array([each]) for each in (ltp, age_s, bid, ask)))
    premiums, reasons = choose_premiums(quotes, age_max_s=60.0)
    np.testing.assert_array_equal(premiums, [premium])
    assert reasons.tolist() == [reason]


def test_reason_of_a_missing_premium_is_the_reason_of_the_volatility():
    implied = np.array(
        [Reason.NO_PREMIUM, Reason.NO_PREMIUM, Reason.EXPIRED, Reason.NONE], np.uint8
    )
    premiums = np.array([Reason.STALE, Reason.CROSSED, Reason.STALE, Reason.NONE], np.uint8)
    assert merge_reasons(implied, premiums).tolist() == [
        Reason.STALE,
        Reason.CROSSED,
        Reason.EXPIRED,
        Reason.NONE,
    ]
