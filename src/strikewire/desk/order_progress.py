"""What may follow what in an order's life, however the news of it arrives.

::

    PENDING ──► TRIGGER_PENDING ──► OPEN ──► COMPLETE | CANCELLED | REJECTED
       └──────► UNKNOWN ──(order book)──► any of them

A broker's updates come twice, in another order, or not at all. States are numbered from left to
right; a later one wins and a final one stays, filled quantity only grows, and an update that adds
nothing to what is known is dropped. So whatever arrives last, an order stands where the furthest
of its updates says. An order of which it is not known whether the broker has it is believed to
nobody but the broker's order book (decision 0006).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from strikewire.core.orders import MarketMoment, OrderId, OrderProgress, OrderState

_RANKS: Final = MappingProxyType(
    {
        OrderState.PENDING: 0,
        OrderState.UNKNOWN: 0,
        OrderState.TRIGGER_PENDING: 1,
        OrderState.OPEN: 2,
        OrderState.COMPLETE: 3,
        OrderState.CANCELLED: 3,
        OrderState.REJECTED: 3,
    }
)


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """What a broker says of an order.

    Parameters
    ----------
    filled_quantity : units, all that was filled of it so far.
    moment : where the market stood; None where the broker does not say.
    reason : why it was rejected or cancelled.
    broker_order_id : by which the broker knows it.
    is_from_book : it was read in the order book, and not told by a stream or an answer.
    """

    order_id: OrderId
    state: OrderState
    filled_quantity: int = 0
    moment: MarketMoment | None = None
    reason: str | None = None
    broker_order_id: str | None = None
    is_from_book: bool = False


def advance(progress: OrderProgress, update: OrderUpdate) -> OrderProgress | None:
    """Return how far an order has come by an update; None when it says nothing new."""
    if progress.state is OrderState.UNKNOWN and not update.is_from_book:
        return None
    state = _choose_state(progress.state, update.state)
    filled_quantity = max(progress.filled_quantity, update.filled_quantity)
    if state is progress.state and filled_quantity == progress.filled_quantity:
        return None
    is_taken = _RANKS[state] > 0 and state is not OrderState.REJECTED
    moment = update.moment if is_taken else None
    return replace(
        progress,
        state=state,
        filled_quantity=filled_quantity,
        accepted=progress.accepted or moment,
        matched=_find_latest(progress.matched, moment),
        reason=progress.reason if state is progress.state else update.reason,
        revision=progress.revision + 1,
    )


def _choose_state(known: OrderState, told: OrderState) -> OrderState:
    if told is OrderState.UNKNOWN:
        # A timeout that is told after the broker has answered is no news.
        return told if known is OrderState.PENDING else known
    return told if _RANKS[told] > _RANKS[known] else known


def _find_latest(known: MarketMoment | None, told: MarketMoment | None) -> MarketMoment | None:
    if known is None or told is None:
        return known or told
    return told if known.is_reached(told) else known
