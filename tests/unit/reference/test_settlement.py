"""When settlement prices are made, by the dated rules."""

from __future__ import annotations

from datetime import date

import pytest

from strikewire.core.instants import format_rfc3339
from strikewire.reference.market_rules import MarketRules, load_packaged_rules
from strikewire.reference.settlement import find_settlement_window

RULES = MarketRules(load_packaged_rules(), through=date(2026, 12, 31))


@pytest.mark.parametrize(
    ("exchange", "day", "wanted"),
    [
        ("NFO", date(2022, 12, 29), ("2022-12-29T09:30:00Z", "2022-12-29T10:00:00Z")),
        ("BFO", date(2022, 12, 29), ("2022-12-29T09:30:00Z", "2022-12-29T10:00:00Z")),
        # A Sunday, by the hours of the Friday before, as its cut-off.
        ("NFO", date(2022, 12, 25), ("2022-12-25T09:30:00Z", "2022-12-25T10:00:00Z")),
        # The auction ends at 15:35, while contracts trade until 15:40.
        ("NFO", date(2026, 11, 17), ("2026-11-17T10:05:00Z", "2026-11-17T10:05:00Z")),
    ],
)
def test_price_is_made_at_the_end_of_the_cash_market(exchange, day, wanted):
    found = find_settlement_window(RULES, exchange, day)

    assert found is not None
    assert tuple(format_rfc3339(each) for each in found) == wanted


def test_commodities_have_no_window_here():
    assert find_settlement_window(RULES, "MCX", date(2026, 11, 17)) is None
