"""Pre-trade checks: what no order is placed without, each with a name that programs can go by.

They are asked in the transaction that places the order, with the account locked, by the rules of
the market's day. The first that fails refuses the order, and a basket as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import numpy as np

from strikewire.core.errors import NotFoundError, OrderRefusedError
from strikewire.core.instants import format_rfc3339
from strikewire.core.instruments import Instrument, InstrumentKind
from strikewire.core.money import Pips, format_price, to_rupees
from strikewire.core.orders import OrderTerms, OrderType, Product, Side, Validity
from strikewire.desk.contract_sizes import find_freeze_quantity, find_lot_size, find_tick
from strikewire.reference.cutoffs import find_cutoffs
from strikewire.reference.market_rules import MarketRules

_BPS: Final = 10_000


class Check(StrEnum):
    """Why an order is refused; the values are what `details.check` says."""

    #: Nobody hears a market on which it could be filled, or that market is over.
    MARKET = "market"
    #: Its venue is closed.
    SESSION = "session"
    #: It is in something that nobody can trade.
    INSTRUMENT = "instrument"
    #: Its contract has ended.
    EXPIRED = "expired"
    #: Its product is not for such an instrument.
    PRODUCT = "product"
    #: Its validity is not for such an order.
    VALIDITY = "validity"
    #: No whole lots.
    LOT_SIZE = "lot_size"
    #: A price between two steps.
    TICK_SIZE = "tick_size"
    #: More units than the exchange takes in one order.
    FREEZE_QUANTITY = "freeze_quantity"
    #: A trigger that is reached already, or on the wrong side of the limit.
    TRIGGER = "trigger"
    #: A price at which nobody means to trade.
    PRICE_BAND = "price_band"
    #: A market order in something that has no price to protect it by.
    PRICE = "price"
    #: More shares to be delivered than are held.
    HOLDING = "holding"
    #: Limits of the account.
    ORDERS_PER_DAY = "orders_per_day"
    ORDER_VALUE = "order_value"
    OPEN_QUANTITY = "open_quantity"
    LOSS_PER_DAY = "loss_per_day"
    #: What it needs is not there.
    FUNDS = "funds"


@dataclass(frozen=True, slots=True)
class OrderChecksConfig:
    """What is asked of orders beside what their exchange and account ask.

    Parameters
    ----------
    protection_bps : how far from the last price a market order may trade that does not say so
        itself, in hundredths of a per cent.
    band_bps : how far beyond the last price a limit may be, on the side on which it would trade.
    band_ticks : and so many steps at least, for what costs next to nothing.
    per_second : how often orders of one account are placed, modified or cancelled within a second.
    """

    protection_bps: int = 300
    band_bps: int = 5_000
    band_ticks: int = 40
    per_second: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """What an order is checked by.

    Parameters
    ----------
    rules : in force.
    now_ns : the market's time.
    day : the market's day.
    last : what was paid last; None where nobody knows.
    """

    terms: OrderTerms
    instrument: Instrument
    rules: MarketRules
    now_ns: int
    day: date
    last: Pips | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order is not let through."""

    check: Check
    message: str
    details: Mapping[str, Any]

    def to_error(self, **details: Any) -> OrderRefusedError:
        """Return the error that says so."""
        return OrderRefusedError(
            self.message, check=self.check.value, **(dict(self.details) | details)
        )


def refuse(check: Check, message: str, **details: Any) -> Refusal:
    """Return a refusal."""
    return Refusal(check, message, details)


