"""What an account's own limits say of the orders that are to be placed on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strikewire.core.instruments import InstrumentId
from strikewire.core.money import Pips, format_paise, round_to_paise
from strikewire.core.orders import OrderTerms, Product, Side
from strikewire.desk.limits import AccountLimits
from strikewire.desk.order_checks import Check, Refusal, refuse
from strikewire.store.desk_order_figures import Exposure

Exposures = Mapping[tuple[InstrumentId, Product], Exposure]


@dataclass(frozen=True, slots=True)
class AccountState:
    """Where an account stands when orders are placed on it.

    Parameters
    ----------
    orders_today : placed on the market's day, whatever became of them.
    exposures : of the instruments that the orders are in.
    made : in the market's day, charges included; None where nobody knows.
    """

    limits: AccountLimits
    orders_today: int
    exposures: Exposures
    made: Pips | None = None


def find_limit(
    state: AccountState, orders: Sequence[tuple[OrderTerms, Pips | None]]
) -> tuple[int, Refusal] | None:
    """Return the first of some orders that is over a limit, and why; None: none is.

    Each is looked at with those before it placed.

    Parameters
    ----------
    orders : their terms, and what was paid last; None where nobody knows.
    """
    exposures = dict(state.exposures)
    for place, (terms, last) in enumerate(orders):
        key = terms.instrument_id, terms.product
        exposures[key] = exposures.get(key, Exposure()).add(terms.side, terms.quantity)
        refusal = (
            _find_count(state, place)
            or _find_value(state.limits, terms, last)
            or _find_holding(terms, exposures[key])
            or _find_quantity(state.limits, terms, exposures)
            or _find_loss(state, terms, exposures[key])
        )
        if refusal is not None:
            return place, refusal
    return None


def _find_count(state: AccountState, before: int) -> Refusal | None:
    limit, placed = state.limits.max_orders_per_day, state.orders_today + before
    if limit is None or placed < limit:
        return None
    msg = f"at most {limit} orders a day were wanted on the account, and {placed} are placed"
    return refuse(Check.ORDERS_PER_DAY, msg, limit=limit, placed=placed)


def _find_value(limits: AccountLimits, terms: OrderTerms, last: Pips | None) -> Refusal | None:
    price = terms.price or terms.trigger or last
    if limits.max_order_value is None or price is None:
        return None
    value = round_to_paise(Pips(terms.quantity * price))
    if value <= limits.max_order_value:
        return None
    wanted, found = format_paise(limits.max_order_value), format_paise(value)
    msg = f"an order worth at most {wanted} was wanted on the account, was {found}"
    return refuse(Check.ORDER_VALUE, msg, limit=wanted, value=found)


def _find_holding(terms: OrderTerms, exposure: Exposure) -> Refusal | None:
    """Refuse to deliver shares that are not there: `exposure` has the order in it."""
    if terms.product is not Product.CNC or terms.side is Side.BUY:
        return None
    free = exposure.held - exposure.selling + terms.quantity
    if terms.quantity <= free:
        return None
    msg = f"at most the {max(0, free)} shares that are held and not for sale yet were wanted"
    return refuse(Check.HOLDING, msg, held=exposure.held, free=max(0, free))


def _find_quantity(
    limits: AccountLimits, terms: OrderTerms, exposures: Exposures
) -> Refusal | None:
    if limits.max_open_quantity is None:
        return None
    found = [exposures.get((terms.instrument_id, product), Exposure()) for product in Product]
    held = sum(each.held for each in found)
    # What closes may be filled and what opens not: the worst is what counts.
    if terms.side is Side.BUY:
        reached = held + sum(each.buying for each in found)
    else:
        reached = sum(each.selling for each in found) - held
    if reached <= limits.max_open_quantity:
        return None
    msg = (
        f"at most {limits.max_open_quantity} units of one contract were wanted on the account, "
        f"with all its orders filled it would be {reached}"
    )
    return refuse(
        Check.OPEN_QUANTITY, msg, limit=limits.max_open_quantity, reached=reached, held=held
    )


def _find_loss(state: AccountState, terms: OrderTerms, exposure: Exposure) -> Refusal | None:
    """Refuse to open anything on a day that has lost enough: `exposure` has the order in it."""
    limit, is_buying = state.limits.max_loss_per_day, terms.side is Side.BUY
    closes = -exposure.held if is_buying else exposure.held
    if limit is None or (exposure.buying if is_buying else exposure.selling) <= closes:
        return None
    wanted = format_paise(limit)
    if state.made is None:
        msg = (
            "what the account has made today was wanted, for it may lose so much and no more, and "
            "something that it holds has no price; an order that only closes would do"
        )
        return refuse(Check.LOSS_PER_DAY, msg, limit=wanted, made=None)
    made = round_to_paise(state.made)
    if made > -limit:
        return None
    msg = (
        f"a loss of less than {wanted} today was wanted on the account, it has made "
        f"{format_paise(made)}; an order that only closes would do"
    )
    return refuse(Check.LOSS_PER_DAY, msg, limit=wanted, made=format_paise(made))
