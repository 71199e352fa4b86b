"""Orders: what is asked of a broker, how far it has come, and what it was filled at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips

AccountId = NewType("AccountId", int)
OrderId = NewType("OrderId", int)
StrategyId = NewType("StrategyId", int)


class Side(StrEnum):
    """Which way; the values are what the database and the API say."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Units bought are positive, units sold negative."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """At what price, and from when."""

    #: At whatever the book gives.
    MARKET = "market"
    #: At the price or better.
    LIMIT = "limit"
    #: A limit order from when the trigger is traded.
    SL = "sl"
    #: A market order from when the trigger is traded.
    SL_M = "sl_m"

    @property
    def has_price(self) -> bool:
        """Whether it names a price."""
        return self in (OrderType.LIMIT, OrderType.SL)

    @property
    def has_trigger(self) -> bool:
        """Whether it waits for a trigger."""
        return self in (OrderType.SL, OrderType.SL_M)


class Product(StrEnum):
    """How the position is carried."""

    #: Overnight, futures and options.
    NRML = "nrml"
    #: Within the day.
    MIS = "mis"
    #: Shares, delivered.
    CNC = "cnc"


class Validity(StrEnum):
    """For how long an order stands."""

    DAY = "day"
    #: What is not filled at once is cancelled.
    IOC = "ioc"


class OrderState(StrEnum):
    """How far an order has come. `desk.order_progress` says what may follow what."""

    #: Ours, committed, and not taken by the broker yet.
    PENDING = "pending"
    TRIGGER_PENDING = "trigger_pending"
    OPEN = "open"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    #: Sent, and not answered: the order book has to be read (decision 0006).
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self in (OrderState.COMPLETE, OrderState.CANCELLED, OrderState.REJECTED)


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What is asked for.

    Parameters
    ----------
    quantity : units, not lots.
    price : of `LIMIT` and `SL`, else None.
    trigger : of `SL` and `SL_M`, else None.
    """

    instrument_id: InstrumentId
    side: Side
    type: OrderType
    product: Product
    validity: Validity
    quantity: int
    price: Pips | None = None
    trigger: Pips | None = None


@dataclass(frozen=True, slots=True)
class MarketMoment:
    """Where the market stood, in its own time.

    Parameters
    ----------
    as_of_ns : latest exchange time applied.
    seq : latest journal sequence applied; 0 where no step of a recording is meant.
    """

    as_of_ns: int
    seq: int = 0

    def is_reached(self, now: MarketMoment) -> bool:
        """Whether the market has come to this moment: what holds from it holds at `now`."""
        return (self.as_of_ns, self.seq) <= (now.as_of_ns, now.seq)


@dataclass(frozen=True, slots=True)
class Fill:
    """A part of an order that was traded, or all of it.

    Parameters
    ----------
    number : counts an order's fills from 1.
    quantity : units, positive.
    moment : from which step of the market on it is held.
    charges : brokerage, taxes and fees; None until they are known.
    """

    order_id: OrderId
    number: int
    quantity: int
    price: Pips
    moment: MarketMoment
    charges: Paise | None = None


@dataclass(frozen=True, slots=True)
class StrategyEntry:
    """One line of a strategy's ledger: units that came in or went out, at a price.

    Parameters
    ----------
    id : None for one that is not stored yet.
    quantity : units; less than 0 is sold.
    moment : from which step of the market on it counts.
    charges : what it cost besides.
    order_id, fill_number : the fill that it is of; None of an entry by hand.
    """

    id: int | None
    strategy_id: StrategyId
    instrument_id: InstrumentId
    quantity: int
    price: Pips
    moment: MarketMoment
    charges: Paise
    order_id: OrderId | None = None
    fill_number: int | None = None
