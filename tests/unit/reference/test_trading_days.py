"""Trading days over several venues."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from strikewire.core.errors import NotFoundError
from strikewire.core.instants import HOUR_NS, MINUTE_NS, parse_rfc3339
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.trading_days import find_last_opening, find_trading_day

IST = ZoneInfo("Asia/Kolkata")


@pytest.fixture(scope="module")
def rules():
    return MarketRules(load_packaged_rules(), through=date(2026, 12, 31))


def find(rules, moment, *venues, after_ns=0):
    calendars = [rules.calendar(venue) for venue in venues]
    return find_trading_day(calendars, parse_rfc3339(f"{moment}+05:30"), after_ns=after_ns)


@pytest.mark.parametrize(
    ("moment", "venues", "wanted"),
    [
        ("2026-11-16T08:00", ("NSE",), date(2026, 11, 16)),
        ("2026-11-16T12:00", ("NSE", "NFO"), date(2026, 11, 16)),
        ("2026-11-16T18:00", ("NSE", "NFO"), date(2026, 11, 17)),
        ("2026-11-16T18:00", ("NSE", "MCX"), date(2026, 11, 16)),
        ("2026-11-21T12:00", ("NSE",), date(2026, 11, 23)),
    ],
)
def test_day_goes_on_until_the_last_venue_closes(rules, moment, venues, wanted):
    assert find(rules, moment, *venues).day == wanted


def test_day_is_as_long_as_its_venues_are_open_together(rules):
    day = find(rules, "2026-11-16T10:00", "NSE", "NFO")

    assert day.opens_ns == parse_rfc3339("2026-11-16T09:15+05:30")
    assert day.closes_ns == parse_rfc3339("2026-11-16T15:40+05:30")


def test_day_goes_on_for_a_while_after_the_close(rules):
    day = find(rules, "2026-11-16T15:42", "NFO", after_ns=5 * MINUTE_NS)

    assert day.day == date(2026, 11, 16)
    assert find(rules, "2026-11-16T15:46", "NFO", after_ns=5 * MINUTE_NS).day > day.day


def test_calendar_that_has_ended_is_told(rules):
    calendar = rules.calendar("NSE")

    with pytest.raises(NotFoundError, match="a venue that will trade"):
        find_trading_day([calendar], int(calendar.closes_ns[-1]) + HOUR_NS)


@pytest.mark.parametrize(
    ("moment", "venues", "wanted"),
    [
        ("2026-11-20T12:00", ("NFO",), "2026-11-20T09:15"),
        # In the evening, and on the days after, it is still the last one.
        ("2026-11-20T20:00", ("NFO",), "2026-11-20T09:15"),
        ("2026-11-22T12:00", ("NFO",), "2026-11-20T09:15"),
        ("2026-11-23T09:14", ("NFO",), "2026-11-20T09:15"),
        ("2026-11-23T09:15", ("NFO",), "2026-11-23T09:15"),
    ],
)
def test_last_opening_is_that_of_the_day_that_goes_on_or_is_over(rules, moment, venues, wanted):
    calendars = [rules.calendar(venue) for venue in venues]
    found = find_last_opening(calendars, parse_rfc3339(f"{moment}+05:30"))

    assert found == parse_rfc3339(f"{wanted}+05:30")


def test_day_before_all_days_has_not_opened(rules):
    with pytest.raises(NotFoundError, match="the market rules begin later"):
        find_last_opening([rules.calendar("NFO")], 0)
