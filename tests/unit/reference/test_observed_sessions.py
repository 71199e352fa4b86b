"""The packaged rules against the sessions that were seen in traded data, in both directions."""

import csv
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from strikewire.core.instants import from_date, to_date, to_datetime
from strikewire.reference.market_rules import MarketRules, load_packaged_rules

# Whose sessions each recording shows, and the days it is whole for.
RECORDINGS = {
    "NSE_INDEX": ("NSE", date(2025, 7, 23), date(2026, 8, 4)),
    "BSE_INDEX": ("BSE", date(2025, 7, 30), date(2026, 8, 4)),
    "MCX": ("MCX", date(2025, 7, 30), date(2026, 8, 4)),
    "NSE_EQ": ("NSE", date(2025, 1, 1), date(2026, 7, 23)),
}

# Where recordings and rules differ, with the reason; nothing else may differ.
EXPLAINED_HOURS = {
    # Muhurat was from 13:45 (NSE circular of 2025-09-22): bars before it are no trades.
    ("NSE_INDEX", date(2025, 10, 21)): "indices computed before the Muhurat session",
    ("BSE_INDEX", date(2025, 10, 21)): "indices computed before the Muhurat session",
    ("MCX", date(2025, 10, 28)): "an outage until 13:25, told by Republic World on that day",
    ("MCX", date(2026, 8, 4)): "the recording ended at 18:00",
}


EXPLAINED_DAYS = {
    # Budget on a Saturday (NSE circular, told by Mint on 2025-01-29).
    ("NSE_EQ", date(2025, 2, 1)): "no file of that day in the recording",
}


def load_observed(path):
    """Return first and last bar by recording and day; None where only the day is known."""
    observed = defaultdict(dict)
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            bars = (row["first_bar_start"], row["last_bar_start"])
            observed[row["venue"]][date.fromisoformat(row["date"])] = bars if bars[0] else None
    return observed


def list_ruled(rules, venue, first, last):
    """Return the local hours of each session of the rules in a span of days."""
    calendar = rules.calendar(venue)
    span = slice(*np.searchsorted(calendar.days_ns, [from_date(first), from_date(last) + 1]))
    moments = (calendar.days_ns[span], calendar.opens_ns[span], calendar.closes_ns[span])
    return {
        to_date(day_ns): tuple(
            to_datetime(ns).astimezone(calendar.zone).replace(tzinfo=UTC) for ns in hours
        )
        for day_ns, *hours in zip(*(each.tolist() for each in moments), strict=True)
    }


@pytest.fixture(scope="module")
def observed(shared_data):
    return load_observed(shared_data("calendars/observed_sessions_2025_2026.csv"))


@pytest.fixture(scope="module")
def rules():
    return MarketRules(load_packaged_rules(), through=date(2026, 8, 31))


@pytest.mark.parametrize("recording", RECORDINGS)
def test_days_with_a_session_are_the_days_on_which_was_traded(observed, rules, recording):
    venue, first, last = RECORDINGS[recording]
    seen = {day for day in observed[recording] if first <= day <= last}
    ruled = set(list_ruled(rules, venue, first, last))

    unseen = ruled - seen
    if recording == "NSE_EQ":
        # A hole in the recording, not in the trading: the indices were recorded meanwhile.
        unseen -= set(observed["NSE_INDEX"])
    assert len(seen) >= 250
    assert sorted(seen - ruled) == []
    assert unseen == {day for name, day in EXPLAINED_DAYS if name == recording}


@pytest.mark.parametrize("recording", ["NSE_INDEX", "BSE_INDEX", "MCX"])
def test_first_and_last_bar_are_where_the_rules_open_and_close(observed, rules, recording):
    venue, first, last = RECORDINGS[recording]
    ruled = list_ruled(rules, venue, first, last)

    different = {
        day
        for day, (first_bar, last_bar) in observed[recording].items()
        if day in ruled and not is_as_ruled(day, first_bar, last_bar, *ruled[day])
    }

    assert different == {day for name, day in EXPLAINED_HOURS if name == recording}


def is_as_ruled(day, first_bar, last_bar, opens, closes):
    """Bars of three minutes: the last starts at most four before the close, or at it."""
    first, last = (datetime.fromisoformat(f"{day}T{bar}Z") for bar in (first_bar, last_bar))
    return first == opens and timedelta(0) <= closes - last <= timedelta(minutes=4)


def test_equity_derivatives_close_ten_minutes_later_from_august_2026(rules):
    closes = {
        day: f"{hours[1]:%H:%M}"
        for venue in ("NFO", "BFO")
        for day, hours in list_ruled(rules, venue, date(2026, 7, 27), date(2026, 8, 7)).items()
    }

    assert len(closes) == 10
    assert {closes[day] for day in closes if day < date(2026, 8, 3)} == {"15:30"}
    assert {closes[day] for day in closes if day >= date(2026, 8, 3)} == {"15:40"}
