"""The rule book: what is in force, and who is told of a change."""

from datetime import date

import pytest

from strikewire.core.errors import InvalidInputError
from strikewire.reference.market_rules import MarketRule, MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook

DAY = date(2026, 9, 1)


def holiday(day=DAY, **value):
    return MarketRule("NFO", "holiday", day, None, value, "a test")


@pytest.fixture
def book():
    return RuleBook(MarketRules(load_packaged_rules(), through=date(2026, 12, 31)))


def test_listeners_are_told_of_changes_and_of_nothing_else(book):
    heard = []
    book.listen(lambda: heard.append(len(book.overrides)))

    changes = [book.replace_overrides(rows) for rows in ([], [holiday()], [holiday()], [])]

    assert changes == [False, True, False, True]
    assert heard == [1, 0]


def test_rules_in_force_are_the_packaged_ones_under_the_overrides(book):
    before = book.calendar("NFO")
    other = book.calendar("NSE")

    book.replace_overrides([holiday()])

    assert len(book.calendar("NFO").days_ns) == len(before.days_ns) - 1
    # What was cached by the calendar of another venue stays good.
    assert book.calendar("NSE") is other
    assert len(book.packaged.calendar("NFO").days_ns) == len(before.days_ns)
    book.replace_overrides([])
    assert len(book.calendar("NFO").days_ns) == len(before.days_ns)


def test_overrides_that_make_no_sense_leave_in_force_what_was(book):
    book.replace_overrides([holiday()])
    calendar = book.calendar("NFO")

    with pytest.raises(InvalidInputError, match="half a holiday"):
        book.replace_overrides([holiday(part="morning")])

    assert book.calendar("NFO") is calendar
    assert book.overrides == (holiday(),)
