import csv
from datetime import UTC, date, datetime, timedelta
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
VENUES = ("BCD", "BFO", "BSE", "CDS", "MCX", "NFO", "NSE")


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
    assert {rules.zone(venue) for venue in VENUES} == {ZoneInfo("Asia/Kolkata")}


@pytest.mark.parametrize("venue", VENUES)
def test_calendar_is_ordered_and_bounded(rules, venue):
    calendar = rules.calendar(venue)

    assert calendar is rules.calendar(venue)
    assert np.all(calendar.opens_ns < calendar.closes_ns)
    assert np.all(calendar.closes_ns[:-1] <= calendar.opens_ns[1:])
    assert np.all(np.diff(calendar.days_ns) >= DAY_NS)
    assert to_date(int(calendar.days_ns[0])) >= FIRST_DAY
    assert to_date(int(calendar.days_ns[-1])).year == THROUGH.year + 2


@pytest.mark.parametrize(
    ("venue", "day", "wanted"),
    [
        ("NFO", date(2026, 7, 31), ("09:15", "15:30")),
        ("NFO", date(2026, 8, 3), ("09:15", "15:40")),
        ("BFO", date(2026, 8, 3), ("09:15", "15:40")),
        ("NSE", date(2026, 8, 3), ("09:15", "15:30")),
        ("NSE", date(2010, 1, 1), ("09:55", "15:30")),
        ("NSE", date(2010, 1, 4), ("09:00", "15:30")),
        ("NSE", date(2010, 10, 18), ("09:15", "15:30")),
        ("NSE", date(2026, 8, 1), None),
        ("NFO", date(2000, 6, 9), None),
        ("MCX", date(2018, 12, 28), ("10:00", "23:55")),
        ("MCX", date(2018, 12, 31), ("09:00", "23:55")),
        ("MCX", date(2023, 11, 3), ("09:00", "23:30")),
        ("MCX", date(2023, 11, 6), ("09:00", "23:55")),
        ("CDS", date(2025, 1, 1), ("09:00", "17:00")),
    ],
)
def test_hours_follow_the_dated_rows(rules, venue, day, wanted):
    assert hours(rules, venue, day) == wanted


def test_hours_agree_with_the_sessions_that_were_observed(rules, shared_data):
    venues = {"NSE_INDEX": "NSE", "BSE_INDEX": "BSE", "MCX": "MCX"}
    with shared_data("calendars/observed_sessions_2025_2026.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["venue"] in venues]

    # Bars of three minutes, so the last starts at most four before the close; MCX also has bars
    # stamped at the close itself. What differs is special sessions, which are rows to come.
    unusual = set()
    for observed in rows:
        day = date.fromisoformat(observed["date"])
        found = hours(rules, venues[observed["venue"]], day)
        if found is None or found[0] != observed["first_bar_start"]:
            unusual.add(day)
            continue
        last, close = (
            datetime.fromisoformat(f"{day}T{text}Z")
            for text in (observed["last_bar_start"], found[1])
        )
        if not timedelta(0) <= close - last <= timedelta(minutes=4):
            unusual.add(day)

    assert len(rows) > 750
    assert unusual <= {
        date.fromisoformat(day)
        for day in (
            # Muhurat, the Budget's Sunday, and New Year's day on MCX
            *("2025-10-21", "2026-02-01", "2026-01-01"),
            # MCX only in the evening
            *("2025-08-27", "2025-10-22", "2025-11-05", "2026-01-15", "2026-03-03", "2026-03-26"),
            *("2026-03-31", "2026-04-14", "2026-05-01", "2026-05-28", "2026-06-26", "2025-10-02"),
            # a late start, and the day the recording ended
            *("2025-10-28", "2026-08-04"),
        )
    }


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
    sunday, monday, tuesday = date(2026, 11, 8), date(2026, 11, 9), date(2026, 11, 10)
    changed = rules.overlay(
        [
            row("NSE", "holiday", monday, tuesday, name="Diwali"),
            row("NSE", "special", tuesday, open="18:00", close="19:00", name="Muhurat"),
            row("NSE", "special", sunday, open="09:15", close="10:00"),
        ]
    )

    days = (sunday, monday, tuesday, date(2026, 11, 11))
    assert [hours(rules, "NSE", day) for day in days[:2]] == [None, ("09:15", "15:30")]
    assert [hours(changed, "NSE", day) for day in days] == [
        ("09:15", "10:00"),
        None,
        ("18:00", "19:00"),
        ("09:15", "15:30"),
    ]


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


def test_find_gives_rows_of_kinds_the_calendar_does_not_read(rules):
    lots = rules.overlay([row("NFO", "lot_size", date(2025, 1, 1), NIFTY=75)])

    assert lots.find("NFO", "lot_size", date(2026, 1, 1)).value == {"NIFTY": 75}
    assert lots.find("NFO", "lot_size", date(2024, 1, 1)) is None
