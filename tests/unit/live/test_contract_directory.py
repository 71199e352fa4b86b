"""The directory of contracts: labels are made once, and anew when what they hang on has changed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from strikewire.core.clock import ManualClock
from strikewire.core.errors import UnknownExpiryError
from strikewire.core.instants import DAY_NS, from_date
from strikewire.live.contract_directory import (
    ContractDirectory,
    ContractDirectoryConfig,
    UnderlyingKey,
)
from strikewire.reference.market_rules import MarketRule, MarketRules, load_packaged_rules
from strikewire.reference.rule_book import RuleBook
from strikewire.store.contracts import ContractStore, ListedExpiry
from strikewire.store.database import Database, DatabaseConfig

NIFTY = UnderlyingKey("NFO", "NIFTY")
#: Noon, so that it is the same day in Bombay.
NOON_NS = from_date(date(2025, 7, 17)) + DAY_NS // 4
DAYS = (date(2025, 7, 17), date(2025, 7, 24), date(2025, 7, 31), date(2025, 8, 28))
LISTED = [ListedExpiry(day, None, 100) for day in DAYS]


@pytest.fixture(scope="module")
def packaged() -> MarketRules:
    return MarketRules(load_packaged_rules(), through=date(2026, 11, 20))


@pytest.fixture
def book(packaged: MarketRules) -> RuleBook:
    return RuleBook(packaged)


def make_directory(book: RuleBook, **config: Any) -> ContractDirectory:
    """Return a directory whose database nobody needs: what is listed is said."""
    return ContractDirectory(
        config=ContractDirectoryConfig(**config),
        database=Database(DatabaseConfig(url="postgresql://nobody@127.0.0.1:1/none")),
        store=ContractStore(),
        rules=book,
        clock=ManualClock(NOON_NS),
    )


def label(directory: ContractDirectory, days: int = 0, listed: Any = LISTED) -> list[Any]:
    """Return the labels so many days later."""
    found = directory.label(NIFTY, listed, as_of_ns=NOON_NS + days * DAY_NS)
    return [each.label for each in found]


def is_same(found: list[Any], before: list[Any]) -> bool:
    """Say whether labels are those that were made before, not only equal ones."""
    return [id(each) for each in found] == [id(each) for each in before]


def test_labels_of_a_day_are_made_once(book: RuleBook) -> None:
    directory = make_directory(book)
    first, tomorrow = label(directory), label(directory, 1)

    assert [each.day for each in first] == list(DAYS)
    assert [each.day for each in tomorrow] == list(DAYS[1:])
    assert is_same(label(directory), first)
    assert is_same(label(directory, 1), tomorrow)


def test_other_rules_make_other_labels(book: RuleBook) -> None:
    directory = make_directory(book)
    before = label(directory)
    shut = MarketRule("NFO", "holiday", date(2025, 7, 21), None, {}, "a test")

    book.replace_overrides([shut])
    changed = label(directory)
    book.replace_overrides([])
    again = label(directory)

    assert [each.trading_days for each in before] == [0, 5, 10, 28]
    assert [each.trading_days for each in changed] == [0, 4, 9, 27]
    assert again == before
    assert not is_same(again, before)


def test_day_that_is_listed_since_is_labelled(book: RuleBook) -> None:
    directory = make_directory(book)
    label(directory)
    new = ListedExpiry(date(2025, 8, 7), None, 50)

    assert [each.names for each in label(directory, listed=[*LISTED[:3], new, LISTED[3]])] == [
        ("W1",), ("W2",), ("M1",), ("W3",), ("M2",),
    ]  # fmt: skip


def test_least_recently_asked_for_is_forgotten(book: RuleBook) -> None:
    directory = make_directory(book, max_labelled=2)
    today, tomorrow = label(directory), label(directory, 1)
    label(directory)
    label(directory, 2)

    assert is_same(label(directory), today)
    assert not is_same(label(directory, 1), tomorrow)


def test_chains_that_go_on_are_listed_and_else_the_last_one(book: RuleBook) -> None:
    directory = make_directory(book)
    listed = [*LISTED, ListedExpiry(date(2025, 9, 25), "NIFTY25SEPFUT", 0)]
    close_ns = directory.find_cutoffs(NIFTY, DAYS[:1])[0]

    before = directory.list_chains(NIFTY, listed, as_of_ns=close_ns - 1)
    after = directory.list_chains(NIFTY, listed, as_of_ns=close_ns)
    late = directory.list_chains(NIFTY, listed, as_of_ns=NOON_NS + 365 * DAY_NS)

    assert [each.expiry for each in before] == list(DAYS)
    assert [each.expiry for each in after] == list(DAYS[1:])
    assert late == [NIFTY.chain(DAYS[-1])]


def test_chain_is_of_a_day_on_which_options_end(book: RuleBook) -> None:
    directory = make_directory(book)
    future = ListedExpiry(date(2025, 9, 25), "NIFTY25SEPFUT", 0)

    assert directory.get_chain(NIFTY, [*LISTED, future], DAYS[1]) == NIFTY.chain(DAYS[1])
    for day in (future.day, date(2025, 7, 18)):
        with pytest.raises(UnknownExpiryError, match=f"options on NFO:NIFTY end .* found {day}"):
            directory.get_chain(NIFTY, [*LISTED, future], day)
    with pytest.raises(UnknownExpiryError, match="found only futures"):
        directory.list_chains(NIFTY, [future], as_of_ns=NOON_NS)
