"""One volatility a day: which days there are, and what each says."""

from __future__ import annotations

import math
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strikewire.core.chain_rows import EXPIRY_METRICS_DTYPE
from strikewire.core.instants import DAY_NS, MINUTE_NS, parse_rfc3339
from strikewire.live.chain_rollups import keep_last_of_days
from strikewire.live.daily_vols import compute_daily_vols, list_days
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.sessions import SessionCalendar

OPEN_NS = parse_rfc3339("2022-12-30T09:15:00+05:30")
CLOSE_NS = parse_rfc3339("2022-12-30T15:30:00+05:30")
CALENDAR = MarketRules(load_packaged_rules(), through=date(2022, 12, 30)).calendar("NFO")


def make_rows(*told):
    rows = np.zeros(len(told), EXPIRY_METRICS_DTYPE)
    for row, (place, minute_ns, vol) in zip(rows, told, strict=True):
        row["expiry_id"], row["ts_ns"], row["atm_iv"] = place, minute_ns, vol
    return rows


@pytest.mark.parametrize(
    ("until_ns", "last"),
    [
        (OPEN_NS, "2022-12-29"),
        (OPEN_NS + 1, "2022-12-30"),
        (CLOSE_NS + DAY_NS, "2022-12-30"),
        # A Sunday.
        (OPEN_NS - 5 * DAY_NS, "2022-12-23"),
    ],
)
def test_days_are_those_that_had_begun(until_ns, last):
    days = list_days(CALENDAR, until_ns, 3)

    stamps = days.days_ns.astype("datetime64[ns]").astype("datetime64[D]")
    assert len(days) == 3
    assert str(stamps[-1]) == last
    assert (days.spans_ns[:, 1] - days.spans_ns[:, 0] == 376 * MINUTE_NS).all()


def test_before_the_first_day_there_is_none():
    assert len(list_days(CALENDAR, int(CALENDAR.opens_ns[0]), 3)) == 0
    assert len(list_days(CALENDAR, int(CALENDAR.opens_ns[2]), 300)) == 2


def test_minute_at_which_one_day_ends_and_another_begins_is_the_new_ones():
    opens_ns = np.array([0, DAY_NS])
    always = SessionCalendar("X", ZoneInfo("UTC"), opens_ns, opens_ns, opens_ns + DAY_NS)

    days = list_days(always, 2 * DAY_NS, 5)

    assert days.spans_ns.tolist() == [[0, DAY_NS], [DAY_NS, 2 * DAY_NS + MINUTE_NS]]


def test_newest_row_of_each_chain_and_day_is_kept():
    days = list_days(CALENDAR, CLOSE_NS, 2)
    rows = make_rows(
        (1, CLOSE_NS, 0.3),
        (0, OPEN_NS + MINUTE_NS, 0.2),
        (0, OPEN_NS, 0.1),
        (0, OPEN_NS + MINUTE_NS, 0.2),
        (0, OPEN_NS - DAY_NS, 0.4),
        # At night, and before the first day.
        (0, CLOSE_NS + MINUTE_NS, 9.0),
        (0, OPEN_NS - 9 * DAY_NS, 9.0),
    )

    assert keep_last_of_days(rows, days)["atm_iv"].tolist() == [0.4, 0.2, 0.3]
    assert not len(keep_last_of_days(rows[-2:], days))


def test_time_is_counted_from_the_newest_row_of_the_day():
    days = list_days(CALENDAR, CLOSE_NS, 2)
    end_ns = CLOSE_NS
    cutoffs_ns = end_ns + np.array([10, 40]) * DAY_NS
    # The far one was told of hours before.
    rows = make_rows((0, end_ns - MINUTE_NS, 0.2), (1, OPEN_NS, 0.3))

    found = compute_daily_vols(rows, cutoffs_ns, days, horizon_ns=30 * DAY_NS)

    # Two thirds of the way from 10 to 40 days, in variance times days.
    total = 0.2**2 * 10 / 3 + 0.3**2 * 40 * 2 / 3
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(math.sqrt(total / 30), rel=1e-12)


def test_expiry_that_ends_that_day_or_is_unknown_says_nothing():
    days = list_days(CALENDAR, CLOSE_NS, 1)
    cutoffs_ns = CLOSE_NS + np.array([0, 7, 14]) * DAY_NS
    told = [(0, CLOSE_NS - MINUTE_NS, 0.9), (1, CLOSE_NS - MINUTE_NS, np.nan)]

    known = compute_daily_vols(
        make_rows(*told, (2, OPEN_NS, 0.2)), cutoffs_ns, days, horizon_ns=30 * DAY_NS
    )
    unknown = compute_daily_vols(make_rows(*told), cutoffs_ns, days, horizon_ns=30 * DAY_NS)

    assert known.tolist() == [0.2]
    assert np.isnan(unknown).all()
