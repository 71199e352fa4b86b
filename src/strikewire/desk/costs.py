"""What orders would cost, before they are placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strikewire.core.charges import Charges, Trade
from strikewire.core.money import Pips
from strikewire.core.orders import Side
from strikewire.desk.charges import compute_trade_charges
from strikewire.desk.margin_parts import OrderedUnits
from strikewire.desk.margins import Margins, find_price
from strikewire.reference.rule_book import RuleBook
from strikewire.reference.trading_days import find_trading_day


@dataclass(frozen=True, slots=True)
class ChargedOrder:
    """An order with what it would be charged.

    Parameters
    ----------
    price : at which it is taken to be filled, in one.
    """

    order: OrderedUnits
    price: Pips
    charges: Charges


class OrderCosts:
    """Charges and margin of orders that nobody has placed yet.

    Parameters
    ----------
    margins : what has to be there, for accounts too.
    """

    def __init__(self, *, margins: Margins, rules: RuleBook) -> None:
        self.margins = margins
        self._rules = rules

    async def preview_charges(
        self, orders: Sequence[OrderedUnits], *, now_ns: int
    ) -> list[ChargedOrder]:
        """Return what each order would be charged by the rules of the market's day.

        Parameters
        ----------
        now_ns : the market's time.

        Raises
        ------
        NotFoundError : something has no price, or no rule says what it is charged.
        InvalidInputError : something cannot be traded.
        DependencyError : the store was needed and did not answer.
        """
        rules = self._rules.current
        found: list[ChargedOrder] = []
        for order in orders:
            day = find_trading_day([rules.calendar(order.instrument.spec.exchange)], now_ns).day
            price = await find_price(self.margins.market, order)
            side = Side.BUY if order.quantity > 0 else Side.SELL
            trade = Trade(side, order.product, abs(order.quantity), price)
            charges = compute_trade_charges(rules, order.instrument, trade, day)
            found.append(ChargedOrder(order, price, charges))
        return found
