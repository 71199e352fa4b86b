"""What tells the costs of orders, put together."""

from __future__ import annotations

from strikewire.desk.costs import OrderCosts
from strikewire.desk.margins import Margins
from strikewire.live.margin_market import MarginMarket
from strikewire.live.quotes import QuoteBoard
from strikewire.live.strategy_market import StrategyMarket
from strikewire.reference.rule_book import RuleBook


def build_order_costs(market: StrategyMarket, quotes: QuoteBoard, rules: RuleBook) -> OrderCosts:
    """Return what reckons charges and margin of orders, and the margin of accounts."""
    margins = Margins(market=MarginMarket(market=market, quotes=quotes), rules=rules)
    return OrderCosts(margins=margins, rules=rules)
