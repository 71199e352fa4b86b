from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strikewire.core.errors import InvalidInputError, NotFoundError
from strikewire.core.instants import (
    DAY_NS,
    HOUR_NS,
    from_date,
    from_datetime,
    to_date,
    to_datetime,
)
from strikewire.reference.market_rules import (
    FIRST_DAY,
    MarketRule,
    MarketRules,
    load_packaged_rules,
)

THROUGH = date(2026, 8, 31)
INDIA = ("BCD", "BFO", "BSE", "CDS", "MCX", "NFO", "NSE")
VENUES = ("BCD", "BFO", "BSE", "CDS", "CME", "MCX", "NFO", "NSE", "NYSE")


@pytest.fixture
def rules():
    return MarketRules(load_packaged_rules(), through=THROUGH)


def row(venue="NFO", kind="session", begin=date(2026, 1, 1), end=None, **value):
    if kind == "session":
        value = {
            "weekdays": [1, 2, 3, 4, 5],
            "open": "09:15",
            "close": "15:30",
            "zone": "Asia/Kolkata",
            **value,
        }
    return MarketRule(venue, kind, begin, end, value, "a test")


def hours(rules, venue, day):
    """Return the local hours of a day's session, found in the calendar; None if it is closed."""
    calendar = rules.calendar(venue)
    at = np.flatnonzero(calendar.days_ns == from_date(day))
    if not len(at):
        return None
    zone = calendar.zone
    moments = (int(calendar.opens_ns[at[0]]), int(calendar.closes_ns[at[0]]))
    return tuple(f"{to_datetime(moment).astimezone(zone):%H:%M}" for moment in moments)


def test_packaged_rows_name_their_source_and_cover_every_venue(rules):
    assert rules.venues == VENUES
    assert all(rule.source for rule in load_packaged_rules())
    assert {rules.zone(venue) for venue in INDIA} == {ZoneInfo("Asia/Kolkata")}
    assert rules.zone("CME") == ZoneInfo("America/Chicago")


@pytest.mark.parametrize("venue", VENUES)
def test_calendar_is_ordered_and_bounded(rules, venue):
    calendar = rules.calendar(venue)

    assert calendar is rules.calendar(venue)
    assert np.all(calendar.opens_ns < calendar.closes_ns)
    assert np.all(calendar.closes_ns[:-1] <= calendar.opens_ns[1:])
    assert np.all(np.diff(calendar.days_ns) >= DAY_NS)
    assert to_date(int(calendar.days_ns[0])) >= FIRST_DAY
    assert to_date(int(calendar.days_ns[-1])).year == THROUGH.year + 5


@pytest.mark.parametrize(
    ("venue", "day", "wanted"),
    [
        ("NFO", date(2026, 7, 31), ("09:15", "15:30")),
        ("NFO", date(2026, 8, 3), ("09:15", "15:40")),
        ("BFO", date(2026, 8, 3), ("09:15", "15:40")),
        ("NSE", date(2026, 8, 3), ("09:15", "15:30")),
        ("NSE", date(2009, 12, 31), ("09:55", "15:30")),
        ("NSE", date(2010, 1, 4), ("09:00", "15:30")),
        ("NSE", date(2010, 10, 18), ("09:15", "15:30")),
        ("NSE", date(2026, 8, 1), None),
        ("NFO", date(2000, 6, 9), None),
        ("MCX", date(2018, 12, 28), ("10:00", "23:55")),
        ("MCX", date(2018, 12, 31), ("09:00", "23:55")),
        ("MCX", date(2023, 11, 3), ("09:00", "23:30")),
        ("MCX", date(2023, 11, 6), ("09:00", "23:55")),
        ("CDS", date(2025, 1, 1), ("09:00", "17:00")),
        # Holidays, and days that are open all the same.
        ("NFO", date(2025, 10, 22), None),
        ("NFO", date(2024, 11, 1), ("18:00", "19:00")),
        ("NSE", date(2025, 10, 21), ("13:45", "14:45")),
        ("NSE", date(2026, 2, 1), ("09:15", "15:30")),
        ("BFO", date(2025, 2, 1), ("09:15", "15:30")),
        ("NFO", date(2024, 3, 2), ("09:15", "12:30")),
        ("NSE", date(2024, 1, 20), ("09:15", "15:30")),
        ("NSE", date(2024, 1, 22), None),
        # Half a holiday ends, or begins, where the evening does; the evening's end follows the US.
        ("MCX", date(2025, 10, 22), ("17:00", "23:30")),
        ("MCX", date(2026, 3, 3), ("17:00", "23:55")),
        ("MCX", date(2026, 1, 1), ("09:00", "17:00")),
        ("MCX", date(2026, 1, 26), None),
        ("NYSE", date(2026, 11, 27), ("09:30", "13:00")),
        ("NYSE", date(2026, 11, 26), None),
        ("CME", date(2026, 11, 27), ("17:00", "12:00")),
        ("CME", date(2026, 11, 20), ("17:00", "16:00")),
    ],
)
def test_hours_follow_the_dated_rows(rules, venue, day, wanted):
    assert hours(rules, venue, day) == wanted


def test_session_text_is_what_charting_libraries_read(rules):
    assert rules.session_text("NFO", date(2026, 7, 31)) == "0915-1530"
    assert rules.session_text("NFO", date(2026, 8, 3)) == "0915-1540"
    assert rules.session_text("NFO", date(1990, 1, 1)) == "0955-1530"
    six_days = rules.overlay([row("XNG", weekdays=[1, 2, 3, 4, 5, 7])])
    assert six_days.session_text("XNG", THROUGH) == "0915-1530:123456"