def find_refusal(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    """Return why an order is refused whoever places it; None: it is not."""
    found = (check(facts, config) for check in _CHECKS)
    return next((refusal for refusal in found if refusal is not None), None)


def _check_instrument(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    del config
    spec = facts.instrument.spec
    if spec.kind is InstrumentKind.INDEX:
        msg = f"an instrument that can be traded was wanted, {facts.instrument.symbol} is an index"
        return refuse(Check.INSTRUMENT, msg)
    if spec.kind is not InstrumentKind.EQUITY and spec.expiry is None:
        msg = f"one contract was wanted, {facts.instrument.symbol} stands for a row of them"
        return refuse(Check.INSTRUMENT, msg)
    return None


def _check_session(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    del config
    venue = facts.instrument.spec.exchange
    try:
        calendar = facts.rules.calendar(venue)
    except NotFoundError:
        return refuse(Check.SESSION, f"no sessions of {venue} are known", venue=venue)
    expiry = facts.instrument.spec.expiry
    if expiry is not None and int(find_cutoffs(calendar, [expiry])[0]) <= facts.now_ns:
        msg = f"a contract that goes on was wanted, {facts.instrument.symbol} ended on {expiry}"
        return refuse(Check.EXPIRED, msg, expiry=expiry.isoformat())
    place = int(np.searchsorted(calendar.opens_ns, facts.now_ns, side="right")) - 1
    if place >= 0 and facts.now_ns < int(calendar.closes_ns[place]):
        return None
    opens_at = None
    if place + 1 < len(calendar.opens_ns):
        opens_at = format_rfc3339(int(calendar.opens_ns[place + 1]))
    msg = f"{venue} is closed at {format_rfc3339(facts.now_ns)}; it opens at {opens_at}"
    return refuse(Check.SESSION, msg, venue=venue, opens_at=opens_at)


def _check_product(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    del config
    terms, kind = facts.terms, facts.instrument.spec.kind
    other = Product.NRML if kind is InstrumentKind.EQUITY else Product.CNC
    if terms.product is other:
        msg = f"{other} is not for {facts.instrument.symbol}, which is an instrument of kind {kind}"
        return refuse(Check.PRODUCT, msg, product=other.value)
    if terms.validity is Validity.IOC and terms.type.has_trigger:
        msg = f"an order of type {terms.type} waits for its trigger, and ioc does not"
        return refuse(Check.VALIDITY, msg)
    return None


def _check_quantity(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    del config
    quantity, symbol = facts.terms.quantity, facts.instrument.symbol
    lot_size = find_lot_size(facts.rules, facts.instrument)
    if quantity % lot_size:
        msg = f"a multiple of {symbol}'s lot of {lot_size} units was wanted, was {quantity}"
        return refuse(Check.LOT_SIZE, msg, lot_size=lot_size, quantity=quantity)
    limit = find_freeze_quantity(facts.rules, facts.instrument, facts.day)
    if limit is not None and quantity > limit:
        slices = -(-quantity // limit)
        msg = (
            f"at most {limit} units of {symbol} in one order were wanted, was {quantity}: "
            f"{slices} orders, or a basket with slice, would do"
        )
        return refuse(
            Check.FREEZE_QUANTITY, msg, freeze_quantity=limit, quantity=quantity, slices=slices
        )
    return None


def _check_steps(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    del config
    for name, price in (("price", facts.terms.price), ("trigger_price", facts.terms.trigger)):
        if price is None:
            continue
        near = facts.last or price
        tick = find_tick(facts.rules, facts.instrument, facts.day, price=float(to_rupees(near)))
        if price % tick:
            msg = (
                f"{name}: a multiple of {format_price(tick)} rupees was wanted, "
                f"was {format_price(price)}"
            )
            return refuse(Check.TICK_SIZE, msg, field=name, tick_size=format_price(tick))
    return None


def _check_trigger(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    del config
    terms = facts.terms
    if terms.trigger is None:
        return None
    sign = terms.side.sign
    where = "above" if terms.side is Side.BUY else "below"
    if facts.last is not None and sign * (terms.trigger - facts.last) <= 0:
        msg = (
            f"a trigger {where} the last price of {format_price(facts.last)} was wanted to "
            f"{terms.side}, was {format_price(terms.trigger)}"
        )
        return refuse(Check.TRIGGER, msg, last_price=format_price(facts.last))
    if terms.price is not None and sign * (terms.price - terms.trigger) < 0:
        msg = f"a price {where} the trigger, or the same, was wanted to {terms.side}"
        return refuse(Check.TRIGGER, msg)
    return None


def _check_price(facts: OrderFacts, config: OrderChecksConfig) -> Refusal | None:
    terms = facts.terms
    if facts.last is None:
        if terms.type is not OrderType.MARKET:
            return None
        msg = f"nothing is known of what {facts.instrument.symbol} costs: a limit order was wanted"
        return refuse(Check.PRICE, msg)
    if terms.price is None:
        return None
    # A stop limit trades near its trigger, wherever the market is now.
    near = terms.trigger or facts.last
    tick = find_tick(facts.rules, facts.instrument, facts.day, price=float(to_rupees(near)))
    room = max(near * config.band_bps // _BPS, config.band_ticks * tick)
    if terms.side.sign * (terms.price - near) <= room:
        return None
    bound = Pips(near + terms.side.sign * room)
    msg = (
        f"a price up to {format_price(bound)} was wanted to {terms.side} "
        f"{facts.instrument.symbol} near {format_price(near)}, was {format_price(terms.price)}"
    )
    return refuse(Check.PRICE_BAND, msg, bound=format_price(bound), near=format_price(near))


#: In this order: what makes no sense at all comes before what may be right at another hour.
_CHECKS: Final[tuple[Callable[[OrderFacts, OrderChecksConfig], Refusal | None], ...]] = (
    _check_instrument,
    _check_product,
    _check_quantity,
    _check_steps,
    _check_session,
    _check_trigger,
    _check_price,
)
