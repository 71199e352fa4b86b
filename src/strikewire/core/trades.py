"""Trades: what an account's orders were filled at, with all that is needed to add them up."""

from __future__ import annotations

from dataclasses import dataclass

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips
from strikewire.core.orders import MarketMoment, OrderId, Product, Side


@dataclass(frozen=True, slots=True)
class AccountTrade:
    """One fill of an order, by itself.

    Parameters
    ----------
    number : counts an order's fills from 1.
    quantity : units, positive.
    moment : from which step of the market on it is held.
    charges : brokerage, taxes and fees.
    recorded_ns : by the database's clock.
    """

    order_id: OrderId
    number: int
    instrument_id: InstrumentId
    product: Product
    side: Side
    quantity: int
    price: Pips
    moment: MarketMoment
    charges: Paise
    recorded_ns: int
