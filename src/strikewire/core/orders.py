"""Orders: what is asked of a broker, how far it has come, and what it was filled at."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NewType, TypeAlias

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Paise, Pips

AccountId = NewType("AccountId", int)
OrderId = NewType("OrderId", int)
StrategyId = NewType("StrategyId", int)

# As the store has it.
_LAST_SEQ: Final = 2**63 - 1


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

    @property
    def has_protection(self) -> bool:
        """Whether it takes what the book gives, and has to say how far that may be."""
        return self in (OrderType.MARKET, OrderType.SL_M)


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
    protection_bps : of `MARKET` and `SL_M`, else None: how far from the last price they may trade,
        in hundredths of a per cent.
    """

    instrument_id: InstrumentId
    side: Side
    type: OrderType
    product: Product
    validity: Validity
    quantity: int
    price: Pips | None = None
    trigger: Pips | None = None
    protection_bps: int | None = None


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

    @classmethod
    def end_of(cls, as_of_ns: int) -> MarketMoment:
        """Return an instant after every step of it."""
        return cls(as_of_ns, _LAST_SEQ)

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
    reverses_id : the entry that it takes back: of the same moment, so that neither ever was.
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
    reverses_id: int | None = None


@dataclass(frozen=True, slots=True)
class OrderProgress:
    """How far an order has come.

    Parameters
    ----------
    filled_quantity : units.
    accepted : where the market stood when the broker took it; None before that.
    matched : where it stood when the broker last said something new of it: what was traded up to
        there fills it no more.
    reason : why it was rejected or cancelled, or who did so.
    revision : grows by one with each change, whoever makes it.
    """

    state: OrderState = OrderState.PENDING
    filled_quantity: int = 0
    accepted: MarketMoment | None = None
    matched: MarketMoment | None = None
    reason: str | None = None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Modification:
    """Other terms that an order's owner wants, and the broker has not taken yet.

    Parameters
    ----------
    price, trigger : as in the terms; which of them there are stays as it was.
    """

    quantity: int
    price: Pips | None
    trigger: Pips | None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """An order's end that somebody wants, and the broker has not brought about yet.

    Parameters
    ----------
    reason : who wants it, or why.
    """

    reason: str


OrderWish: TypeAlias = Modification | Cancellation


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands.

    Parameters
    ----------
    basket_id : of those that were placed together.
    tag : ours, at most 20 letters and digits: by it an order is found again at the broker.
    mode : of the market at which it was placed: `live`, `replay` or `simulated`.
    trading_day : the market's day on which it was placed, in the exchange's zone.
    wish : what its owner wants of it and is not done yet.
    placed_by : who placed it, as the audit log names them.
    placed_ns, updated_ns : by the database's clock.
    """

    id: OrderId
    account_id: AccountId
    strategy_id: StrategyId | None
    basket_id: uuid.UUID | None
    terms: OrderTerms
    tag: str
    mode: str
    trading_day: date
    progress: OrderProgress
    broker_order_id: str | None
    wish: OrderWish | None
    placed_by: str
    placed_ns: int
    updated_ns: int
