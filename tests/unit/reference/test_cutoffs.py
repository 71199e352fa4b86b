from __future__ import annotations

from datetime import date

from strikewire.core.instants import format_rfc3339
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.market_rules import MarketRules, load_packaged_rules

RULES = MarketRules(load_packaged_rules(), through=date(2022, 12, 30))


def find(venue: str, *days: date) -> list[str]:
    return [format_rfc3339(each) for each in find_cutoffs(RULES.calendar(venue), days).tolist()]


def test_cutoff_is_the_close_of_the_day_by_the_rules_of_its_venue() -> None:
    assert find("NFO", date(2023, 1, 5)) == ["2023-01-05T10:00:00Z"]
    # In winter MCX trades until 23:55.
    assert find("MCX", date(2023, 1, 5)) == ["2023-01-05T18:25:00Z"]


def test_cutoff_of_a_day_without_a_session_is_at_the_hour_of_the_last_one_before() -> None:
    # A Sunday; a day beyond the calendars' end, by the hours known last; one before they begin.
    assert find("NFO", date(2023, 1, 8), date(2031, 6, 26), date(1990, 1, 1)) == [
        "2023-01-08T10:00:00Z",
        "2031-06-26T10:10:00Z",
        "1990-01-01T10:00:00Z",
    ]
    assert find("NFO") == []