def test_unknown_venue_says_which_are_known(rules):
    for ask in (rules.calendar, rules.zone, lambda venue: rules.session_text(venue, THROUGH)):
        with pytest.raises(NotFoundError, match=r"'NYX'.*NFO, NSE"):
            ask("NYX")


def test_special_beats_holiday_beats_week(rules):
    sunday, monday, tuesday = date(2027, 11, 7), date(2027, 11, 8), date(2027, 11, 9)
    changed = rules.overlay(
        [
            row("NSE", "holiday", monday, tuesday, name="Diwali"),
            row("NSE", "special", tuesday, open="18:00", close="19:00", name="Muhurat"),
            row("NSE", "special", sunday, open="09:15", close="10:00"),
        ]
    )

    days = (sunday, monday, tuesday, date(2027, 11, 10))
    assert [hours(rules, "NSE", day) for day in days[:2]] == [None, ("09:15", "15:30")]
    assert [hours(changed, "NSE", day) for day in days] == [
        ("09:15", "10:00"),
        None,
        ("18:00", "19:00"),
        ("09:15", "15:30"),
    ]


def test_half_a_holiday_on_a_day_with_one_half_is_refused(rules):
    changed = rules.overlay([row("NSE", "holiday", date(2027, 11, 8), part="morning")])

    with pytest.raises(InvalidInputError, match="NSE holiday from 2027-11-08: half a holiday"):
        changed.calendar("NSE")


def test_row_of_the_same_day_replaces_and_a_later_one_takes_over(rules):
    changed = rules.overlay(
        [
            row("NFO", begin=date(2026, 8, 3), close="15:35"),
            row("NFO", begin=date(2026, 8, 10), end=date(2026, 8, 14), close="15:00"),
        ]
    )

    days = (date(2026, 8, 3), date(2026, 8, 10), date(2026, 8, 17))
    assert [hours(changed, "NFO", day)[1] for day in days] == ["15:35", "15:00", "15:35"]
    assert [changed.session_text("NFO", day)[5:] for day in days] == ["1535", "1500", "1535"]


def test_offsets_follow_the_zone_and_a_session_may_pass_midnight():
    rule = row("CME", open="17:00", close="16:00", zone="America/Chicago", weekdays=[7, 1, 2, 3, 4])
    rules = MarketRules([rule], through=date(2026, 12, 31))

    calendar = rules.calendar("CME")

    # The Sunday on which Chicago goes to summer time: 17:00 is 22:00Z now, no longer 23:00Z.
    index = calendar.find(np.array([_utc(2026, 3, 8, 22), _utc(2026, 3, 8, 21)], dtype=np.int64))
    assert index[0] >= 0
    assert index[1] == -1
    assert calendar.closes_ns[index[0]] - calendar.opens_ns[index[0]] == 23 * HOUR_NS
    assert calendar.days_ns[index[0]] == from_date(date(2026, 3, 8))


def _utc(*when):
    return from_datetime(datetime(*when, tzinfo=UTC))


@pytest.mark.parametrize(
    "bad",
    [
        row(open="9 o'clock"),
        row(zone="Asia/Nowhere"),
        row(weekdays=[0, 1]),
        row(weekdays=None),
        row(end=date(2025, 1, 1)),
        row(kind="holiday", part="night"),
        row(kind="lot_size", NIFTY=0),
        row(kind="lot_size", NIFTY=True),
        row(kind="freeze_quantity", NIFTY=0),
        row(kind="strike_step", NIFTY=-50),
        row(kind="expiry", NIFTY={"weekly": 2}),
        row(kind="expiry", NIFTY={"monthly": 8}),
        row(kind="tick_size", option=[{"below": 10, "tick": 0.05}]),
        row(kind="tick_size", warrant=[{"tick": 0.05}]),
        row(kind="strike_step"),
        MarketRule("NFO", "special", date(2026, 1, 1), None, {"open": "09:15"}, "a test"),
    ],
)
def test_row_that_makes_no_sense_is_refused_by_name(bad):
    with pytest.raises(InvalidInputError, match=r"market rule NFO .* from 2026-01-01"):
        MarketRules([bad], through=THROUGH)


def test_sessions_that_overlap_are_refused():
    rules = MarketRules(
        [row(), row(kind="special", begin=date(2026, 1, 5), open="10:00", close="09:30")],
        through=THROUGH,
    )

    with pytest.raises(InvalidInputError, match="NFO must not overlap; that of 2026-01-05"):
        rules.calendar("NFO")


def test_rows_that_name_underlyings_leave_alone_what_they_do_not_name(rules):
    day = date(2026, 9, 1)
    changed = rules.overlay([row("NFO", "lot_size", date(2025, 12, 31), NIFTY=85)])

    assert changed.lot_size("NFO", "NIFTY", day) == 85
    assert changed.lot_size("NFO", "BANKNIFTY", day) == rules.lot_size("NFO", "BANKNIFTY", day)


def test_calendar_of_a_venue_whose_rows_are_the_same_is_the_same_object(rules):
    before = {venue: rules.calendar(venue) for venue in VENUES}
    changed = rules.overlay([row("NFO", "holiday", date(2026, 8, 12))])
    changed.adopt_calendars(rules)

    same = {venue for venue in VENUES if changed.calendar(venue) is before[venue]}

    assert same == set(VENUES) - {"NFO"}


def test_session_that_opens_on_the_evening_before_belongs_to_its_trading_day(rules):
    calendar = rules.calendar("CME")

    # Monday 2026-08-03 opens on Sunday at 17:00 in Chicago, which is 22:00Z.
    index = int(calendar.find(np.array([_utc(2026, 8, 2, 22)], dtype=np.int64))[0])

    assert calendar.days_ns[index] == from_date(date(2026, 8, 3))
    assert to_datetime(int(calendar.closes_ns[index])) == datetime(2026, 8, 3, 21, tzinfo=UTC)
