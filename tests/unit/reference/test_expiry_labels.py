"""Labels of expiries, against what the exchange listed on days of 2020 to 2025."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strikewire.core.errors import NotFoundError
from strikewire.reference.expiries import Cycle, find_cycle, list_expiries
from strikewire.reference.expiry_labels import label_expiries
from strikewire.reference.market_rules import MarketRule, MarketRules, load_packaged_rules

CHAINS = "nse_option_chain_json/{}.json.gz"
RULES = MarketRules(load_packaged_rules(), through=date(2026, 11, 20))


@pytest.fixture
def read_chain(shared_data):
    """Return what reads the expiries listed in a recorded chain."""

    def read(name):
        document = json.loads(gzip.decompress(shared_data(CHAINS.format(name)).read_bytes()))
        texts = document["records"]["expiryDates"]
        return [datetime.strptime(text, "%d-%b-%Y").date() for text in texts]  # noqa: DTZ007 - a date

    return read


def test_labels_of_nifty_on_a_day_of_july_2025(read_chain):
    listed = read_chain("nifty_20250717")
    found = label_expiries(RULES, "NFO", "NIFTY", listed, on=date(2025, 7, 17))

    assert [each.day for each in found] == listed
    assert [each.rank for each in found] == list(range(1, 19))
    assert [(f"{each.day:%y%m%d}", *each.names) for each in found[:12]] == [
        ("250717", "W1"),
        ("250724", "W2"),
        ("250731", "M1"),
        ("250807", "W3"),
        ("250814", "W4"),
        ("250828", "M2"),
        ("250925", "M3", "Q1"),
        # Listed for the last Thursday, Christmas, by the rule that ended in August.
        ("251224", "M4", "Q2"),
        ("260326", "M5", "Q3"),
        ("260625", "M6", "Q4"),
        ("261231", "M7", "Q5"),
        ("270624", "M8", "Q6"),
    ]
    assert {each.cycle for each in found[6:]} == {Cycle.QUARTERLY}
    # 2025-08-15 is a holiday, Saturdays and Sundays are not counted.
    assert [(each.calendar_days, each.trading_days) for each in found[:6]] == [
        (0, 0), (7, 5), (14, 10), (21, 15), (28, 20), (42, 28),
    ]  # fmt: skip
    # Five years ahead: about 250 days each.
    assert found[-1].trading_days == pytest.approx(found[-1].calendar_days * 0.69, rel=0.03)


def test_labels_of_banknifty_in_the_last_week_of_2022():
    listed = [date(2022, 12, 29), date(2023, 1, 5), date(2023, 1, 12), date(2023, 1, 25)]
    past, week, next_week, month = listed

    found = label_expiries(RULES, "NFO", "BANKNIFTY", listed, on=date(2022, 12, 30))

    assert past not in [each.day for each in found]
    assert [(each.day, each.names, each.calendar_days, each.trading_days) for each in found] == [
        (week, ("W1",), 6, 4),
        (next_week, ("W2",), 13, 9),
        # 2023-01-26 is a Thursday and Republic Day.
        (month, ("M1",), 26, 18),
    ]
    # The day before it was the other way round, and the quarter's end is the month's.
    before = label_expiries(RULES, "NFO", "BANKNIFTY", listed, on=date(2022, 12, 29))
    assert [each.names for each in before] == [("M1", "Q1"), ("W1",), ("W2",), ("M2",)]
    # A recording that has one chain of them says the same of it.
    alone = label_expiries(RULES, "NFO", "BANKNIFTY", [week], on=date(2022, 12, 30))
    assert alone == found[:1]


@pytest.mark.parametrize(
    ("name", "underlying", "cycles"),
    [("banknifty_2023", "BANKNIFTY", "wwwmwqmqqq"), ("nifty_2020", "NIFTY", "wwmww")],
)
def test_cycles_are_those_of_what_was_listed(read_chain, name, underlying, cycles):
    found = [find_cycle(RULES, "NFO", underlying, day) for day in read_chain(name)]
    assert "".join(each.value[0] for each in found) == cycles


def test_every_contract_a_broker_listed_has_a_cycle(shared_data):
    path = shared_data("kite_instruments_dump/kite_instruments_nfo_202509.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        listed = {(row["name"], date.fromisoformat(row["expiry"])) for row in csv.DictReader(lines)}

    cycles = {key: find_cycle(RULES, "NFO", *key) for key in listed}

    assert len(listed) > 600
    assert None not in cycles.values()
    # Of September to November only NIFTY has weekly contracts.
    weekly = {key for key, cycle in cycles.items() if cycle is Cycle.WEEKLY}
    assert {underlying for underlying, _ in weekly} == {"NIFTY"}
    assert len(weekly) == 4


@given(
    st.sampled_from(["NIFTY", "BANKNIFTY", "FINNIFTY", "RELIANCE"]),
    st.dates(date(2019, 3, 1), date(2027, 12, 31)),
)
def test_expiries_that_rules_make_have_the_cycle_they_were_made_of(underlying, day):
    to_day = day + timedelta(31)
    for each in list_expiries(RULES, "NFO", underlying, from_day=day, to_day=to_day):
        assert find_cycle(RULES, "NFO", underlying, each.day) is each.cycle


def test_label_of_a_past_contract_does_not_follow_a_later_rule():
    later = MarketRule(
        "NFO",
        "expiry",
        date(2025, 9, 1),
        None,
        {"NIFTY": {"weekly": 1, "monthly": 1}},
        "a test",
    )
    changed = RULES.overlay([later])
    days = [date(2025, 7, 24), date(2025, 7, 31), date(2025, 8, 28)]

    for day in days:
        assert find_cycle(changed, "NFO", "NIFTY", day) is find_cycle(RULES, "NFO", "NIFTY", day)
    # And a contract of its own time does.
    assert find_cycle(RULES, "NFO", "NIFTY", date(2025, 10, 28)) is Cycle.MONTHLY
    assert find_cycle(changed, "NFO", "NIFTY", date(2025, 10, 27)) is Cycle.MONTHLY


def test_day_no_rule_puts_an_expiry_on_goes_by_its_place_in_the_month():
    listed = [date(2026, 9, 4), date(2026, 9, 16), date(2026, 10, 5)]
    assert find_cycle(RULES, "MCX", "GOLD", listed[0]) is None

    found = label_expiries(RULES, "MCX", "GOLD", listed, on=date(2026, 9, 1))

    assert [each.names for each in found] == [("W1",), ("M1", "Q1"), ("M2",)]


def test_days_past_the_calendar_are_not_counted():
    (found,) = label_expiries(RULES, "NFO", "NIFTY", [date(2040, 3, 27)], on=date(2026, 9, 1))
    assert found.trading_days is None
    assert found.calendar_days > 4_000


def test_unknown_venue_is_refused():
    with pytest.raises(NotFoundError, match="no market rules for venue"):
        label_expiries(RULES, "XYZ", "NIFTY", [], on=date(2026, 9, 1))
